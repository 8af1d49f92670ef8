package v1

// Hello is the first message of each side, sent at once and not answered (PXP §16.5.1).
//
//	["hello",nonce,[version,connectInfo,["network",...]]]
//
// The original closes when the version is not 1 or no network is common, and ignores a second hello. One that does not
// decode leaves its connection open and dead.
type Hello struct {
	// Nonce is "0" at an original.
	Nonce Nonce

	// Version is to be [Version]. Any other number means that the peer cannot be talked to.
	Version int

	// Info says how the sender can be met; nil when it does not want to be.
	Info *ConnectInfo

	// Networks are the sender's networks, at most [MaxNetworks]. Decoded, what is not a string is left out: it
	// cannot be a network's name.
	Networks []string
}

// ConnectInfo is what an original tells about how it can be met. It prints all three members, true or not; other members
// are not kept.
type ConnectInfo struct {
	// PXP: a stream through a relay to it begins a session. False: the stream is application data from its first byte.
	PXP bool

	// Relay: it can be reached through a relay.
	Relay bool

	// WebRTC: it takes upgrades to WebRTC.
	WebRTC bool

	// V2: it also speaks version 2, which no original does. Originals hand it on with their candidates, so that two that
	// are introduced by an original find out. It is printed only when it is true.
	V2 bool

	// Node is a random text that a node of this module makes up when it starts, by which it knows itself again; no
	// original has one. At most 64 bytes; printed only when there is one, and what is no such text is read as none.
	Node string
}

// maxNode bounds [ConnectInfo.Node], in bytes.
const maxNode = 64

// Command returns "hello".
func (Hello) Command() string { return commandHello }

func (m Hello) encode(e *encoder) {
	e.head(m.Nonce)
	e.raw("[")
	e.int(m.Version)
	e.raw(",")
	e.info(m.Info)
	e.raw(",[")
	if n := len(m.Networks); n > MaxNetworks {
		e.failf("networks", "%d, limit %d", n, MaxNetworks)
		return
	}
	for i, network := range m.Networks {
		if i > 0 {
			e.raw(",")
		}
		e.str("networks", network)
	}
	e.raw("]]]")
}

func (e *encoder) info(info *ConnectInfo) {
	if info == nil {
		e.raw("null")
		return
	}
	e.raw(`{"pxp":`)
	e.bool(info.PXP)
	e.raw(`,"relay":`)
	e.bool(info.Relay)
	e.raw(`,"webrtc":`)
	e.bool(info.WebRTC)
	if info.V2 {
		e.raw(`,"v2":true`)
	}
	if info.Node != "" {
		e.raw(`,"node":`)
		e.str("connectInfo.node", info.Node)
	}
	e.raw("}")
}

func decodeHello(d *decoder, nonce Nonce, args value) Message {
	elements, ok := args.destructure()
	if !ok {
		d.failf("args", "%v, want an array", args.kind)
		return nil
	}
	m := Hello{Nonce: nonce, Info: decodeInfo(elements.at(1))}
	version := elements.at(0)
	if version.kind != isNumber || version.number != float64(int32(version.number)) {
		d.failf("version", "want %d", Version)
		return nil
	}
	m.Version = int(version.number)
	if m.Version != Version {
		return m // the rest is another version's
	}
	networks := elements.at(2)
	if networks.kind != isArray {
		d.failf("networks", "%v, want an array", networks.kind)
		return nil
	}
	if n := len(networks.list); n > MaxNetworks {
		d.failf("networks", "%d, limit %d", n, MaxNetworks)
		return nil
	}
	for _, network := range networks.list {
		if network.kind == isString {
			m.Networks = append(m.Networks, network.str)
		}
	}
	return m
}

// decodeInfo returns nil for all that is not set.
func decodeInfo(v value) *ConnectInfo {
	if !v.truthy() {
		return nil
	}
	info := &ConnectInfo{PXP: v.get("pxp").truthy(), Relay: v.get("relay").truthy(), WebRTC: v.get("webrtc").truthy(), V2: v.get("v2").truthy()}
	if node := v.get("node"); node.kind == isString && len(node.str) <= maxNode {
		info.Node = node.str
	}
	return info
}
