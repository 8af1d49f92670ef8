package exchange

import (
	"context"
	"net"

	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
)

// This file lets the first bytes of a circuit travel in the requests that make
// it: the candidate answers them together with the relay's question (PXP §9.3).

// ahead is the asker's stream to the relay. What is written first goes with
// the request for the circuit.
type ahead struct {
	mux.Stream
	ask func(first []byte) error // nil once called
}

// openAhead opens the asker's half of a circuit. ask is called by the first
// Write, or not at all.
func openAhead(ctx context.Context, relay *session, token pxp.Token, ask func(first []byte) error) (net.Conn, error) {
	stream, err := relay.mux.Open(ctx, relay.relayStream(token))
	if err != nil {
		return nil, err
	}
	return &ahead{Stream: stream, ask: ask}, nil
}

// Write is only called by one goroutine at a time, as [secure] does.
func (a *ahead) Write(p []byte) (int, error) {
	if a.ask == nil {
		return a.Stream.Write(p)
	}
	ask := a.ask
	a.ask = nil
	if len(p) > pxp.MaxFirst {
		if err := ask(nil); err != nil {
			return 0, err
		}
		return a.Stream.Write(p)
	}
	if err := ask(p); err != nil {
		return 0, err
	}
	if _, err := a.Stream.Write(nil); err != nil { // sends the name: the relay waits for it
		return 0, err
	}
	return len(p), nil
}

// begun is the candidate's stream to the relay. What came with the request is
// read first.
type begun struct {
	mux.Stream
	first []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) == 0 {
		return b.Stream.Read(p)
	}
	n := copy(p, b.first)
	b.first = b.first[n:]
	return n, nil
}
