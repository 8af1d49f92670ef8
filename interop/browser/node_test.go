//go:build linux

package browser

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"testing"
)

// told is an event of pxp node; see its help.
type told struct {
	Event    string `json:"event"`
	URL      string `json:"url"`
	Peer     string `json:"peer"`
	Path     string `json:"path"`
	Protocol int    `json:"protocol"`
	Via      string `json:"via"`
	Incoming bool   `json:"incoming"`
}

// node is a pxp node, in a process of its own.
type node struct {
	name   string
	id     string // its peer ID
	cmd    *exec.Cmd
	stderr bytes.Buffer  // may be read when done is closed
	done   chan struct{} // closed by read when the process has ended

	mu      sync.Mutex
	lines   []string
	events  []told
	changed chan struct{} // closed and replaced when an event is added
	exit    error         // may be read when done is closed
}

// startNode starts a node that echoes, and waits until it is ready. It ends with the test.
func startNode(ctx context.Context, t *testing.T, name string, args ...string) *node {
	t.Helper()
	n := &node{name: name, done: make(chan struct{}), changed: make(chan struct{})}
	n.cmd = exec.Command(program(), append([]string{"node", "--json", "--echo", "--network", network}, args...)...)
	n.cmd.Stderr = &n.stderr
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go n.read(bufio.NewScanner(stdout)) // ends with the process; Cleanup waits for it
	t.Cleanup(func() {
		n.cmd.Process.Kill()
		<-n.done
		if t.Failed() {
			t.Logf("%s:", n.name)
			for _, line := range n.lines {
				t.Log(line)
			}
			t.Log(n.stderr.String())
		}
	})
	n.id = n.await(ctx, t, "ready", func(e told) bool { return e.Event == "ready" }).Peer
	return n
}

func (n *node) read(lines *bufio.Scanner) {
	defer close(n.done)
	for lines.Scan() {
		var e told
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			e.Event = fmt.Sprintf("not an event: %v", err)
		}
		n.mu.Lock()
		n.lines, n.events = append(n.lines, lines.Text()), append(n.events, e)
		close(n.changed)
		n.changed = make(chan struct{})
		n.mu.Unlock()
	}
	n.exit = n.cmd.Wait()
}

// await waits for an event, or takes the first such that has come.
func (n *node) await(ctx context.Context, t *testing.T, what string, matches func(told) bool) told {
	t.Helper()
	for ended := false; ; {
		n.mu.Lock()
		events, changed := n.events, n.changed
		n.mu.Unlock()
		for _, e := range events {
			if matches(e) {
				return e
			}
		}
		if ended {
			t.Fatalf("%s has ended, and never told: %s", n.name, what)
		}
		select {
		case <-changed:
		case <-n.done:
			ended = true // look once more
		case <-ctx.Done():
			t.Fatalf("%s: waiting for %s: %v", n.name, what, context.Cause(ctx))
		}
	}
}

// awaitPeer waits until there is a session by that path.
func (n *node) awaitPeer(ctx context.Context, t *testing.T, path string) told {
	t.Helper()
	return n.await(ctx, t, "peer by "+path, func(e told) bool { return e.Event == "peer" && e.Path == path })
}

// count returns how many such events there were.
func (n *node) count(event string) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.events {
		if e.Event == event {
			count++
		}
	}
	return count
}

// url returns where the node listens, by transport.
func (n *node) url(ctx context.Context, t *testing.T, transport string) string {
	t.Helper()
	return n.await(ctx, t, "listening", func(e told) bool {
		return e.Event == "listening" && len(e.URL) > len(transport) && e.URL[:len(transport)] == transport
	}).URL
}

// stop ends the node as an operator does, which must work.
func (n *node) stop(ctx context.Context, t *testing.T) {
	t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("%s: %v", n.name, err)
	}
	select {
	case <-n.done:
		if n.exit != nil {
			t.Errorf("%s after SIGTERM: %v", n.name, n.exit)
		}
	case <-ctx.Done():
		t.Fatalf("%s: waiting for its end: %v", n.name, context.Cause(ctx))
	}
}
