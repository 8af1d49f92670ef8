package pxp

// Limits of [Turn].
const (
	MaxTurnName    = 128   // bytes of the username, and of the password
	MaxTurnSeconds = 86400 // that they are good for
)

// Turn gives its receiver credentials for the TURN server that the sender runs (PXP §8.10). It is not answered; a later one takes the place of
// those before.
//
//	[10, 0, port uint, username str, password str, seconds uint]
//
//	element   kind  limit
//	type      uint  10
//	id        uint  0
//	port      uint  1 to 65535
//	username  str   128 bytes
//	password  str   128 bytes
//	seconds   uint  1 to 86400
//
// At most 271 bytes. Malformed: the receiver sends bye [CodeProtocol] and closes.
type Turn struct {
	// Port is the UDP port at the address that the session's carrier comes from.
	Port uint16

	// Username and Password are for the receiver alone, and not to be shown.
	Username, Password string

	// Seconds is how long they are good for new allocations.
	Seconds uint32
}

// Type returns [TypeTurn].
func (Turn) Type() Type { return TypeTurn }

func (m Turn) encode(e *encoder) {
	e.head(0, isNotice, 4)
	e.uint("port", uint64(m.Port), 1, 1<<16-1)
	e.str("username", m.Username, MaxTurnName)
	e.str("password", m.Password, MaxTurnName)
	e.uint("seconds", uint64(m.Seconds), 1, MaxTurnSeconds)
}

func decodeTurn(d *decoder, id uint32) (m Turn) {
	d.id(id, isNotice)
	d.need(4)
	m.Port = uint16(d.uint("port", 1, 1<<16-1))
	m.Username = d.str("username", MaxTurnName)
	m.Password = d.str("password", MaxTurnName)
	m.Seconds = uint32(d.uint("seconds", 1, MaxTurnSeconds))
	return m
}
