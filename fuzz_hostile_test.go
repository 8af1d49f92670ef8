package exchange_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
	"github.com/peer-exchange/exchange/secure"
)

// claim is what the model says about a session of a hostile peer.
type claim int

const (
	open  claim = 0 // nothing
	lives claim = 1 // it has joined and kept to the protocol: the victim must not end it
)

// hostile is a session of a hostile peer, over a socket, a circuit or a channel.
type hostile struct {
	key     *identity.Key
	version int      // 0: just bytes
	carrier net.Conn // below everything
	door    bool     // it leads to the victim
	dialer  bool
	inner   *secure.Conn // version 2, not over a channel
	binding [32]byte
	mux     mux.Session
	control mux.Stream
	nonce   uint64   // of version 1: requests and notices so far
	channel net.Conn // the end of a channel that was offered

	claim                    claim
	due                      time.Time // when it must be gone at the latest; zero: it need not
	helloed, connected, data bool
	broken                   bool // the protocol, once
	frozen                   bool

	mu      sync.Mutex // guards what follows, which the readers fill
	tokens  []pxp.Token
	used    []pxp.Token // asked for
	asks    []ask       // what the other end asked and was not answered
	streams []mux.Stream
	ended   error
	refuse  map[uint32]string // requests that must not be granted, and what they are
	granted string            // one of them
}

type ask struct {
	m     pxp.Message
	nonce v1.Nonce
}

const (
	hostileWait = 5 * time.Second // for what may never come
	writeWait   = time.Second
	maxKept     = 32 // tokens, questions, streams of one hostile peer
)

// gone is whether the session is over.
func (h *hostile) gone(victim *node) bool {
	if h.mux == nil {
		return false
	}
	if h.frozen { // and will not notice
		return victim.Peer(h.key.ID()) == nil
	}
	select {
	case <-h.mux.Done():
		return true
	default:
		return false
	}
}

func (h *hostile) why() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended != nil {
		return h.ended
	}
	return h.mux.Err()
}

// lie is what was granted to it and must not be.
func (h *hostile) lie() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.granted
}

// guilty says that the protocol was broken: the victim has a minute.
func (h *hostile) guilty() {
	h.doubt()
	h.broken = true
	h.gives(time.Minute)
}

// doubt says that nobody knows what comes of it.
func (h *hostile) doubt() { h.claim = open }

// gives sets when the session must be over, unless it must be earlier.
func (h *hostile) gives(d time.Duration) {
	if due := time.Now().Add(d); h.door && (h.due.IsZero() || due.Before(h.due)) {
		h.due = due
	}
}

// joined is called when all that makes a peer may be there.
func (h *hostile) joined() {
	if h.helloed && h.connected && h.data && h.door && !h.broken && time.Now().Before(h.due.Add(-2*time.Second)) {
		h.claim, h.due = lives, time.Time{}
	}
}

func (h *hostile) freeze() {
	if c, ok := h.carrier.(*memnet.Conn); ok {
		c.Freeze()
		h.frozen = true
	}
}

func (h *hostile) thaw() {
	if c, ok := h.carrier.(*memnet.Conn); ok {
		c.Thaw()
		h.frozen = false
	}
}

func (h *hostile) close() {
	h.carrier.Close()
	if h.mux != nil {
		h.mux.Close()
	}
	if h.channel != nil {
		h.channel.Close()
	}
}

// begin takes carrier as far as the control stream; nil when that fails.
func (a *arena) begin(i int, carrier net.Conn, version int, dialer, door bool) *hostile {
	h := &hostile{key: a.keys[i], version: version, carrier: carrier, dialer: dialer, door: door, refuse: make(map[uint32]string)}
	h.gives(12 * time.Second) // Limits.HandshakeTime and what is needed to notice
	ctx, cancel := context.WithTimeout(context.Background(), hostileWait)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { carrier.Close() })
	defer stop()
	var err error
	switch {
	case version == 1:
		err = h.begin1()
	case dialer:
		if h.inner, err = secure.Client(ctx, carrier, &secure.Config{Key: h.key, Preamble: []byte(pxp.Magic2)}); err == nil {
			h.binding = h.inner.Binding()
			h.mux, err = mux.Client(h.inner, nil)
		}
	default:
		var magic [len(pxp.Magic2)]byte
		if _, err = io.ReadFull(carrier, magic[:]); err != nil {
			break
		}
		if h.inner, err = secure.Server(ctx, carrier, &secure.Config{Key: h.key, Preamble: []byte(pxp.Magic2)}); err == nil {
			h.binding = h.inner.Binding()
			h.mux, err = mux.Server(h.inner, nil)
		}
	}
	return h.begun(ctx, err)
}

// begun says hello, unless err is why h did not get so far; nil when that fails.
func (h *hostile) begun(ctx context.Context, err error) *hostile {
	if err == nil {
		err = h.run(ctx)
	}
	if err != nil {
		h.close()
		return nil
	}
	return h
}

func (h *hostile) begin1() (err error) {
	if _, err = io.WriteString(h.carrier, pxp.Magic1); err != nil {
		return err
	}
	var magic [len(pxp.Magic1)]byte
	if _, err = io.ReadFull(h.carrier, magic[:]); err != nil {
		return err
	}
	h.mux, err = mux.Multiplex(h.carrier, nil)
	return err
}

// run opens the control stream and starts the readers, which end with the mux.
func (h *hostile) run(ctx context.Context) (err error) {
	if h.version == 1 || h.dialer {
		h.control, err = h.mux.Open(ctx, pxp.ControlStream)
	} else {
		h.control, err = h.mux.Accept(ctx)
	}
	if err != nil {
		return err
	}
	if h.version == 1 {
		go h.read1()
	} else {
		go h.read2()
	}
	go h.acceptStreams()
	return nil
}

func (h *hostile) acceptStreams() {
	for {
		s, err := h.mux.Accept(context.Background())
		if err != nil {
			return
		}
		h.mu.Lock()
		if len(h.streams) < maxKept {
			h.streams = append(h.streams, s)
			s = nil
		}
		h.mu.Unlock()
		if s != nil {
			s.Reset()
		}
	}
}

func (h *hostile) read2() {
	for {
		var head [2]byte
		if _, err := io.ReadFull(h.control, head[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint16(head[:]))
		if _, err := io.ReadFull(h.control, body); err != nil {
			return
		}
		m, err := pxp.Decode(body)
		if err != nil {
			return
		}
		switch m := m.(type) {
		case pxp.Ping:
			h.say(pxp.Res{ID: m.ID})
		case pxp.Bye:
			h.mu.Lock()
			h.ended = errorText(m.Code.String() + ": " + m.Reason)
			h.mu.Unlock()
		case pxp.Res:
			if m.Code == pxp.CodeOK {
				h.mu.Lock()
				h.granted += h.refuse[m.ID]
				h.mu.Unlock()
			}
			for _, c := range m.Candidates {
				h.keep(c.Token)
			}
		case pxp.GetPeers, pxp.Relay, pxp.Incoming:
			h.asked(ask{m: m})
		}
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }

func (h *hostile) read1() {
	lines := bufio.NewReader(h.control)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		m, err := v1.Decode(line[:len(line)-1])
		if err != nil {
			return
		}
		switch m := m.(type) {
		case v1.Res:
			for _, c := range m.Candidates {
				h.keep(token1(c.ID))
			}
		case v1.GetPeers:
			h.asked(ask{pxp.GetPeers{}, m.Nonce})
		case v1.Relay:
			h.asked(ask{pxp.Relay{Token: token1(m.ID)}, m.Nonce})
		case v1.Incoming:
			h.asked(ask{pxp.Incoming{Token: token1(m.ID)}, m.Nonce})
		}
	}
}

func (h *hostile) keep(t pxp.Token) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.tokens) < maxKept {
		h.tokens = append(h.tokens, t)
	}
}

func (h *hostile) asked(q ask) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.asks) < maxKept {
		h.asks = append(h.asks, q)
	}
}

// take takes the oldest of what the other end asked.
func (h *hostile) take() (q ask, found bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.asks) == 0 {
		return q, false
	}
	q = h.asks[0]
	h.asks = h.asks[1:]
	return q, true
}

// stream returns one of the streams that there are.
func (h *hostile) stream(k byte) mux.Stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) == 0 {
		return nil
	}
	return h.streams[int(k)%len(h.streams)]
}

// circuit takes the newest stream of a circuit.
func (h *hostile) circuit() mux.Stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.streams) - 1; i >= 0; i-- {
		if s := h.streams[i]; strings.HasPrefix(s.Name(), "relay:") {
			h.streams = append(h.streams[:i], h.streams[i+1:]...)
			return s
		}
	}
	return nil
}

// open opens a stream, if the limits let it.
func (h *hostile) open(name string) mux.Stream {
	if h.mux == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeWait)
	defer cancel()
	s, err := h.mux.Open(ctx, name)
	if err != nil {
		return nil
	}
	h.write(s, nil)
	return s
}

// write does not wait long. What was not taken may be cut.
func (h *hostile) write(s mux.Stream, b []byte) {
	if s == nil {
		return
	}
	s.SetWriteDeadline(time.Now().Add(writeWait))
	if _, err := s.Write(b); err != nil && s == h.control {
		h.doubt()
	}
}

// say sends a control message, if there is one of that kind and it is not
// malformed. What is malformed is for the action "rubbish".
func (h *hostile) say(m pxp.Message) bool {
	if h.control == nil {
		return false
	}
	b, err := pxp.Append(nil, m)
	if h.version == 1 {
		b, err = h.line(m)
	}
	if err != nil || len(b) == 0 {
		return false
	}
	h.write(h.control, b)
	return true
}

// line is m in version 1.
func (h *hostile) line(m pxp.Message) ([]byte, error) {
	n := v1.NewNonce(h.nonce)
	h.nonce++
	var line v1.Message
	switch m := m.(type) {
	case pxp.GetPeers:
		line = v1.GetPeers{Nonce: n, Network: "test"}
	case pxp.Relay:
		line = v1.Relay{Nonce: n, ID: id1(m.Token)}
	case pxp.Incoming:
		line = v1.Incoming{Nonce: n, ID: id1(m.Token)}
	case pxp.Connect:
		line = v1.Connect{Nonce: n, Network: "test"}
	case pxp.Upgrade:
		up := v1.Upgrade{Nonce: n, Transport: m.Transport}
		switch m.Kind {
		case pxp.UpgradeOffer:
			up.Signal = v1.Signal{Type: "offer", SDP: m.Text}
		case pxp.UpgradeAnswer:
			up.Signal = v1.Signal{Type: "answer", SDP: m.Text}
		default:
			up.Signal = v1.Signal{Candidate: &v1.ICE{Candidate: m.Text}}
		}
		line = up
	default:
		return nil, nil
	}
	return v1.Append(nil, line)
}

// answer answers what the other end asked.
func (h *hostile) answer(q ask, code pxp.Code, candidates []pxp.Candidate) bool {
	_, list := q.m.(pxp.GetPeers)
	if h.version == 1 {
		res := v1.Res{Nonce: q.nonce, List: list, OK: code == pxp.CodeOK, Error: "no"}
		if res.OK {
			res.Error = ""
		}
		for _, c := range candidates {
			info := &v1.ConnectInfo{PXP: true, Relay: true, WebRTC: true, V2: c.Protocol != v1.Version}
			res.Candidates = append(res.Candidates, v1.Candidate{ID: id1(c.Token), Network: "test", Info: info})
		}
		b, err := v1.Append(nil, res)
		if err == nil {
			h.write(h.control, b)
		}
		return err == nil
	}
	return h.say(pxp.Res{ID: idOf(q.m), Code: code, Candidates: candidates})
}

func idOf(m pxp.Message) uint32 {
	switch m := m.(type) {
	case pxp.GetPeers:
		return m.ID
	case pxp.Relay:
		return m.ID
	case pxp.Incoming:
		return m.ID
	}
	return 0
}

// A candidate's id of version 1 travels as a token.

func id1(t pxp.Token) string {
	s := strings.TrimRight(string(t[:]), "\x00")
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return hex.EncodeToString(t[:4])
		}
	}
	return s
}

func token1(id string) (t pxp.Token) {
	copy(t[:], id)
	return t
}

// relayStream is the name of a circuit's stream.
func (h *hostile) relayStream(t pxp.Token) string {
	if h.version == 1 {
		return "relay:" + id1(t)
	}
	return pxp.RelayStream(t)
}
