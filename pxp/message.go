package pxp

import "strconv"

// Type is the first element of a message (PXP §8). Valid types are 1 to 127; 0 and larger ones are malformed.
type Type uint8

// The message types (PXP §8).
const (
	TypeHello    Type = 1
	TypeGetPeers Type = 2
	TypeRelay    Type = 3
	TypeIncoming Type = 4
	TypeUpgrade  Type = 5
	TypeConnect  Type = 6
	TypePing     Type = 7
	TypeBye      Type = 8
	TypeRes      Type = 9
	TypeTurn     Type = 10
)

// MaxType is the largest type that a later version may give a meaning to.
const MaxType Type = 127

// String returns the message's name, as the specification's table has it, or "type N".
func (t Type) String() string {
	switch t {
	case TypeHello:
		return "hello"
	case TypeGetPeers:
		return "getpeers"
	case TypeRelay:
		return "relay"
	case TypeIncoming:
		return "incoming"
	case TypeUpgrade:
		return "upgrade"
	case TypeConnect:
		return "connect"
	case TypePing:
		return "ping"
	case TypeBye:
		return "bye"
	case TypeRes:
		return "res"
	case TypeTurn:
		return "turn"
	}
	return "type " + strconv.Itoa(int(t))
}

// known reports whether t is a type of this version.
func (t Type) known() bool { return t >= TypeHello && t <= TypeTurn }

// Message is one of [Hello], [GetPeers], [Relay], [Incoming], [Upgrade], [Connect], [Ping], [Bye], [Res], [Turn] and [Unknown].
// [Decode] returns values, never pointers; [Append] takes either. No other package can add to the set.
type Message interface {
	// Type returns the message's type, the first element of its array.
	Type() Type

	// encode writes the whole array.
	encode(e *encoder)
}

// Decode returns the message in the body of a frame (without its two length bytes). It never keeps body, nor parts of it.
// A type that this version does not know gives [Unknown] without an error. Any error is a [*FormatError].
func Decode(body []byte) (Message, error) {
	d := newDecoder(body)
	m := d.message()
	if err := d.close(); err != nil {
		return nil, err
	}
	return m, nil
}

// message reads the array's head, then the fields by type, then skips what a later version may have put behind them.
func (d *decoder) message() Message {
	n := len(d.body)
	if n < 1 || n > MaxMessage {
		d.failf("message", "%d bytes, limit 1 to %d", n, MaxMessage)
		return nil
	}
	d.elements = d.arrayLen("message", MaxElements)
	d.need(0) // type and id
	typ := d.uint("type", 1, uint64(MaxType))
	if d.err != nil {
		return nil
	}
	d.typ = Type(typ)
	id := uint32(d.uint("id", 0, MaxID))

	var m Message
	switch d.typ {
	case TypeHello:
		m = decodeHello(d, id)
	case TypeGetPeers:
		m = decodeGetPeers(d, id)
	case TypeRelay:
		m = decodeRelay(d, id)
	case TypeIncoming:
		m = decodeIncoming(d, id)
	case TypeUpgrade:
		m = decodeUpgrade(d, id)
	case TypeConnect:
		m = decodeConnect(d, id)
	case TypePing:
		m = decodePing(d, id)
	case TypeBye:
		m = decodeBye(d, id)
	case TypeRes:
		m = decodeRes(d, id)
	case TypeTurn:
		m = decodeTurn(d, id)
	default:
		m = Unknown{MessageType: d.typ, ID: id}
	}
	d.skip("message", d.elements-2-d.fields)
	if d.err == nil && d.remaining() > 0 {
		d.failf("message", "%d bytes after its end", d.remaining())
	}
	return m
}
