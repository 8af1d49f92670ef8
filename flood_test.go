package exchange_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
)

// Some addresses hold all the places that strangers have, by silent connections
// that they make anew: somebody from another address is let in all the same.
func TestFloodFromSomeAddresses(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node(withLimits(exchange.Limits{Unauthenticated: 8, UnauthenticatedPerAddress: 4}))
		ctx, cancel := context.WithCancel(context.Background())
		var flood sync.WaitGroup
		for i := range 8 {
			flood.Go(func() { // ended by cancel
				for ctx.Err() == nil {
					c, err := a.door.DialFrom(ctx, fmt.Sprintf("[2001:db8:0:%x::1]:1", i/4))
					if err != nil {
						return
					}
					stop := context.AfterFunc(ctx, func() { c.Close() })
					_, _ = io.Copy(io.Discard, c)
					c.Close()
					stop()
					time.Sleep(time.Millisecond)
				}
			})
		}
		time.Sleep(time.Second)
		for range 5 {
			b := w.node()
			socket, err := a.door.DialFrom(ctx, "192.0.2.9:1")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.Connect(ctx, socket); err != nil {
				t.Error(err)
			}
			b.Close()
			time.Sleep(3 * time.Second)
		}
		cancel()
		flood.Wait()
	})
}
