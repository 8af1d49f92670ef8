package mux_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// refusals counts what an operator reads about refused streams.
type refusals struct {
	slog.Handler
	limits map[string]int
}

func (r refusals) Enabled(context.Context, slog.Level) bool { return true }

func (r refusals) Handle(_ context.Context, e slog.Record) error {
	e.Attrs(func(a slog.Attr) bool {
		if e.Level == slog.LevelWarn && a.Key == "limit" {
			r.limits[a.Value.String()]++
		}
		return true
	})
	return nil
}

// What is set aside for a session nobody takes away, by however many streams, nor all that is common. Whose session ends leaves it to another.
func TestBudgetShares(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const own, sessions = 3, 4
		budget := mux.NewBudget(2*own*sessions*mux.Window+mux.Window, sessions)
		log := refusals{slog.DiscardHandler, make(map[string]int)}
		cfg := &mux.Config{Budget: budget, Logger: slog.New(log)}
		session := func(s mux.Session, err error) mux.Session {
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		begin := func() pair {
			a, b := memnet.Pipe()
			p := pair{session(mux.Client(a, nil)), session(mux.Server(b, cfg))}
			open(t, p.client, p.server) // as the control stream
			return p
		}
		var greedy []pair
		for range sessions - 1 {
			p := begin()
			greedy = append(greedy, p)
			for range 63 {
				st, err := p.client.Open(t.Context(), "x")
				if err != nil {
					t.Fatal(err)
				}
				_, _ = st.Write(nil)
			}
		}
		synctest.Wait()
		// Of the thirteen windows that are common the first has taken six, the second three and the third two.
		const taken = (sessions-1)*own + 6 + 3 + 2
		if used := budget.Used(); used != taken*mux.Window {
			t.Errorf("%d used of %d", used, budget.Limit())
		}
		if log.limits[mux.LimitBudgetBytes] != len(greedy) {
			t.Errorf("the operator was told %v", log.limits)
		}
		for range 2 { // the second has the place of the first
			honest := begin()
			open(t, honest.client, honest.server)
			open(t, honest.server, honest.client)
			open(t, honest.server, honest.client) // of what is common
			_, err := honest.server.Open(t.Context(), "one too many")
			var over *mux.LimitError
			if !errors.As(err, &over) || over.Limit != mux.LimitBudgetBytes || over.Value <= over.Max {
				t.Errorf("open beyond the share: %v", err)
			}
			if used := budget.Used(); used != (taken+own+1)*mux.Window {
				t.Errorf("%d used of %d", used, budget.Limit())
			}
			honest.client.Close()
			honest.server.Close()
		}
		for _, p := range greedy {
			p.client.Close()
			p.server.Close()
		}
		if used := budget.Used(); used != 0 {
			t.Errorf("%d left", used)
		}
	})
}
