package exchange_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
)

// A peer on which nothing happens has no goroutine of this package: neither on
// its control stream nor for the streams that it may open. It is pinged, and
// heard, all the same.
func TestIdlePeerHasNoGoroutine(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		conn, _ := a.connect(b)
		l, err := b.Listen("late")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour + time.Second)
		synctest.Wait()
		all := make([]byte, 1<<20)
		all = all[:runtime.Stack(all, true)]
		for stack := range strings.SplitSeq(string(all), "\n\n") {
			if strings.Contains(stack, "exchange.(*session)") || strings.Contains(stack, "exchange.(*control)") {
				t.Errorf("a goroutine for an idle peer:\n%s", stack)
			}
		}
		if silent := time.Since(conn.Peer().Stats().LastReceived); silent > time.Minute {
			t.Errorf("nothing was heard for %v", silent)
		}
		s, err := conn.Peer().OpenStream(context.Background(), "late")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Accept(); err != nil {
			t.Error(err)
		}
	})
}
