package secure

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/memnet"
)

var preamble = []byte("#PXP2")

func testKey(t testing.TB, n byte) *identity.Key {
	t.Helper()
	key, err := identity.KeyFromSeed(bytes.Repeat([]byte{n}, identity.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// dialerConfig and acceptorConfig are those of two peers that expect each other.
func dialerConfig(t testing.TB) *Config {
	return &Config{Key: testKey(t, 1), Expect: testKey(t, 2).ID(), Preamble: preamble}
}

func acceptorConfig(t testing.TB) *Config {
	return &Config{Key: testKey(t, 2), Expect: testKey(t, 1).ID(), Preamble: preamble}
}

// accept does what the caller of Server must do first.
func accept(ctx context.Context, carrier net.Conn, cfg *Config) (*Conn, error) {
	got := make([]byte, len(cfg.Preamble))
	if _, err := io.ReadFull(carrier, got); err != nil {
		_ = carrier.Close()
		return nil, err
	}
	return Server(ctx, carrier, cfg)
}

// handshakeOver runs both sides over two carriers.
func handshakeOver(ctx context.Context, t testing.TB, a, b net.Conn, dialer, acceptor *Config) (*Conn, *Conn, error, error) {
	t.Helper()
	var (
		wg     sync.WaitGroup
		server *Conn
		sErr   error
	)
	wg.Go(func() { server, sErr = accept(ctx, b, acceptor) })
	client, cErr := Client(ctx, a, dialer)
	wg.Wait()
	return client, server, cErr, sErr
}

// pairOver returns a connected pair over two carriers.
func pairOver(t testing.TB, a, b net.Conn) (client, server *Conn) {
	t.Helper()
	client, server, cErr, sErr := handshakeOver(t.Context(), t, a, b, dialerConfig(t), acceptorConfig(t))
	if cErr != nil || sErr != nil {
		t.Fatalf("client: %v, server: %v", cErr, sErr)
	}
	t.Cleanup(func() { _ = client.Close(); _ = server.Close() })
	return client, server
}

func pair(t testing.TB) (client, server *Conn) {
	t.Helper()
	a, b := memnet.Pipe()
	return pairOver(t, a, b)
}

// tap is a carrier that keeps what was written to it, write by write.
type tap struct {
	net.Conn
	mu     sync.Mutex
	writes [][]byte
}

func (c *tap) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.writes = append(c.writes, bytes.Clone(p))
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// all returns what was written so far.
func (c *tap) all() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Join(c.writes, nil)
}

// script is a carrier that plays a peer from a text: Reads take what in has,
// then end with end (io.EOF if nil); Writes go to out.
type script struct {
	net.Conn // nil: nothing else may be called
	in       io.Reader
	out      bytes.Buffer
	closed   bool
	reads    int
}

func (c *script) Read(p []byte) (int, error)  { c.reads++; return c.in.Read(p) }
func (c *script) Write(p []byte) (int, error) { return c.out.Write(p) }
func (c *script) Close() error                { c.closed = true; return nil }

// frame puts the length before each message.
func frame(messages ...[]byte) []byte {
	var out []byte
	for _, m := range messages {
		out = append(out, byte(len(m)>>8), byte(len(m)))
		out = append(out, m...)
	}
	return out
}

// pattern returns n bytes that differ from their neighbours and from block to block.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13 + i>>16*29)
	}
	return b
}
