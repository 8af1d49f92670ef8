package exchange_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/pxp"
)

// Who leaves while there is more of it to read than it may ask, on a connection that breaks, leaves nothing in the
// budget of all: else some hundred visits would use it up.
func TestBudgetAfterVisits(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a := newWorld(t).node()
		before := a.Stats().PromisedBytes
		for range 3 {
			r := rawJoin(t, a)
			for range 200 {
				r.send(pxp.Ping{ID: 7})
			}
			time.Sleep(time.Second)
			r.conn.Close()
			a.left(r.key.ID())
		}
		time.Sleep(time.Second)
		if left := a.Stats().PromisedBytes - before; left != 0 {
			t.Errorf("%d bytes are left in the budget", left)
		}
	})
}

// So does whom we dial, and who says goodbye instead of hello with more behind it.
func TestBudgetAfterCalls(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a := newWorld(t).node()
		for range 3 {
			near, far := memnet.Pipe()
			failed := make(chan error, 1)
			go func() { // ended by the bye
				_, err := a.Connect(context.Background(), near)
				failed <- err
			}()
			r := rawAccept(t, far, newKey(t))
			data := r.acceptStream(pxp.DataStream)
			if _, err := data.Write([]byte("nobody will read this")); err != nil {
				t.Fatal(err)
			}
			both, err := pxp.Append(nil, pxp.Bye{Code: pxp.CodeRefused})
			if err == nil {
				both, err = pxp.Append(both, pxp.Ping{ID: 1})
			}
			if err != nil {
				t.Fatal(err)
			}
			r.sendBytes(both) // at once: it is over when the first is read
			if err := <-failed; !errors.Is(err, exchange.ErrRefused) {
				t.Errorf("Connect: %v, want ErrRefused", err)
			}
			r.mux.Close()
		}
		time.Sleep(time.Second)
		if left := a.Stats().PromisedBytes; left != 0 {
			t.Errorf("%d bytes are left in the budget", left)
		}
	})
}
