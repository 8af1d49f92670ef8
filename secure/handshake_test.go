package secure

import (
	"bytes"
	"errors"
	"testing"

	"github.com/peer-exchange/exchange/internal/memnet"
)

func TestHandshake(t *testing.T) {
	a, b := memnet.Pipe()
	dialer, acceptor := &tap{Conn: a}, &tap{Conn: b}
	client, server := pairOver(t, dialer, acceptor)
	if client.Peer() != testKey(t, 2).ID() || server.Peer() != testKey(t, 1).ID() {
		t.Errorf("peers %v and %v", client.Peer(), server.Peer())
	}
	if client.Binding() != server.Binding() || client.Binding() == [32]byte{} {
		t.Errorf("bindings %x and %x", client.Binding(), server.Binding())
	}
	if client.Export("a") != server.Export("a") || client.Export("a") == client.Export("b") {
		t.Error("exports")
	}
	// Preamble and message 1, preamble and message 2, message 3: one write each.
	var sizes []int
	for _, w := range append(dialer.writes, acceptor.writes...) {
		sizes = append(sizes, len(w))
	}
	if want := []int{5 + 2 + 32, 2 + 160, 5 + 2 + 192}; len(sizes) != 3 || sizes[0] != want[0] || sizes[1] != want[1] || sizes[2] != want[2] {
		t.Errorf("writes of %v bytes, want %v", sizes, want)
	}
	msg := pattern(100_000)
	go func() { _, _ = client.Write(msg) }()
	got := make([]byte, len(msg))
	for n := 0; n < len(got); {
		m, err := server.Read(got[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	if !bytes.Equal(got, msg) {
		t.Error("data differs")
	}
}

func TestExpectOther(t *testing.T) {
	a, b := memnet.Pipe()
	dialer := dialerConfig(t)
	dialer.Expect = testKey(t, 3).ID()
	_, _, cErr, sErr := handshakeOver(t.Context(), t, a, b, dialer, acceptorConfig(t))
	var idErr *IdentityError
	if !errors.As(cErr, &idErr) || !errors.Is(cErr, ErrIdentity) || !errors.Is(cErr, ErrHandshake) {
		t.Fatalf("client: %v", cErr)
	}
	if idErr.Want != testKey(t, 3).ID() || idErr.Got != testKey(t, 2).ID() {
		t.Errorf("%+v", idErr)
	}
	if !errors.Is(sErr, ErrHandshake) {
		t.Errorf("server: %v", sErr)
	}
}
