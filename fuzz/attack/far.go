package attack

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/secure"
	"github.com/peer-exchange/exchange/wrtc"
)

// far is an honest exchange that a hostile relay stands before: nobody that it meets through it is whom the relay lets it see.
type far struct {
	*exchange.Exchange
	p       *player
	serving sync.WaitGroup
}

func newFar(p *player) (*far, error) {
	f := &far{p: p}
	limits := exchange.Limits{QueryEvery: time.Millisecond, QueryBurst: 1000} // the relay has none
	var err error
	f.Exchange, err = exchange.New(p.Network, &exchange.Config{
		Transport: talker{}, Limits: limits, Logger: slog.New(noticing{f.noticed}),
		OnEvent: func(e exchange.Event) {
			if step, ok := e.(exchange.StepDone); ok {
				f.noticed(step.Err)
			}
		},
	})
	return f, err
}

// noticed counts what is an authentication error.
func (f *far) noticed(err error) {
	if NotAuthentic(err) {
		f.p.count(func(t *Tally) { t.Noticed++ })
	}
}

// NotAuthentic says whether somebody has noticed that what came is not from whom it should be: an authentication error.
func NotAuthentic(err error) bool {
	return errors.Is(err, secure.ErrHandshake) || errors.Is(err, secure.ErrAuthentication) || errors.Is(err, secure.ErrIdentity)
}

// door returns a socket whose other end far is about to accept.
func (f *far) door(ctx context.Context) net.Conn {
	a, b := memnet.Pipe()
	f.serving.Go(func() { // ended with the exchange
		if conn, err := f.Accept(ctx, b); err == nil {
			f.Deliver(conn)
		}
	})
	return a
}

// ask looks for a peer, which it will not find.
func (f *far) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := f.GetNewPeer(ctx)
	if err == nil {
		conn.Close()
	}
	return err
}

func (f *far) close() {
	f.Close()
	f.serving.Wait()
}

// talker is a transport that says this and that and never gets through.
type talker struct{}

func (talker) Name() string                 { return "webrtc" }
func (t talker) SimplePeer() wrtc.Transport { return t }
func (talker) Negotiate(ctx context.Context, role wrtc.Role, s wrtc.Signaler) (wrtc.Conn, error) {
	kind := wrtc.Offer
	if role == wrtc.Answerer {
		kind = wrtc.Answer
		if _, err := s.Receive(ctx); err != nil {
			return nil, err
		}
	}
	for range 4 {
		if err := s.Send(ctx, wrtc.Signal{Kind: kind, Text: "this and that"}); err != nil {
			return nil, err
		}
		kind = wrtc.Candidate
		select { // so that each goes by itself
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// noticing is a [slog.Handler] that hands on the errors that are logged.
type noticing struct{ err func(error) }

func (noticing) Enabled(context.Context, slog.Level) bool { return true }
func (n noticing) WithAttrs([]slog.Attr) slog.Handler     { return n }
func (n noticing) WithGroup(string) slog.Handler          { return n }
func (n noticing) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok {
			n.err(err)
		}
		return true
	})
	return nil
}
