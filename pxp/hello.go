package pxp

// Limits of [Hello], in bytes unless said.
const (
	MaxAgent    = 128
	MaxObserved = 64
	MaxFeature  = 32 // of one feature
	MaxFeatures = 16 // features
	ProofSize   = 32
)

// Hello is the first message in each direction on the control stream, the dialer's before the acceptor's (PXP §8.1).
//
//	[1, 0, version uint, agent str, proof bin, observed str, accepts bool, features [str...]]
//
//	element   kind        limit
//	type      uint        1
//	id        uint        0
//	version   uint        2 to 65535
//	agent     str         128 bytes
//	proof     bin         32 bytes exactly
//	observed  str         64 bytes
//	accepts   bool
//	features  array str   16 features of 32 bytes
//
// At most 784 bytes. Malformed: the receiver sends bye [CodeProtocol] and closes. A proof that does not hold is not
// malformed: bye [CodeWrongNetwork].
type Hello struct {
	// Version is the highest revision of protocol 2 that the sender speaks, see [Version]; not below it.
	Version uint16

	// Agent names the sender's software, such as "exchange/0.1", for people. May be empty. Not to be trusted.
	Agent string

	// Proof is the proof of membership in the network, bound to this session by its handshake hash (PXP §4.3).
	Proof [ProofSize]byte

	// Observed is the address the receiver is seen at by the sender, as host:port; empty where there is none, as on a
	// circuit.
	Observed string

	// Accepts says whether the sender wants to be told to others as a candidate.
	Accepts bool

	// Features names optional abilities of the sender. Unknown ones are ignored. Decoded, an empty list is nil.
	Features []string
}

// Type returns [TypeHello].
func (Hello) Type() Type { return TypeHello }

func (m Hello) encode(e *encoder) {
	e.head(0, isNotice, 6)
	e.uint("version", uint64(m.Version), Version, 1<<16-1)
	e.str("agent", m.Agent, MaxAgent)
	e.bin("proof", m.Proof[:])
	e.str("observed", m.Observed, MaxObserved)
	e.bool("accepts", m.Accepts)
	e.array("features", len(m.Features), MaxFeatures)
	for _, f := range m.Features {
		e.str("features", f, MaxFeature)
	}
}

func decodeHello(d *decoder, id uint32) (m Hello) {
	d.id(id, isNotice)
	d.need(6)
	m.Version = uint16(d.uint("version", Version, 1<<16-1))
	m.Agent = d.str("agent", MaxAgent)
	d.bin("proof", m.Proof[:])
	m.Observed = d.str("observed", MaxObserved)
	m.Accepts = d.bool("accepts")
	n := d.arrayLen("features", MaxFeatures)
	if n > 0 {
		m.Features = make([]string, n)
	}
	for i := range m.Features {
		m.Features[i] = d.str("features", MaxFeature)
	}
	return m
}
