package exchange

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
	"github.com/peer-exchange/exchange/wrtc"
)

// This file is what sessions of version 1, npm peer-exchange's, do otherwise
// than those of version 2 (PXP §16): no encryption, no identity, no proof of
// membership, and hellos that cross. What they share is in session.go; wire1.go
// translates the messages.

// V1Policy says what an exchange does about version 1 of the protocol, whose
// peers are anonymous and not encrypted beyond their carrier.
type V1Policy int

// The policies. They are for dialing and accepting alike.
const (
	V1Accept V1Policy = 0 // both versions; with Config.Secret the same as V1Refuse
	V1Refuse V1Policy = 1 // version 2 only
	V1Only   V1Policy = 2 // version 1 only, for networks that are all npm peer-exchange
)

// featureV1 in a hello of version 2 says that its sender also meets peers of
// version 1.
const featureV1 = "v1"

// featureV2 is for a peer by version 1 that also speaks version 2.
const featureV2 = "v2"

// errNotVersion1 is for who dials by version 1 a node that does not speak it.
var errNotVersion1 = fmt.Errorf("%w by version 1: it speaks version 2, dial it by that (without ?v=1)", ErrNotPXP)

// speaks says whether this exchange takes part in a version.
func (ex *Exchange) speaks(version int) error {
	switch {
	case version == v1.Version && ex.v1 == V1Refuse:
		return ErrVersion1
	case version == pxp.Version && ex.v1 == V1Only:
		return fmt.Errorf("%w: version 2 is refused by Config.V1", ErrRefused)
	}
	return nil
}

// open1 begins a session of version 1. An acceptor has read the preamble.
func (ex *Exchange) open1(ctx context.Context, carrier net.Conn, o opening) (*session, error) {
	if _, err := io.WriteString(carrier, pxp.Magic1); err != nil {
		return nil, err
	}
	if o.dialer {
		version, err := readPreamble(carrier)
		if err != nil {
			return nil, err
		}
		if version != v1.Version {
			return nil, errNotVersion1
		}
	}
	// What somebody says of the other end's identity proves nothing.
	remote := o.handle
	if remote.IsZero() {
		remote = anonymous()
	}
	m, err := mux.Multiplex(carrier, ex.muxConfig(o, remote))
	if err != nil {
		return nil, err
	}
	stream, err := m.Open(ctx, pxp.ControlStream)
	if err != nil {
		m.Close()
		return nil, err
	}
	s := ex.newSession(o, remote, carrier, m, stream, newWire1(stream, ex.network, ex.info1()))
	s.version = v1.Version
	s.control.quiet = true
	return s, nil
}

// expects1 says whether a stream of that name can come to be in a session of
// version 1.
func (ex *Exchange) expects1(name string) bool {
	return name == pxp.ControlStream || name == v1.DataStream(ex.network) || strings.HasPrefix(name, "relay:")
}

// info1 says how we can be met. Never null, not even when nobody shall meet us:
// an original ends when it is offered such a peer. It looks at no member but pxp;
// nodes of ours leave who cannot be relayed to alone. Incoming is refused besides.
// Node is for ourselves alone: anybody can repeat it, so nobody is taken for
// somebody else by it.
func (ex *Exchange) info1() *v1.ConnectInfo {
	return &v1.ConnectInfo{PXP: true, Relay: !ex.refuseIncoming, WebRTC: ex.transport1 != nil, V2: ex.v1 != V1Only, Node: ex.node1}
}

// connected1 grants a connect request of version 1. Both sides open the data
// stream, and either may ask again when both have ended it.
func (s *session) connected1(peer *Peer, m pxp.Connect) error {
	if peer != nil {
		return s.connectedAgain1(peer, m)
	}
	stream, err := s.mux.Open(s.ctx, s.dataStream())
	if err != nil {
		err = &ProtocolError{Peer: s.remote, Code: pxp.CodeDuplicate, Reason: "connects twice", Err: err}
		_ = s.control.answer(m.ID, err) // the session ends either way
		return err
	}
	if err := s.accepted(m); err != nil {
		return err
	}
	conn := newConn(s.ex.peerOf(s), stream)
	s.setData(conn)
	if !s.giveFirst(conn) {
		conn.Reset()
	}
	return nil
}

// simplePeer is a transport that can also open channels as npm simple-peer does.
type simplePeer interface{ SimplePeer() wrtc.Transport }

// transportOf returns the transport for upgrades in a session's version.
func (ex *Exchange) transportOf(version int) wrtc.Transport {
	if version == v1.Version {
		return ex.transport1
	}
	return ex.transport
}

// openChannel1 is openChannel for version 1, which begins anew in the channel.
// The channel is not closed before the other end's preamble has come, unless
// that takes too long (PXP §16.10).
func (ex *Exchange) openChannel1(ctx context.Context, inner *session, channel net.Conn, o opening) (*session, error) {
	open, done := patient(ctx, nil)
	defer done()
	stop := context.AfterFunc(open, func() { channel.Close() })
	defer stop()
	o.handle = inner.remote
	version := v1.Version
	var s *session
	var err error
	if !o.dialer {
		version, err = readPreamble(channel)
	}
	if err == nil && version != v1.Version {
		err = errNotVersion1
	}
	if err == nil {
		s, err = ex.open1(open, channel, o)
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
		s.end(err)
	}
	if err != nil {
		channel.Close()
		return nil, handshakeError(ctx, err)
	}
	return s, nil
}

// patience1 is how long the end of a context does not end the opening of a
// channel with an original, whose process dies when a channel closes while it
// opens.
const patience1 = 2 * time.Second

// settle1 is how long the other end must have been silent before such a channel
// is closed: @roamhq/wrtc crashes when JavaScript sends something just as the
// other end's close arrives (PXP §16.10). Who never is silent is closed after
// patience1.
const settle1 = 200 * time.Millisecond

// settle waits until a session of version 1 over a channel may be ended.
func (s *session) settle() {
	if s.version != v1.Version || s.circuit || s.path.Via.IsZero() {
		return
	}
	for end := time.Now().Add(patience1); ; {
		wait := min(settle1-time.Since(s.mux.Stats().LastReceived), time.Until(end))
		if wait <= 0 {
			return
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-s.mux.Done(): // the other end was faster
			t.Stop()
			return
		}
	}
}

// patient returns a context that ends patience1 after ctx does, or with it when
// only is not nil and not set then. done must be called.
func patient(ctx context.Context, only *atomic.Bool) (later context.Context, done func()) {
	later, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if only != nil && !only.Load() {
			cancel(context.Cause(ctx))
			return
		}
		t := time.AfterFunc(patience1, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(later, func() { t.Stop() })
	})
	return later, func() {
		stop()
		cancel(nil)
	}
}

// anonymous returns a handle for a peer that has no identity.
func anonymous() (id identity.ID) {
	randomBytes(id[:])
	return id
}

// meetsUnnamed says whether we meet those of whom a relay of version 2 does not
// know who they are. Only nodes that speak both versions come to be such, and are
// named to such (PXP §16.12).
func (ex *Exchange) meetsUnnamed() bool { return ex.transport1 != nil && ex.v1 == V1Accept }

// handleByToken is handleOf for somebody whom the relay did not name.
func handleByToken(via *Peer, token pxp.Token) identity.ID {
	return handleOf(via, sha256.Sum256(token[:]))
}

// handleOf returns the handle for a peer of version 1 that a relay named so. It
// is the same each time, so that whom we have is not met again, and it is
// nobody's identity, whatever the relay says.
func handleOf(via *Peer, named [32]byte) identity.ID {
	id := via.ID()
	return sha256.Sum256(append(append([]byte("PXP1 handle\x00"), id[:]...), named[:]...))
}
