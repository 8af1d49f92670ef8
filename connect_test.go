package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// by1 is to connect by version 1.
var by1 = &exchange.ConnectConfig{Protocol: 1}

// What a call gives along travels with the request to connect, and waits for the
// other end's proof where the network has a secret and nobody is named.
func TestFirst(t *testing.T) {
	first := bytes.Repeat([]byte("first "), exchange.MaxFirst/6)
	for _, tt := range []struct {
		name, secret string
		named, waits bool
	}{
		{"open network", "", false, false},
		{"secret", "s", false, true},
		{"secret and named", "s", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				n := w.node(func(c *exchange.Config) { c.Secret = []byte(tt.secret) })
				ours, theirs := memnet.Pipe()
				key := newKey(t)
				config := &exchange.ConnectConfig{First: first}
				if tt.named {
					config.Peer = key.ID()
				}
				got := make(chan error, 1)
				go func() {
					_, err := n.ConnectWith(context.Background(), ours, config)
					got <- err
				}()
				r := rawAccept(t, theirs, key)
				expect[pxp.Hello](r)
				connect := expect[pxp.Connect](r)
				data := r.acceptStream(pxp.DataStream)
				if tt.waits {
					wantSilence(t, data)
				} else {
					wantRead(t, data, first)
				}
				r.send(r.helloMessage(secure.Acceptor, "test", tt.secret))
				if tt.waits {
					wantSilence(t, data)
				}
				r.send(pxp.Res{ID: connect.ID})
				if tt.waits {
					wantRead(t, data, first)
				}
				if err := <-got; err != nil {
					t.Error(err)
				}
				wantSilence(t, data)
			})
		})
	}
}

func wantRead(t *testing.T, from io.Reader, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(from, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %.20q…, %v", got, err)
	}
}

// wantSilence fails when something comes within a second.
func wantSilence(t *testing.T, from mux.Stream) {
	t.Helper()
	from.SetReadDeadline(time.Now().Add(time.Second))
	defer from.SetReadDeadline(time.Time{})
	if n, err := from.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes, %v; want none to have come", n, err)
	}
}

// From the open socket to the first echoed byte it takes two round trips with
// First, three with a Write, and four by version 1, where each step waits.
func TestRoundTrips(t *testing.T) {
	const oneWay = 20 * time.Millisecond
	for name, tt := range map[string]struct {
		config *exchange.ConnectConfig
		want   time.Duration
	}{
		"first":  {&exchange.ConnectConfig{First: []byte("hello")}, 4 * oneWay},
		"write":  {nil, 6 * oneWay},
		"first1": {&exchange.ConnectConfig{First: []byte("hello"), Protocol: 1}, 8 * oneWay},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.node(), w.node()
				near, far := memnet.PipeConfig{Delay: oneWay}.Pipe()
				go func() {
					if c, err := a.Accept(context.Background(), far); err == nil {
						io.Copy(c, c)
					}
				}()
				began := time.Now()
				c, err := b.ConnectWith(context.Background(), near, tt.config)
				if err != nil {
					t.Fatal(err)
				}
				if tt.config == nil {
					if _, err := c.Write([]byte("hello")); err != nil {
						t.Fatal(err)
					}
				}
				wantRead(t, c, []byte("hello"))
				if took := time.Since(began); took != tt.want {
					t.Errorf("took %v, want %v", took, tt.want)
				}
			})
		})
	}
}

// An acceptor that refuses, or does not know the network, ends the call all the
// same, and an acceptor reads no data of a dialer that it does not admit.
func TestFirstToStranger(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(inOtherNetwork), w.node()
		_, err := b.ConnectWith(context.Background(), b.dial(a), &exchange.ConnectConfig{First: []byte("hello")})
		if !errors.Is(err, exchange.ErrWrongNetwork) {
			t.Errorf("%v, want ErrWrongNetwork", err)
		}
		if a.NumPeers() != 0 || b.NumPeers() != 0 {
			t.Error("they are peers")
		}
	})
}

func TestConnectConfig(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		n := newWorld(t).node()
		for _, config := range []*exchange.ConnectConfig{
			{Protocol: 3},
			{Protocol: -1},
			{Protocol: 1, Peer: identity.ID{1}},
			{First: make([]byte, exchange.MaxFirst+1)},
		} {
			ours, theirs := memnet.Pipe()
			if _, err := n.ConnectWith(context.Background(), ours, config); err == nil {
				t.Errorf("%+v: no error", config)
			}
			if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("%+v: the socket is open: %v", config, err)
			}
		}
		_, err := n.GetNewPeerWith(context.Background(), &exchange.MeetConfig{First: make([]byte, exchange.MaxFirst+1)})
		if err == nil || errors.Is(err, exchange.ErrNoPeers) {
			t.Errorf("GetNewPeerWith: %v, want that First is too long", err)
		}
	})
}
