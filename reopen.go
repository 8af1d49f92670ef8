package exchange

import (
	"context"
	"errors"
	"fmt"

	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
)

// Reopen opens the data stream again after both ends have closed it. At the
// peer it goes to the listener. It fails while the last one is open at this
// end; the peer resets it while it is open there.
//
// In version 1 of the protocol Reopen waits for the peer's answer, for
// Limits.RequestTime at most, and fails with [ErrRefused] while the last one is
// open there. When both ends call it at once both calls return the same stream,
// and no listener gets it. This is between nodes of this module: npm
// peer-exchange ends the session in both cases. So where it is at the other end,
// let only one of the two reopen, and only after the other has read to the end.
func (p *Peer) Reopen(ctx context.Context) (*Conn, error) {
	s := p.s
	if s.version == v1.Version {
		return p.reopen1(ctx)
	}
	s.ex.mu.Lock()
	err := s.dataOpen()
	s.ex.mu.Unlock()
	if err != nil {
		return nil, err
	}
	stream, err := s.mux.Open(ctx, s.dataStream())
	if err != nil {
		return nil, s.cause(ctx, err)
	}
	if _, err = stream.Write(nil); err != nil { // sends the name
		stream.Reset()
		return nil, s.cause(ctx, err)
	}
	conn := newConn(p, stream)
	s.setData(conn)
	return conn, nil
}

// dataOpen returns an error while there is a data stream, or is about to be;
// ex.mu is held.
func (s *session) dataOpen() error {
	if s.asking || s.granting || s.data != nil && !s.data.closed.Load() {
		return fmt.Errorf("exchange: the data stream with peer %s is open: close it first", s.remote.Short())
	}
	return nil
}

// gaveUp says that no data stream is about to be.
func (s *session) gaveUp() {
	s.ex.mu.Lock()
	defer s.ex.mu.Unlock()
	s.asking, s.granting = false, false
}

// reopen1 is Reopen in version 1, where a stream has no opener: both ends make
// their half of it, one when it is asked and one when it is answered. Whoever
// asks makes its half last, so that nothing is left of it when it is refused.
func (p *Peer) reopen1(ctx context.Context) (*Conn, error) {
	s := p.s
	w, err := s.control.beginIf(ctx, func(id uint32) (pxp.Message, error) {
		// Nothing else is written before the request: see connectedAgain1.
		s.ex.mu.Lock()
		defer s.ex.mu.Unlock()
		if err := s.dataOpen(); err != nil {
			return nil, err
		}
		s.asking = true
		return pxp.Connect{ID: id}, nil
	}, nil)
	if w == nil {
		return nil, s.cause(ctx, err)
	}
	_, err = w.wait(ctx)
	if refused := new(RemoteError); errors.As(err, &refused) {
		s.gaveUp()
		return nil, err
	}
	open := ctx
	if err != nil { // the peer may have granted it: then it reads an end
		var cancel context.CancelFunc
		open, cancel = context.WithTimeout(context.Background(), peerLinger)
		defer cancel()
	}
	stream, openErr := s.mux.Open(open, s.dataStream())
	if err == nil {
		err = openErr
	}
	if err != nil {
		if openErr == nil {
			stream.Reset()
		}
		s.gaveUp()
		return nil, s.cause(ctx, err)
	}
	conn := newConn(p, stream)
	s.setData(conn)
	return conn, nil
}

// connectedAgain1 answers a peer of version 1 that asks for another data stream.
// That is refused while there is one, unless both ask at once: then either end
// finds the other's request before the answer to its own, grants it, and makes
// its half as who has asked.
func (s *session) connectedAgain1(peer *Peer, m pxp.Connect) error {
	ex := s.ex
	ex.mu.Lock()
	if s.asking {
		ex.mu.Unlock()
		return s.control.answer(m.ID, nil)
	}
	err := s.dataOpen()
	s.granting = err == nil
	ex.mu.Unlock()
	if err != nil {
		return s.control.answer(m.ID, errOpenHere)
	}
	stream, err := s.mux.Open(s.ctx, s.dataStream())
	if err != nil { // the last one's name is not free yet
		s.gaveUp()
		return s.control.answer(m.ID, errOpenHere)
	}
	conn := newConn(peer, stream)
	s.setData(conn)
	if err := s.control.answer(m.ID, nil); err != nil {
		return err
	}
	ex.Deliver(conn)
	return nil
}

// errOpenHere refuses a second data stream beside the first.
var errOpenHere = &ProtocolError{Code: pxp.CodeDuplicate, Reason: "connects twice: the data stream is open here"}
