package mux_test

import (
	"net"
	"testing"

	"github.com/peer-exchange/exchange/mux"
)

// multiplexPair starts sessions of wire version 1 over a and b, and closes them after the test.
func multiplexPair(t testing.TB, a, b net.Conn, first, second *mux.Config) pair {
	t.Helper()
	x, err := mux.Multiplex(a, first)
	if err != nil {
		t.Fatal(err)
	}
	y, err := mux.Multiplex(b, second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close(); y.Close() })
	return pair{x, y}
}

// shared opens the same stream at both ends.
func shared(t testing.TB, p pair, name string) (mux.Stream, mux.Stream) {
	t.Helper()
	return mustOpen(t, p.client, name), mustOpen(t, p.server, name)
}

func mustOpen(t testing.TB, s mux.Session, name string) mux.Stream {
	t.Helper()
	st, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatalf("open %q: %v", name, err)
	}
	return st
}
