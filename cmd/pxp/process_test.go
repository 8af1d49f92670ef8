//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a pxp node in a process of its own.
type process struct {
	t    *testing.T
	name string
	args []string
	cmd  *exec.Cmd
	id   string // its peer ID, once ready

	stderr bytes.Buffer // may be read when done is closed
	done   chan struct{}

	mu      sync.Mutex
	events  []told
	changed chan struct{}
}

// startProcess starts pxp node --json with args.
func startProcess(t *testing.T, name string, args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{
		t: t, name: name, args: args,
		done:    make(chan struct{}),
		changed: make(chan struct{}),
	}
	p.cmd = exec.Command(exe)
	p.cmd.Args = append([]string{"pxp", "node", "--json"}, args...) // TestMain goes by the name
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(bufio.NewScanner(stdout)) // ended with the process, waited for by Cleanup
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s %q:\n%s%s", p.name, p.args, p.transcript(), p.stderr.String())
		}
	})
	return p
}

func (p *process) read(lines *bufio.Scanner) {
	defer close(p.done)
	for lines.Scan() {
		var e told
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Event == "" {
			p.t.Errorf("%s: not an event: %q", p.name, lines.Text())
		}
		p.mu.Lock()
		p.events = append(p.events, e)
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
	p.cmd.Wait()
}

// until waits until what was told so far satisfies the condition.
func (p *process) until(what string, satisfied func([]told) bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), eventTime)
	defer cancel()
	for {
		p.mu.Lock()
		ok, changed := satisfied(p.events), p.changed
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-p.done:
			p.mu.Lock()
			ok := satisfied(p.events)
			p.mu.Unlock()
			if !ok {
				p.t.Fatalf("%s ended, and never told: %s", p.name, what)
			}
			return
		case <-ctx.Done():
			p.t.Fatalf("%s did not tell within %v: %s", p.name, eventTime, what)
		}
	}
}

// ready waits until the node is set up.
func (p *process) ready() *process {
	p.t.Helper()
	p.until("ready", func(events []told) bool {
		i := slices.IndexFunc(events, func(e told) bool { return e.Event == "ready" })
		if i >= 0 {
			p.id = events[i].Peer
		}
		return i >= 0
	})
	return p
}

// urls returns where the node listens, in the order of its command line.
func (p *process) urls() (urls []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e.Event == "listening" {
			urls = append(urls, e.URL)
		}
	}
	return urls
}

// has waits until other is a peer of the node by path; any will do if it is "".
func (p *process) has(other *process, path string) {
	p.t.Helper()
	p.until("has "+other.name+" "+path, func(events []told) bool {
		now := pathTo(events, other.id)
		return now == path || path == "" && now != ""
	})
}

// lacks waits until other is no peer of the node.
func (p *process) lacks(other *process) {
	p.t.Helper()
	p.until("lacks "+other.name, func(events []told) bool { return pathTo(events, other.id) == "" })
}

// pathTo returns how a peer is reached after these events, "" if it is not.
func pathTo(events []told, id string) (path string) {
	for _, e := range events {
		switch {
		case e.Peer != id:
		case e.Event == "peer":
			path = e.Path
		case e.Event == "gone" && e.Reason != reasonSuperseded:
			path = ""
		}
	}
	return path
}

// reasons returns why a peer left, each time.
func (p *process) reasons(other *process) (reasons []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e.Event == "gone" && e.Peer == other.id {
			reasons = append(reasons, e.Reason)
		}
	}
	return reasons
}

// kill ends the process as kill -9 does, and waits.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// terminate ends the process as an operator does, and returns its exit status.
func (p *process) terminate() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(eventTime):
		p.t.Fatalf("%s: not ended %v after SIGTERM", p.name, eventTime)
	}
	return p.cmd.ProcessState.ExitCode()
}

// again starts a process that was killed, at the addresses where it listened.
func (p *process) again() *process {
	p.t.Helper()
	args := slices.Clone(p.args)
	urls := p.urls()
	for i, arg := range args {
		if arg == "--listen" {
			args[i+1], urls = urls[0], urls[1:]
		}
	}
	q := startProcess(p.t, p.name+" again", args...).ready()
	if q.id != p.id {
		p.t.Fatalf("%s came back as %s, it was %s", p.name, q.id, p.id)
	}
	return q
}

func (p *process) transcript() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b bytes.Buffer
	for _, e := range p.events {
		json.NewEncoder(&b).Encode(e)
	}
	return b.String()
}

// trio is three nodes that have found each other: the first by TCP and
// WebSocket, the others through it.
func trio(t *testing.T) (one, two, three *process) {
	t.Helper()
	common := func(name string, args ...string) *process {
		key := filepath.Join(t.TempDir(), name+".key")
		if err := newKey(&bytes.Buffer{}, key); err != nil {
			t.Fatal(err)
		}
		// Silence over WebRTC is found by the keepalive alone.
		args = append(args, "--network", "trio", "--key", key, "--dead-after", "3s")
		return startProcess(t, name, args...).ready()
	}
	one = common("one", "--listen", "tcp://127.0.0.1:0", "--listen", "ws://127.0.0.1:0/pxp", "--echo")
	urls := one.urls()
	two = common("two", "--bootstrap", urls[0])
	one.has(two, "tcp")
	three = common("three", "--bootstrap", urls[1], "--target", "2")
	met(one, two, three)
	return one, two, three
}

// met waits until all of a trio have each other.
func met(one, two, three *process) {
	one.t.Helper()
	two.has(one, "tcp")
	three.has(one, "ws")
	three.has(two, "webrtc")
	two.has(three, "webrtc")
	one.has(two, "tcp")
	one.has(three, "ws")
}

func TestThreeProcesses(t *testing.T) {
	t.Parallel()
	one, two, three := trio(t)
	for _, c := range []struct {
		who, whom *process
		want      told
	}{
		{one, two, told{Path: "tcp", Protocol: 2, Incoming: new(true)}},
		{two, one, told{Path: "tcp", Protocol: 2, Incoming: new(false)}},
		{one, three, told{Path: "ws", Protocol: 2, Incoming: new(true)}},
		{three, one, told{Path: "ws", Protocol: 2, Incoming: new(false)}},
		{three, two, told{Path: "webrtc", Protocol: 2, Via: one.id, Incoming: new(false)}},
		{two, three, told{Path: "webrtc", Protocol: 2, Via: one.id, Incoming: new(true)}},
	} {
		c.who.until("who "+c.whom.name+" is", func(events []told) bool {
			return slices.ContainsFunc(events, func(e told) bool {
				return e.Event == "peer" && e.Peer == c.whom.id && e.Path == c.want.Path && e.Protocol == c.want.Protocol &&
					e.Via == c.want.Via && e.Incoming != nil && *e.Incoming == *c.want.Incoming
			})
		})
	}

	if code := three.terminate(); code != 0 {
		t.Errorf("exit status %d after SIGTERM", code)
	}
	for _, left := range []*process{one, two} {
		left.lacks(three)
		if reasons := left.reasons(three); !slices.Contains(reasons, reasonClosed) {
			t.Errorf("%s: %s left because of %q, want %q", left.name, three.name, reasons, reasonClosed)
		}
	}
}

// TestKilled kills one of three, each in turn: the others miss it, and all have
// each other again when it is back. The three trios go through it side by
// side, since they mostly wait.
func TestKilled(t *testing.T) {
	t.Parallel()
	var trios [3][3]*process
	for i := range trios {
		one, two, three := trio(t)
		trios[i] = [3]*process{one, two, three}
	}
	for i, nodes := range trios {
		nodes[i].kill()
	}
	for i, nodes := range trios {
		for j, left := range nodes {
			if j != i {
				left.lacks(nodes[i])
			}
		}
	}
	for i := range trios {
		trios[i][i] = trios[i][i].again()
	}
	for _, nodes := range trios {
		for _, n := range nodes {
			for _, other := range nodes {
				if n != other {
					n.has(other, "") // whoever was quicker decides the path
				}
			}
		}
	}
}

// TestSecondSignal sends two signals to a program that takes its time after the first.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd := exec.Command(exe)
		cmd.Args = []string{"stubborn"}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(eventTime, func() { cmd.Process.Kill() })
		lines := bufio.NewScanner(stdout)
		lines.Scan() // it is set up
		cmd.Process.Signal(s)
		if !lines.Scan() || lines.Text() != (interrupted{s}).Error() {
			t.Errorf("%v: after one it said %q", s, lines.Text())
		}
		cmd.Process.Signal(s)
		cmd.Wait()
		timer.Stop()
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != s {
			t.Errorf("%v: after two it ended with %v", s, cmd.ProcessState)
		}
	}
}
