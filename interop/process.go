package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Options says what a [Process] runs.
type Options struct {
	Name           string // in messages
	Network        string
	Echo           bool // all data streams echo
	RefuseIncoming bool // the node is no candidate (allowIncoming: false)

	// More are further options of the program, by name; see peer.js.
	More map[string]any

	// Dir is the directory of this package, where peer.js is. Command is the program and its first arguments instead of
	// Node.js and peer.js; the options follow as one JSON object.
	Dir     string
	Command []string
}

// Process is a node in a process of its own. Its methods may be called at any time by any goroutine.
type Process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{} // closed by read when the process has ended and all it said is in events

	stderr tail

	mu      sync.Mutex
	lastID  int
	events  []entry
	changed chan struct{} // closed and replaced when an event is added
	exit    error         // may be read when done is closed
}

type entry struct {
	Event
	line  string
	taken bool // by an Await
}

// ErrEnded is wrapped in errors that say that the process has ended, with how it ended and what it wrote on stderr.
var ErrEnded = errors.New("process has ended")

// FailedError is the answer of a command that failed.
type FailedError struct {
	Process, Command string
	Problem          string   // as the process said it
	Is               []string // names of this module's errors that it is, from a node that knows them
}

// Error implements error.
func (e *FailedError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Process, e.Command, e.Problem)
}

// Start starts a process and waits until it is ready. It must be ended with [Process.Stop] or [Process.Kill]. When ctx is
// done before it is ready, it is killed.
func Start(ctx context.Context, o Options) (*Process, error) {
	command := o.Command
	if len(command) == 0 {
		command = []string{"node", filepath.Join(o.Dir, "peer.js")}
	}
	options := map[string]any{"network": o.Network, "echo": o.Echo, "allowIncoming": !o.RefuseIncoming}
	maps.Copy(options, o.More)
	argument, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	p := &Process{name: o.Name, done: make(chan struct{}), changed: make(chan struct{})}
	p.cmd = exec.Command(command[0], append(slices.Clone(command[1:]), string(argument))...)
	p.cmd.Stderr = &p.stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	go p.read(stdout) // ends with the process; Stop and Kill wait for it
	if _, err := p.Await(ctx, "ready", Named("ready")); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

// read collects events until the process ends.
func (p *Process) read(stdout io.Reader) {
	defer close(p.done)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		e := entry{line: lines.Text()}
		if err := json.Unmarshal(lines.Bytes(), &e.Event); err != nil {
			e.Event = Event{Event: "fatal", Error: fmt.Sprintf("not an event: %q: %v", e.line, err)}
		}
		p.mu.Lock()
		p.events = append(p.events, e)
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
	p.exit = p.cmd.Wait()
}

// Await waits for an event that matches and takes it: no other Await has it. Events that came before are considered
// first, in their order. It fails when the process has ended without, which wraps [ErrEnded], or when ctx is done, with
// its cause; what says in the error what was awaited.
func (p *Process) Await(ctx context.Context, what string, matches func(Event) bool) (Event, error) {
	ended := false
	for {
		e, changed := p.take(matches)
		if e != nil {
			return *e, nil
		}
		if ended {
			return Event{}, fmt.Errorf("%s: waiting for %s: %w", p.name, what, p.endedError())
		}
		select {
		case <-changed:
		case <-p.done:
			ended = true // look once more
		case <-ctx.Done():
			return Event{}, fmt.Errorf("%s: waiting for %s: %w", p.name, what, context.Cause(ctx))
		}
	}
}

func (p *Process) take(matches func(Event) bool) (*Event, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.events {
		if e := &p.events[i]; !e.taken && matches(e.Event) {
			e.taken = true
			return &e.Event, nil
		}
	}
	return nil, p.changed
}

func (p *Process) endedError() error {
	how := "status 0"
	if p.exit != nil {
		how = p.exit.Error()
	}
	return fmt.Errorf("%w (%s)\n%s", ErrEnded, how, p.stderr.String())
}

// Call is a command that was begun.
type Call struct {
	process *Process
	command Command
}

// Begin tells the process to do something and does not wait for it.
func (p *Process) Begin(c Command) *Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastID++
	c.ID = p.lastID
	line, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings and numbers
	}
	// Fails when the process has ended: Wait says so, and why.
	_, _ = p.stdin.Write(append(line, '\n'))
	return &Call{p, c}
}

// Wait waits for the answer. The error is a [*FailedError], or one of [Process.Await].
func (c *Call) Wait(ctx context.Context) (Event, error) {
	e, err := c.process.Await(ctx, c.command.Command, func(e Event) bool {
		return e.ID == c.command.ID && (e.Event == "done" || e.Event == "failed")
	})
	if err == nil && e.Event == "failed" {
		err = &FailedError{c.process.name, c.command.Command, e.Error, e.Is}
	}
	return e, err
}

// Do is Begin and Wait.
func (p *Process) Do(ctx context.Context, c Command) (Event, error) { return p.Begin(c).Wait(ctx) }

// Watch waits like [Process.Await], without taking the event, considering only what comes after the first events, and
// regardless of what is taken.
func (p *Process) Watch(ctx context.Context, first int, matches func(Event) bool) (Event, error) {
	for {
		p.mu.Lock()
		events, changed := p.events, p.changed
		p.mu.Unlock()
		for ; first < len(events); first++ {
			if e := events[first].Event; matches(e) {
				return e, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Event{}, context.Cause(ctx)
		}
	}
}

// Changed returns a channel that is closed when the process tells something, or has ended, after the call.
func (p *Process) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// Events returns all that the process told so far.
func (p *Process) Events() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	events := make([]Event, len(p.events))
	for i, e := range p.events {
		events[i] = e.Event
	}
	return events
}

// Transcript returns all that the process told so far, and the end of what it wrote on stderr, for a failing test.
func (p *Process) Transcript() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var text strings.Builder
	fmt.Fprintf(&text, "%s (process %d):\n", p.name, p.cmd.Process.Pid)
	for _, e := range p.events {
		fmt.Fprintln(&text, e.line)
	}
	text.WriteString(p.stderr.String())
	return text.String()
}

// Signal sends the process a signal.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Done returns a channel that is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Alive returns nil while the process runs, then an error that wraps [ErrEnded].
func (p *Process) Alive() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s: %w", p.name, p.endedError())
	default:
		return nil
	}
}

// Kill ends the process as kill -9 does, and waits.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails when it has ended
	<-p.done
}

// Stop closes the process's stdin, which ends it, and waits. When ctx is done before, it is killed.
func (p *Process) Stop(ctx context.Context) error {
	p.mu.Lock()
	_ = p.stdin.Close() // fails when it was closed
	p.mu.Unlock()
	select {
	case <-p.done:
		return p.exit
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("%s: did not stop: %w", p.name, context.Cause(ctx))
	}
}

// tail keeps the last of what is written.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const maxTailBytes = 64 << 10

// Write implements [io.Writer].
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if drop := len(t.kept) - maxTailBytes; drop > 0 {
		t.kept = bytes.Clone(t.kept[drop:])
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
