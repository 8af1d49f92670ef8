package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/bootstrap"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/secure"
	"github.com/peer-exchange/exchange/wrtc"
	"github.com/peer-exchange/exchange/wrtc/iceserver"
)

// readyEvent: the node is set up.
type readyEvent struct {
	Peer    identity.ID `json:"peer"` // our own ID
	Network string      `json:"network"`
}

func (*readyEvent) name() string { return "ready" }
func (e *readyEvent) text() string {
	return fmt.Sprintf("ready      %s in network %q", e.Peer, printable(e.Network))
}

// runNode runs the node until ctx ends, then drains it. It returns when nothing is left.
func (o *nodeOptions) runNode(ctx context.Context, out *output, log logs) error {
	stun, err := o.serveSTUN(out, log)
	if err != nil {
		return err
	}
	if stun != nil {
		defer stun.Close()
	}
	ex, err := o.exchange(stun, out, log)
	if err != nil {
		return err
	}
	defer ex.Close()

	streams := serveStreams(ex, o.echo, log.node)
	defer streams.wait()
	defer ex.Close() // ends what streams waits for

	for _, url := range o.listen {
		l, err := bootstrap.Listen(ex, url)
		if err != nil {
			return failed(err, listenHint(err))
		}
		defer l.Close()
		out.emit(&listeningEvent{URL: l.URL(), Peer: ex.ID()})
	}
	keeper, err := bootstrap.Join(ex, &bootstrap.Config{
		Seeds:  o.bootstrap,
		Cache:  o.cacheFile,
		Logger: log.keeper,
		OnError: func(url string, err error) {
			out.emit(&errorEvent{URL: url, Error: printable(err.Error()), Hint: seedHint(err)})
		},
	})
	if err != nil {
		return failed(err, "")
	}
	defer keeper.Close()
	ex.Maintain(o.target)
	out.emit(&readyEvent{Peer: ex.ID(), Network: o.network})

	<-ctx.Done()
	log.node.Info("closing", "cause", context.Cause(ctx), "within", o.drainTime)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.drainTime)
	defer cancel()
	keeper.Close()
	streams.drain()
	if err := ex.Shutdown(drain); err != nil {
		log.node.Warn("not everybody was done", "error", err)
	}
	return nil
}

// exchange makes the node's exchange, which tells peers of its STUN server, if not nil. Its events go to out.
func (o *nodeOptions) exchange(stun *iceserver.Server, out *output, log logs) (*exchange.Exchange, error) {
	config := exchange.Config{Agent: o.agent, Logger: log.node, Limits: o.limits(), V1: exchange.V1Policy(o.v1)}
	if stun != nil {
		config.STUNPort = stun.Addr().Port()
		if o.turn != "" {
			config.TURN = stun.Credentials
		}
	}
	var err error
	if o.keyFile != "" {
		if config.Identity, err = loadKey(o.keyFile); err != nil {
			return nil, err
		}
	}
	if o.secretFile != "" {
		if config.Secret, err = loadSecret(o.secretFile); err != nil {
			return nil, err
		}
	}
	if config.Transport, err = wrtc.New(&wrtc.Config{Loopback: o.offersLoopback(), Logger: log.transport}); err != nil {
		return nil, failed(err, "")
	}
	var ex *exchange.Exchange
	made := make(chan struct{}) // closed when ex is set
	config.OnEvent = func(e exchange.Event) {
		<-made
		switch e := e.(type) {
		case exchange.PeerJoined:
			out.emit(newPeerEvent(e.Peer))
		case exchange.PeerLeft:
			out.emit(newGoneEvent(ex, e))
		case exchange.StepDone:
			if wanted(e) {
				out.emit(newUnmetEvent(e))
			}
		}
	}
	defer close(made)
	ex, err = exchange.New(o.network, &config)
	return ex, failed(err, "")
}

// wanted says whether a step is the failure to meet a peer that this node looked for. Of those that others began the log tells: strangers may
// begin many.
func wanted(e exchange.StepDone) bool {
	if e.Err == nil || e.Peer.IsZero() || e.Via.IsZero() || errors.Is(e.Err, exchange.ErrConnected) {
		return false
	}
	failed, ok := errors.AsType[*wrtc.NegotiateError](e.Err)
	return !ok || failed.Role == wrtc.Offerer
}

// offersLoopback decides whether WebRTC uses loopback addresses: when the user
// says so, else when every URL given is on loopback, since then all the nodes
// are on this machine and may have no other address in common.
func (o *nodeOptions) offersLoopback() bool {
	if o.loopbackSet {
		return o.loopback
	}
	for _, text := range o.urls() {
		if url, err := bootstrap.ParseURL(text); err != nil || !isLoopbackHost(url.Host) {
			return false
		}
	}
	return len(o.urls()) > 0
}

func listenHint(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "something listens there already: choose another port, or 0 for a free one"
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 need privileges: choose a higher one"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "that address is not one of this machine's"
	}
	return ""
}

// seedHint is about a bootstrap node that is there, but is not who we look for.
func seedHint(err error) string {
	switch {
	case errors.Is(err, exchange.ErrWrongNetwork):
		return "--network and what is in --secret-file must be the same at both ends"
	case errors.Is(err, secure.ErrIdentity):
		return "another node answers at that address: correct what stands after #, or the address"
	case errors.Is(err, exchange.ErrSelf):
		return "that is this node's own address, or another node that uses the same --key"
	case errors.Is(err, exchange.ErrVersion1):
		return "write ?v=1 behind its address; that needs --v1=accept (the default) or only, and no --secret-file"
	case errors.Is(err, exchange.ErrNotPXP):
		return "something else listens there: correct the address"
	}
	return ""
}
