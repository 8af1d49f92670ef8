package mux_test

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/hashicorp/yamux"

	"github.com/peer-exchange/exchange/mux"
)

// The peer is the library as it comes, with windows of its own. It opens, and it accepts.
func TestPlainYamux(t *testing.T) {
	big := randomBytes(4 << 20)
	for name, client := range map[string]bool{"we are client": true, "we are server": false} {
		t.Run(name, func(t *testing.T) {
			a, b := tcpPipe(t)
			ours, theirs := mux.Server, yamux.Client
			if client {
				ours, theirs = mux.Client, yamux.Server
			}
			s, err := ours(a, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			cfg := yamux.DefaultConfig()
			cfg.LogOutput = io.Discard
			cfg.MaxStreamWindowSize = 1 << 20
			y, err := theirs(b, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer y.Close()

			for range 3 {
				mine, err := s.Open(t.Context(), "name")
				if err != nil {
					t.Fatal(err)
				}
				mine.Write(nil)
				other, err := y.Accept()
				if err != nil {
					t.Fatal(err)
				}
				head := make([]byte, 5)
				if _, err := io.ReadFull(other, head); err != nil || string(head) != "\x04name" {
					t.Fatalf("got %q, %v", head, err)
				}
				exchange(t, mine, other, big)

				if other, err = y.Open(); err != nil {
					t.Fatal(err)
				}
				other.Write([]byte("\x05other"))
				if mine, err = s.Accept(t.Context()); err != nil || mine.Name() != "other" {
					t.Fatalf("got %v, %v", mine, err)
				}
				exchange(t, mine, other, big)
			}
			if _, err := y.Ping(); err != nil {
				t.Fatalf("ping: %v", err)
			}
			if st := s.Stats(); st.Streams != 0 || y.NumStreams() != 0 {
				t.Fatalf("left: %+v, %d", st, y.NumStreams())
			}
		})
	}
}

// exchange sends big both ways at once, in pieces that a frame may have, closes both ends and checks what arrived.
func exchange(t *testing.T, mine mux.Stream, other net.Conn, big []byte) {
	t.Helper()
	received := make(chan []byte)
	write := func(c io.Writer) {
		for p := big; len(p) > 0; {
			n := min(len(p), mux.MaxFrameBytes)
			c.Write(p[:n])
			p = p[n:]
		}
	}
	go func() { write(mine); mine.CloseWrite() }()
	go func() { write(other); other.Close() }()
	go func() { b, _ := io.ReadAll(other); received <- b }()
	got, err := io.ReadAll(mine)
	if err != nil || !bytes.Equal(got, big) {
		t.Fatalf("we got %d bytes, %v", len(got), err)
	}
	if got := <-received; !bytes.Equal(got, big) {
		t.Fatalf("the peer got %d bytes", len(got))
	}
	mine.Close()
}
