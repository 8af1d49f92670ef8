package interop

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// allTime bounds each test. It says nothing about how long things take: whoever waits for it to pass has failed.
const allTime = 3 * time.Minute

// TestMain is also a node of this module, in a process of its own.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == goNodeArgument {
		if err := runGoNode(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// They wait for each other's time limits, not for processors.
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		fmt.Println(orderReport())
		os.Exit(code)
	}))
}

// needOriginal skips the test where the original cannot be run, and fails it there when CI is set.
func needOriginal(t *testing.T) {
	t.Helper()
	err := Missing(".")
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// limited returns a context for a test, with its time limit.
func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), allTime, fmt.Errorf("did not happen within %v", allTime))
	t.Cleanup(cancel)
	return ctx
}

// start starts a node that ends with the test. What it said is logged if the test fails.
func start(ctx context.Context, t *testing.T, o Options) *Process {
	t.Helper()
	p, err := Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		for _, e := range p.Events() {
			if e.Event == "lethal" {
				t.Errorf("%s sent what no original should get: %s", p.name, e.Error)
			}
		}
		if t.Failed() {
			t.Log(p.Transcript())
		}
	})
	return p
}

// do has the process do something that must work.
func do(ctx context.Context, t *testing.T, p *Process, c Command) Event {
	t.Helper()
	e, err := p.Do(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// await waits for an event that must come.
func await(ctx context.Context, t *testing.T, p *Process, what string, matches func(Event) bool) Event {
	t.Helper()
	e, err := p.Await(ctx, what, matches)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestVersions(t *testing.T) {
	needOriginal(t)
	text, err := os.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Dependencies map[string]string }
	if err := json.Unmarshal(text, &manifest); err != nil || len(manifest.Dependencies) == 0 {
		t.Fatal(manifest, err)
	}
	want := manifest.Dependencies
	want["multiplex"], want["simple-peer"] = "6.7.0", "6.4.4" // theirs, as package-lock.json has it

	ctx := limited(t)
	p := start(ctx, t, Options{Name: "js", Network: "n"})
	have := p.Events()[0].Versions
	t.Logf("running %v", have)
	for name, version := range want {
		if have[name] != version {
			t.Errorf("%s is %q, want %q", name, have[name], version)
		}
	}
}

// TestEnded shows that a test is told when a process dies, of what, and at once.
func TestEnded(t *testing.T) {
	needOriginal(t)
	ctx := limited(t)

	_, err := Start(ctx, Options{Name: "js"}) // no network: the original throws
	if !errors.Is(err, ErrEnded) {
		t.Errorf("Start without network = %v, want ErrEnded", err)
	}

	p := start(ctx, t, Options{Name: "js", Network: "n"})
	if _, err := p.Do(ctx, Command{Command: "sing"}); err == nil || err.Error() != "js: sing: no command sing" {
		t.Errorf("unknown command: %v", err)
	}
	if err := p.Alive(); err != nil {
		t.Error(err)
	}
	if err := p.Stop(ctx); err != nil {
		t.Errorf("Stop = %v", err)
	}
	if _, err := p.Do(ctx, Command{Command: "peers"}); !errors.Is(err, ErrEnded) {
		t.Errorf("command after the end: %v, want ErrEnded", err)
	}
	if err := p.Alive(); !errors.Is(err, ErrEnded) {
		t.Errorf("Alive after the end = %v", err)
	}
}
