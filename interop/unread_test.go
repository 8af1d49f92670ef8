package interop

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/peer-exchange/exchange/mux"
)

// TestDestroy: an original that destroys a data stream, by the frames that end a session between two of its kind, ends that stream
// only.
func TestDestroy(t *testing.T) {
	for _, transport := range []string{"tcp", "ws"} {
		for _, dialing := range languages {
			t.Run(dialing.name+" dials by "+transport, func(t *testing.T) {
				t.Parallel()
				needOriginal(t)
				ctx := limited(t)
				accepting := golang
				if dialing.name == golang.name {
					accepting = js
				}
				l := connect(ctx, t, dialing, accepting, transport, Options{})
				original, stream, ours, oursStream := l.dialer, l.dialerStream, l.acceptor, l.acceptorStream
				if dialing.name == golang.name {
					original, stream, ours, oursStream = ours, oursStream, original, stream
				}
				if err := l.passBoth(ctx, 1, 100_000, 0); err != nil {
					t.Fatal(err)
				}
				do(ctx, t, original, Command{Command: "destroy", Stream: &stream})
				await(ctx, t, ours, "end of the stream", func(e Event) bool { return e.Event == "end" && e.Stream == oursStream })
				// The session lives: each asks and is answered on it.
				if c := do(ctx, t, original, Command{Command: "candidates", Peer: 0}).Candidates; len(c) != 0 {
					t.Errorf("candidates %+v", c)
				}
				checkPeers(ctx, t, original, 1)
				checkPeers(ctx, t, ours, 1)
			})
		}
	}
}

// TestUnread: while the application of a Go node does not read what an original sends, no more than a bound is kept, and in the
// end the session ends and says why. The original lives.
func TestUnread(t *testing.T) {
	for _, transport := range []string{"tcp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			needOriginal(t)
			ctx := limited(t)
			l := connect(ctx, t, js, golang, transport, Options{})
			original, ours := l.dialer, l.acceptor
			do(ctx, t, ours, Command{Command: "pause", Stream: &l.acceptorStream})
			before := residentBytes(t, ours)
			const sent = 256 << 20
			sending := original.Begin(Command{Command: "send", Stream: &l.dialerStream, Bytes: sent, Seed: 1})
			gone := await(ctx, t, ours, "end of the session", Named("disconnect"))
			if !strings.Contains(gone.Error, mux.LimitUnreadBytes) {
				t.Errorf("the session ended with %q, want the limit", gone.Error)
			}
			if grown := residentBytes(t, ours) - before; grown > sent/4 {
				t.Errorf("%d MiB were kept", grown>>20)
			}
			await(ctx, t, original, "end of its session", Named("disconnect"))
			checkPeers(ctx, t, original, 0)
			// It is never told that what it wrote last has gone nowhere.
			for _, e := range original.Events() {
				if e.Event == "done" && e.ID == sending.command.ID {
					t.Errorf("sent %+v", e)
				}
			}
		})
	}
}

// residentBytes is how much memory a process has.
func residentBytes(t *testing.T, p *Process) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	var all, resident int
	if _, err := fmt.Sscan(string(text), &all, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}
