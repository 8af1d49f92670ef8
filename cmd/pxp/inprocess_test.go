package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// eventTime bounds every wait of these tests. It says nothing about how long
// things take: whoever waits for it to pass has failed.
const eventTime = 2 * time.Minute

// told is a line that a node printed.
type told struct {
	Event    string `json:"event"`
	URL      string `json:"url"`
	Peer     string `json:"peer"`
	Path     string `json:"path"`
	Protocol int    `json:"protocol"`
	Via      string `json:"via"`
	Incoming *bool  `json:"incoming"`
	Reason   string `json:"reason"`
	Error    string `json:"error"`
	Hint     string `json:"hint"`
	Agent    string `json:"agent"`
}

// running is a command line that runs in this process.
type running struct {
	t      *testing.T
	cancel context.CancelCauseFunc
	code   chan int // capacity 1: the exit status

	mu      sync.Mutex
	stdout  bytes.Buffer
	stderr  bytes.Buffer
	changed chan struct{} // closed and replaced at each write
	ended   bool
	trap    string         // text that,
	spring  syscall.Signal // once it is on stdout, brings this signal
}

// start runs a command line. The test ends it, if it has not ended by itself.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	return startTrapped(t, "", 0, args...)
}

// startTrapped is start for a command that gets a signal while it prints the text trap.
func startTrapped(t *testing.T, trap string, s syscall.Signal, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	r := &running{t: t, cancel: cancel, code: make(chan int, 1), changed: make(chan struct{}), trap: trap, spring: s}
	done := make(chan struct{})
	go func() { // ended by cancel, waited for by Cleanup
		defer close(done)
		code := run(ctx, strings.NewReader(""), part{r, &r.stdout}, part{r, &r.stderr}, args)
		r.code <- code
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ended = true
		close(r.changed)
		r.changed = make(chan struct{})
	}()
	t.Cleanup(func() {
		cancel(interrupted{syscall.SIGTERM})
		<-done
		if t.Failed() {
			t.Logf("pxp %q:\n%s%s", args, r.stdout.String(), r.stderr.String())
		}
	})
	return r
}

// part is one output of a running command.
type part struct {
	r   *running
	buf *bytes.Buffer
}

func (p part) Write(b []byte) (int, error) {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	close(p.r.changed)
	p.r.changed = make(chan struct{})
	if p.r.trap != "" && bytes.Contains(b, []byte(p.r.trap)) {
		p.r.signal(p.r.spring)
	}
	return p.buf.Write(b)
}

// signal does what a signal does.
func (r *running) signal(s syscall.Signal) { r.cancel(interrupted{s}) }

// wait returns the exit status and all that was printed.
func (r *running) wait() (code int, stdout, stderr string) {
	r.t.Helper()
	select {
	case code = <-r.code:
	case <-time.After(eventTime):
		r.t.Fatalf("not ended within %v", eventTime)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return code, r.stdout.String(), r.stderr.String()
}

// until waits until stdout contains the text, and returns all of it.
func (r *running) until(text string) string {
	r.t.Helper()
	deadline := time.After(eventTime)
	for {
		r.mu.Lock()
		stdout, changed, ended := r.stdout.String(), r.changed, r.ended
		r.mu.Unlock()
		if strings.Contains(stdout, text) {
			return stdout
		}
		if ended {
			r.t.Fatalf("ended without %q", text)
		}
		select {
		case <-changed:
		case <-deadline:
			r.t.Fatalf("no %q within %v", text, eventTime)
		}
	}
}

// event waits for an event of that name and returns the first.
func (r *running) event(name string) told {
	r.t.Helper()
	stdout := r.until(`{"event":"` + name + `",`)
	_, rest, _ := strings.Cut(stdout, `{"event":"`+name+`",`)
	var e told
	if err := json.NewDecoder(io.MultiReader(strings.NewReader("{"), strings.NewReader(rest))).Decode(&e); err != nil {
		// The end of the line is still to come: a write is a whole line.
		r.t.Fatalf("event %s: %v in %q", name, err, rest)
	}
	return e
}
