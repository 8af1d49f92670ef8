package main

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/wrtc"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain":        "plain",
		"Größe 日本":     "Größe 日本",
		"a\nb\tc\x1b":  "a\uFFFDb\uFFFDc\uFFFD",
		"\x9b\xff":     "\uFFFD",
		"\u202e\u009b": "\uFFFD\uFFFD",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestByteSize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "1": 1, "500": 500, "5b": 5, "1k": 1024, "1K": 1024, "1kib": 1024, "1KiB": 1024, "1kB": 1000,
		"64MiB": 64 << 20, "1.5GiB": 3 << 29, "2 MB": 2e6, "1024GiB": 1 << 40, "1TiB": 1 << 40,
	} {
		var b byteSize
		if err := b.Set(in); err != nil || int64(b) != want {
			t.Errorf("%q: %d, %v, want %d", in, b, err, want)
		}
	}
	for _, in := range []string{"", "x", "-1", "1.2.3", "1 parsec", "MiB", "1025GiB", "2TiB", "1e3", "1e400", "99999999999999999999999999", "Inf", "NaN"} {
		b := byteSize(7)
		if err := b.Set(in); err == nil || b != 7 {
			t.Errorf("%q: %d, no error", in, b)
		}
	}
}

func TestFormat(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1 KiB", 1536: "1.5 KiB", 64 << 20: "64 MiB", 1 << 40: "1 TiB", 1<<63 - 1: "8 EiB"} {
		if got := formatBytes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	if got := mebibytesPerSecond(3<<20, 2*time.Second); got != 1.5 {
		t.Errorf("%v MiB/s, want 1.5", got)
	}
	if got := mebibytesPerSecond(1, 0); got != 0 {
		t.Errorf("%v MiB/s in no time", got)
	}
}

// lockedBuffer is a buffer that one goroutine writes and another reads.
type lockedBuffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	text string
	seen chan struct{}
}

// until closes seen at the first write that contains text.
func (b *lockedBuffer) until(text string, seen chan struct{}) { b.text, b.seen = text, seen }

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen != nil && bytes.Contains(p, []byte(b.text)) {
		close(b.seen)
		b.seen = nil
	}
	return b.buf.Write(p)
}

// line returns the i-th line.
func (b *lockedBuffer) line(i int) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(bytes.Lines(bytes.Clone(b.buf.Bytes())))[i]
}

// Only of peers that the node looked for it tells that they were not met.
func TestUnmet(t *testing.T) {
	id := identity.ID{1}
	by := func(role wrtc.Role) error {
		return &wrtc.NegotiateError{Role: role, Phase: wrtc.PhaseICE, Err: wrtc.ErrTimeout}
	}
	for _, tt := range []struct {
		name string
		step exchange.StepDone
		want bool
	}{
		{"looked for", exchange.StepDone{Peer: id, Via: id, Err: by(wrtc.Offerer)}, true},
		{"looked for us", exchange.StepDone{Peer: id, Via: id, Err: by(wrtc.Answerer)}, false},
		{"no circuit", exchange.StepDone{Peer: id, Via: id, Err: exchange.ErrRefused}, true},
		{"met twice", exchange.StepDone{Peer: id, Via: id, Err: exchange.ErrConnected}, false},
		{"asked in vain", exchange.StepDone{Via: id, Err: exchange.ErrRefused}, false},
		{"by a socket", exchange.StepDone{Peer: id, Err: exchange.ErrRefused}, false},
		{"met", exchange.StepDone{Peer: id, Via: id}, false},
	} {
		if got := wanted(tt.step); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
