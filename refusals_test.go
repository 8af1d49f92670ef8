package exchange_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
)

// Strangers do not fill the log: what is not said one by one is counted.
func TestLogOfRefusals(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var said bytes.Buffer
		w := newWorld(t)
		n := w.node(func(c *exchange.Config) { c.Logger = slog.New(slog.NewTextHandler(&said, nil)) })
		guest := w.node()
		knock := func(times int) {
			for range times {
				c := guest.dial(n)
				_, _ = c.Write([]byte("GET /"))
				synctest.Wait()
				c.Close()
			}
		}
		knock(200)
		if lines := strings.Count(said.String(), "not admitted"); lines != 50 {
			t.Errorf("%d lines about 200 strangers, want 50", lines)
		}
		time.Sleep(time.Second)
		knock(1)
		if !strings.Contains(said.String(), "unlogged=150") {
			t.Error("150 strangers were not counted")
		}
	})
}
