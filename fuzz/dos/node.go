package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
	"unicode"

	"github.com/peer-exchange/exchange/bootstrap"
	"github.com/peer-exchange/exchange/identity"
)

// network is the network of the node.
const network = "dos"

// startTime is how long a node may take to be ready, on a machine however busy.
const startTime = time.Minute

// node is a pxp node in a process of its own.
type node struct {
	cmd      *exec.Cmd
	id       identity.ID
	tcp, web bootstrap.URL

	reading sync.WaitGroup
	ready   chan error // capacity 1

	mu       sync.Mutex
	gone     map[string]string // peers that left, and why
	obeyed   string            // what it printed that a terminal would obey
	logBytes int64
	stack    bytes.Buffer // what it logged since it was told to quit
	quitting bool
}

// told is an event of the node.
type told struct {
	Event  string      `json:"event"`
	URL    string      `json:"url"`
	Peer   identity.ID `json:"peer"`
	Reason string      `json:"reason"`
	Detail string      `json:"detail"`
	Error  string      `json:"error"`
}

// startNode runs the program until ctx is done or quit.
func startNode(ctx context.Context, program string, target int) (*node, error) {
	n := &node{ready: make(chan error, 1), gone: make(map[string]string)}
	n.cmd = exec.CommandContext(ctx, program, "node", "--network", network, "--listen", "tcp://127.0.0.1:0",
		"--listen", "ws://127.0.0.1:0/pxp", "--echo", "--json", "--target", fmt.Sprint(target))
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := n.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	n.reading.Go(func() { n.events(stdout) }) // both ended with the process, waited for by wait
	n.reading.Go(func() { n.logs(stderr) })
	select {
	case err = <-n.ready:
	case <-time.After(startTime):
		err = errors.New("the node was not ready in time")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		n.kill()
		return nil, err
	}
	return n, nil
}

func (n *node) events(stdout io.Reader) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		n.look(lines.Bytes())
		var e told
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue
		}
		switch e.Event {
		case "listening":
			url, err := bootstrap.ParseURL(e.URL)
			switch {
			case err != nil:
			case url.Scheme == bootstrap.SchemeWS:
				n.web = url
			default:
				n.tcp = url
			}
		case "ready":
			n.id = e.Peer
			n.ready <- nil
		case "gone":
			n.mu.Lock()
			n.gone[e.Peer.String()] = e.Reason + ": " + e.Detail
			n.mu.Unlock()
		}
	}
	select {
	case n.ready <- errors.New("the node ended"):
	default:
	}
}

func (n *node) logs(stderr io.Reader) {
	in := bufio.NewReader(stderr)
	for {
		line, err := in.ReadSlice('\n')
		n.mu.Lock()
		quitting := n.quitting
		if !quitting {
			n.logBytes += int64(len(line))
		} else if n.stack.Len() < 64<<20 {
			_, _ = n.stack.Write(line)
		}
		n.mu.Unlock()
		if !quitting {
			n.look(bytes.TrimSuffix(line, []byte("\n")))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// look notes what a terminal would obey.
func (n *node) look(line []byte) {
	if bytes.IndexFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) < 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.obeyed = fmt.Sprintf("%q", line[:min(len(line), 200)])
}

// lost returns why the peer left; empty if it did not.
func (n *node) lost(id identity.ID) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.gone[id.String()]
}

// quit ends the node in the way that has the Go runtime print every goroutine, and returns how many there were; -1 when
// it had ended before.
func (n *node) quit() int {
	n.mu.Lock()
	n.quitting = true
	n.mu.Unlock()
	if err := n.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		n.kill()
		return -1
	}
	timer := time.AfterFunc(startTime, func() { _ = n.cmd.Process.Kill() })
	defer timer.Stop()
	n.wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	return goroutines(n.stack.Bytes())
}

// goroutines counts the goroutines of a program in the runtime's own words; those of the runtime are not counted.
func goroutines(stack []byte) (count int) {
	for block := range bytes.SplitSeq(stack, []byte("\n\n")) {
		if bytes.HasPrefix(block, []byte("goroutine ")) && !bytes.Contains(block, []byte("created by runtime.")) &&
			!bytes.HasPrefix(block, []byte("goroutine 0 ")) {
			count++
		}
	}
	return count
}

func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	n.wait()
}

func (n *node) wait() {
	n.reading.Wait() // before Wait, which closes the pipes
	_ = n.cmd.Wait() // it was killed: its status says nothing
}
