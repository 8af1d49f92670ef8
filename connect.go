package exchange

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
)

// MaxFirst is the largest size in bytes of ConnectConfig.First and
// MeetConfig.First.
const MaxFirst = 16 << 10

// ConnectConfig is what [Exchange.ConnectWith] may be told. Its zero value says
// what [Exchange.Connect] does.
type ConnectConfig struct {
	// Peer is whom the socket must lead to; anybody else is refused with a
	// *secure.IdentityError. Zero: whoever is there.
	Peer identity.ID

	// Protocol is the version of the protocol: 2, or 1 for a node of npm
	// peer-exchange, whose peers have no identity: nothing proves who they are,
	// and [Peer.ID] is a handle that means something to this exchange only.
	// Zero: 2.
	Protocol int

	// First is what the data stream begins with, at most [MaxFirst] bytes. It
	// saves a round trip against a Write after the call: it goes out with the
	// request to connect, encrypted for whoever has just proved the identity
	// that the other end has, which by then has not proved membership in the
	// network. In a network with a secret it waits for that proof, and saves
	// nothing, unless Peer says who it is for. By version 1 it always waits.
	//
	// If the call fails the other end may have got some or all of it.
	First []byte
}

// ConnectWith is [Exchange.Connect] with more to say about how; nil means
// nothing more. It fails like Connect, and when config makes no sense.
func (ex *Exchange) ConnectWith(ctx context.Context, socket net.Conn, config *ConnectConfig) (*Conn, error) {
	o := opening{version: pxp.Version}
	if config != nil {
		if err := config.check(); err != nil {
			socket.Close()
			return nil, err
		}
		o.expect, o.first = config.Peer, config.First
		if config.Protocol != 0 {
			o.version = config.Protocol
		}
	}
	return ex.connect(ctx, socket, o)
}

func (c *ConnectConfig) check() error {
	switch {
	case c.Protocol != 0 && c.Protocol != v1.Version && c.Protocol != pxp.Version:
		return fmt.Errorf("exchange: ConnectConfig.Protocol is %d: there are versions 1 and 2", c.Protocol)
	case c.Protocol == v1.Version && !c.Peer.IsZero():
		return fmt.Errorf("exchange: ConnectConfig.Peer is %s, but peers of version 1 have no identity: leave one of them out", c.Peer.Short())
	}
	return checkFirst("ConnectConfig", c.First)
}

// checkFirst bounds the field First of a config.
func checkFirst(config string, first []byte) error {
	if len(first) > MaxFirst {
		return fmt.Errorf("exchange: %s.First has %d bytes, limit %d: write the rest to the Conn", config, len(first), MaxFirst)
	}
	return nil
}

// dataStream is the name of a data stream in the session's version.
func (s *session) dataStream() string {
	if s.version == v1.Version {
		return v1.DataStream(s.ex.network)
	}
	return pxp.DataStream
}

// openData opens the data stream, and begins it with first if that may go out
// before the remote has proved its membership. It returns what is left of first.
func (s *session) openData(ctx context.Context, first []byte, early bool) (mux.Stream, []byte, error) {
	stream, err := s.mux.Open(ctx, s.dataStream())
	if err != nil {
		return nil, first, err
	}
	if !early {
		return stream, first, writeFirst(ctx, stream, nil) // the name
	}
	return stream, nil, writeFirst(ctx, stream, first)
}

// writeFirst writes what a data stream begins with, nothing included, unless ctx
// is done before.
func writeFirst(ctx context.Context, stream mux.Stream, first []byte) error {
	stop := context.AfterFunc(ctx, func() { stream.SetWriteDeadline(time.Now()) })
	_, err := stream.Write(first)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	return err
}
