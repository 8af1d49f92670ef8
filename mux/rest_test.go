package mux_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// writers counts the goroutines that give frames to a carrier.
func writers() int {
	synctest.Wait()
	all := make([]byte, 1<<20)
	return strings.Count(string(all[:runtime.Stack(all, true)]), "mux.(*session).write(")
}

// A session that is idle has no goroutine to write, and works on when there is something to write, be it its end.
func TestWriterRests(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		p, x, y := framings["v2"].pipe(t, a, b)
		for range 3 {
			for range 10 { // not idle
				mustWriteText(t, x, "hello")
				mustReadText(t, y, "hello")
				if time.Sleep(700 * time.Millisecond); writers() == 0 {
					t.Error("the writer does not wait for more")
				}
			}
			if time.Sleep(3 * time.Second); writers() != 0 {
				t.Errorf("%d writers of sessions that are idle", writers())
			}
		}
		p.client.Close()
		if _, err := y.Read(make([]byte, 1)); !errors.Is(err, mux.ErrRemoteClosed) {
			t.Errorf("Read after the peer's Close: %v", err)
		}
		if err := p.server.Err(); !errors.Is(err, mux.ErrRemoteClosed) {
			t.Errorf("the session ended by %v", err)
		}
		p.server.Release()
		if writers() != 0 {
			t.Error("a writer is left")
		}
	})
}
