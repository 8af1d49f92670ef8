package exchange_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
)

// Names that no stream can have are refused at once, and the error says what is
// the matter. They would be found out only when a peer is there otherwise, and
// an original would wait for the stream for ever.
func TestNames(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		conn, _ := b.connect(a)
		for _, takes := range []struct {
			what string
			most int
			try  func(name string) error
		}{
			{"New", 250, func(name string) error {
				ex, err := exchange.New(name, nil)
				if err == nil {
					ex.Close()
				}
				return err
			}},
			{"Listen", 255, func(name string) error {
				l, err := a.Listen(name)
				if err == nil {
					l.Close()
				}
				return err
			}},
			{"OpenStream", 255, func(name string) error {
				c, err := conn.Peer().OpenStream(context.Background(), name)
				if err == nil {
					c.Reset()
				}
				return err
			}},
		} {
			for _, good := range []string{"x", "two words", "Ü\u200d", strings.Repeat("n", takes.most)} {
				if err := takes.try(good); err != nil {
					t.Errorf("%s(%q): %v", takes.what, good, err)
				}
			}
			for bad, want := range map[string]string{
				"":                                "empty",
				strings.Repeat("n", takes.most+1): "bytes",
				"a\xff":                           "UTF-8",
				"tab\there":                       "byte 3 begins a control character",
				"a\x00":                           "control character",
				"delete\x7f":                      "control character",
				"c1\u0085":                        "control character",
			} {
				if err := takes.try(bad); err == nil || !strings.HasPrefix(err.Error(), "exchange: ") || !strings.Contains(err.Error(), want) {
					t.Errorf("%s(%q): %v, want it to say %q", takes.what, bad, err, want)
				}
			}
		}
	})
}

// Who speaks version 1 only cannot be asked for named streams.
func TestListenVersion1Only(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		if _, err := w.node(withV1(exchange.V1Only)).Listen("x"); !errors.Is(err, exchange.ErrDataOnly) {
			t.Errorf("Listen: %v, want ErrDataOnly", err)
		}
	})
}
