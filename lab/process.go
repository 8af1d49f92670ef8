//go:build lab

package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Node is a `pxp node --json` that runs on a host.
type Node struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and all its output was read

	mu      sync.Mutex
	events  []Event
	changed chan struct{} // closed and replaced at each event
	stderr  bytes.Buffer
}

// Event is a line of `pxp node --json`, with the members that tests look at.
type Event struct {
	At time.Time `json:"-"` // when it was read

	Event  string `json:"event"`
	URL    string `json:"url"`
	Peer   string `json:"peer"`
	Path   string `json:"path"`
	Via    string `json:"via"`
	Local  string `json:"local"`
	Remote string `json:"remote"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	Step   string `json:"step"`
	Error  string `json:"error"`

	line string
}

// String is the line.
func (e Event) String() string { return e.line }

// Network is the name of the network that nodes of a lab are in.
const Network = "lab"

// Node starts `pxp node --network lab --json` with more arguments on a host. It is killed when the test ends, and what it said is
// logged if the test failed.
func (l *Lab) Node(host string, args ...string) *Node {
	l.t.Helper()
	argv := append([]string{"netns", "exec", l.node(host).space, command, "node", "--network", Network, "--json"}, args...)
	n := &Node{t: l.t, name: host, cmd: exec.Command("ip", argv...), done: make(chan struct{}), changed: make(chan struct{})}
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	n.cmd.Stderr = &lockedWriter{&n.mu, &n.stderr}
	if err := n.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	go n.read(stdout) // ended by the end of the process, waited for by the clean-up
	l.t.Cleanup(func() {
		n.Signal(syscall.SIGKILL)
		<-n.done
		if l.t.Failed() {
			l.t.Logf("%s %s:\n%s", n.name, strings.Join(args, " "), n.said())
		}
	})
	return n
}

// lockedWriter is a writer that shares a lock.
type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}

func (n *Node) read(stdout io.Reader) {
	defer close(n.done)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		e := Event{At: time.Now(), line: lines.Text()}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			e.Event, e.Error = "unreadable", err.Error()
		}
		n.mu.Lock()
		n.events = append(n.events, e)
		close(n.changed)
		n.changed = make(chan struct{})
		n.mu.Unlock()
	}
	_ = n.cmd.Wait() // how it ended is told by its events
}

// said is all that the node wrote.
func (n *Node) said() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var b strings.Builder
	for _, e := range n.events {
		fmt.Fprintf(&b, "%s %s\n", e.At.Format("15:04:05.000"), e.line)
	}
	return b.String() + n.stderr.String()
}

// Signal sends the process a signal.
func (n *Node) Signal(s syscall.Signal) { _ = n.cmd.Process.Signal(s) }

// Wait returns the first event that matches, of those that were and those that come. The test fails when the process ends or the limit passes
// without one; the limit is for tests that would hang, not for how fast something must be.
func (n *Node) Wait(what string, limit time.Duration, match func(Event) bool) Event {
	n.t.Helper()
	e, ok := n.Find(limit, match)
	if !ok {
		n.t.Fatalf("%s: not within %v: %s", n.name, limit, what)
	}
	return e
}

// Find is Wait for an event that need not come.
func (n *Node) Find(limit time.Duration, match func(Event) bool) (e Event, found bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for seen := 0; ; {
		n.mu.Lock()
		fresh, changed := n.events[seen:], n.changed
		n.mu.Unlock()
		for _, e := range fresh {
			if match(e) {
				return e, true
			}
		}
		seen += len(fresh)
		select {
		case <-changed:
		case <-n.done:
			n.mu.Lock()
			ended := seen == len(n.events)
			n.mu.Unlock()
			if ended {
				return Event{}, false
			}
		case <-timer.C:
			return Event{}, false
		}
	}
}

// ID waits for the node to be ready and returns its peer ID.
func (n *Node) ID() string {
	n.t.Helper()
	return n.Wait("ready", time.Minute, func(e Event) bool { return e.Event == "ready" }).Peer
}
