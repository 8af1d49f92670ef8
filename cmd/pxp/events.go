package main

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/wrtc"
)

// The events that pxp node tells; pxp demo has them too, with Node set.

// listeningEvent: sockets can be opened to URL.
type listeningEvent struct {
	Node string      `json:"node,omitempty"`
	URL  string      `json:"url"`
	Peer identity.ID `json:"peer,omitzero"` // our own ID
}

func (*listeningEvent) name() string { return "listening" }
func (e *listeningEvent) text() string {
	if e.Node != "" {
		return fmt.Sprintf("%s listens on %s", e.Node, e.URL)
	}
	return "listening  " + e.URL
}

// peerEvent: there is a session with a peer.
type peerEvent struct {
	Node     string      `json:"node,omitempty"`
	Peer     identity.ID `json:"peer"`
	Name     string      `json:"name,omitempty"` // the peer's in the demo
	Path     string      `json:"path"`           // "tcp", "ws", "webrtc" or "relay"
	Protocol int         `json:"protocol"`
	Via      identity.ID `json:"via,omitzero"`
	Local    string      `json:"local,omitempty"` // the addresses of the path's two ends
	Remote   string      `json:"remote,omitempty"`
	Incoming bool        `json:"incoming"`
	Agent    string      `json:"agent,omitempty"` // what the peer says it runs
}

func newPeerEvent(p *exchange.Peer) *peerEvent {
	local, remote := p.Addrs()
	return &peerEvent{
		Peer:     p.ID(),
		Path:     p.Path().Carrier,
		Protocol: p.Protocol(),
		Via:      p.Path().Via,
		Local:    addressText(local),
		Remote:   addressText(remote),
		Incoming: p.Incoming(),
		Agent:    printable(p.Agent()),
	}
}

// addressText is an address, behind its ICE type where it has one.
func addressText(a net.Addr) string {
	switch a := a.(type) {
	case nil:
		return ""
	case wrtc.Addr:
		return strings.TrimSpace(a.Type + " " + a.String())
	}
	return printable(a.String())
}

func (*peerEvent) name() string { return "peer" }
func (e *peerEvent) text() string {
	if e.Node != "" {
		return "" // the demo tells of it as one met
	}
	text := fmt.Sprintf("peer       %s by %s", e.Peer, e.Path)
	if e.Path == exchange.CarrierWebRTC {
		text += " to " + e.Remote
	}
	if !e.Via.IsZero() {
		text += ", introduced by " + e.Via.String()
	}
	if e.Incoming {
		text += ", incoming"
	}
	return text + fmt.Sprintf(", runs %q", e.Agent)
}

// unmetEvent: a peer that we looked for was introduced to us and could not be met.
type unmetEvent struct {
	Peer  identity.ID `json:"peer,omitzero"`
	Via   identity.ID `json:"via,omitzero"`
	Step  string      `json:"step"` // an exchange.Step
	Error string      `json:"error"`
}

func newUnmetEvent(e exchange.StepDone) *unmetEvent {
	return &unmetEvent{Peer: e.Peer, Via: e.Via, Step: string(e.Step), Error: printable(e.Err.Error())}
}

func (*unmetEvent) name() string { return "unmet" }
func (e *unmetEvent) text() string {
	return fmt.Sprintf("unmet      %s, introduced by %s: %s: %s", e.Peer, e.Via, e.Step, e.Error)
}

// goneEvent: the session with a peer is over.
type goneEvent struct {
	Node   string      `json:"node,omitempty"`
	Peer   identity.ID `json:"peer"`
	Name   string      `json:"name,omitempty"`
	Path   string      `json:"path"`
	Reason string      `json:"reason"` // one of the reason words
	Detail string      `json:"detail,omitempty"`
}

func (*goneEvent) name() string { return "gone" }
func (e *goneEvent) text() string {
	if e.Node != "" {
		return fmt.Sprintf("%s lost %s: %s (%s)", e.Node, e.Name, e.Reason, e.Detail)
	}
	return fmt.Sprintf("gone       %s by %s: %s (%s)", e.Peer, e.Path, e.Reason, e.Detail)
}

// The words for why a peer is gone. They are stable.
const (
	reasonClosed     = "closed"     // one side ended the session in order
	reasonDead       = "dead"       // nothing was heard within the keepalive limit
	reasonLost       = "lost"       // the connection broke
	reasonSuperseded = "superseded" // there is a better path to the same peer
	reasonRefused    = "refused"    // the peer wants no session with us
	reasonProtocol   = "protocol"   // one side broke the protocol
	reasonOther      = "other"
)

// reasonOf returns the word for why a peer left. again says that there is a
// newer session with it.
func reasonOf(err error, again bool) string {
	if again {
		return reasonSuperseded
	}
	if remote, ok := errors.AsType[*exchange.RemoteError](err); ok {
		return reasonOfCode(remote.Code)
	}
	if _, ok := errors.AsType[*exchange.ProtocolError](err); ok {
		return reasonProtocol
	}
	switch {
	case errors.Is(err, exchange.ErrDead):
		return reasonDead
	case errors.Is(err, exchange.ErrClosed):
		return reasonClosed
	case errors.Is(err, exchange.ErrLost):
		return reasonLost
	}
	return reasonOther
}

// reasonOfCode is reasonOf for what the peer said when it left.
func reasonOfCode(code pxp.Code) string {
	switch code {
	case pxp.CodeOK, pxp.CodeClosing:
		return reasonClosed
	case pxp.CodeSuperseded, pxp.CodeDuplicate:
		return reasonSuperseded
	case pxp.CodeProtocol, pxp.CodeUnsupported:
		return reasonProtocol
	case pxp.CodeTimeout:
		return reasonDead
	case pxp.CodeRefused, pxp.CodeLimit, pxp.CodeWrongNetwork, pxp.CodeSelf:
		return reasonRefused
	}
	return reasonOther
}

// newGoneEvent is about a peer of ex that has left.
func newGoneEvent(ex *exchange.Exchange, left exchange.PeerLeft) *goneEvent {
	now := ex.Peer(left.Peer.ID())
	return &goneEvent{
		Peer:   left.Peer.ID(),
		Path:   left.Peer.Path().Carrier,
		Reason: reasonOf(left.Err, now != nil && now != left.Peer),
		Detail: printable(left.Err.Error()),
	}
}

// errorEvent: something did not work. The node goes on unless it says so.
type errorEvent struct {
	URL   string `json:"url,omitempty"` // what it was about
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

func (*errorEvent) name() string { return "error" }
func (e *errorEvent) text() string {
	if e.Hint != "" {
		return fmt.Sprintf("error      %s\n           %s", e.Error, e.Hint)
	}
	return "error      " + e.Error
}

// emitError tells of the failure that ends a command, as JSON only: for people
// it goes to stderr.
func (o *output) emitError(f *failure) {
	if o.json {
		o.emit(&errorEvent{Error: printable(f.Error()), Hint: printable(f.hint)})
	}
}
