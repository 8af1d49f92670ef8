package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/peer-exchange/exchange"
)

// TestWrongVersion: an original that is dialed by version 2 says so, with what to do, and comes to no harm. So does a node
// that refuses version 1.
func TestWrongVersion(t *testing.T) {
	needOriginal(t)
	ctx := limited(t)
	original := js.start(ctx, t, Options{Name: "original", Network: "n", Echo: true})
	ours := golang.start(ctx, t, Options{Name: "ours", Network: "n"})
	refuses := golang.start(ctx, t, Options{Name: "refuses", Network: "n", More: map[string]any{"v1": exchange.V1Refuse}})
	ours2 := do(ctx, t, refuses, Command{Command: "listen", Transport: "tcp"}).URL
	for _, transport := range []string{"tcp", "ws"} {
		url := do(ctx, t, original, Command{Command: "listen", Transport: transport}).URL
		failsAs(ctx, t, ours, Command{Command: "connect", URL: url}, "version 1", "?v=1")
		failsAs(ctx, t, refuses, Command{Command: "connect", URL: url + "?v=1"}, "version 1", "Config.V1")
		// It goes on as before.
		l, err := join(ctx, ours, url+"?v=1")
		if err == nil {
			err = pass(ctx, ours, l.stream, ours, l.stream, 3, 1000, 0)
		}
		if err != nil {
			t.Error(err)
		}
	}
	failsAs(ctx, t, ours, Command{Command: "connect", URL: ours2 + "?v=1"}, "lost", "")

	// The original that is refused sees the connection end. Its callback is for errors only.
	refused := original.Begin(Command{Command: "connect", URL: ours2})
	if _, err := join(ctx, ours, ours2); err != nil {
		t.Errorf("by version 2: %v", err)
	}
	_ = refused // never answered, as between two originals
	if err := original.Alive(); err != nil {
		t.Error(err)
	}
}

// failsAs has the process do something that must fail with an error of that name and with that text in it.
func failsAs(ctx context.Context, t *testing.T, p *Process, c Command, name, text string) {
	t.Helper()
	e, err := p.Do(ctx, c)
	failed, ok := err.(*FailedError)
	if !ok || !slices.Contains(failed.Is, name) || !strings.Contains(failed.Problem, text) {
		t.Errorf("%s: %+v, %v; want %q and %q", c.Command, e, err, name, text)
	}
}

// TestProgram: the same of the program, as its users see it.
func TestProgram(t *testing.T) {
	needOriginal(t)
	ctx := limited(t)
	program := filepath.Join(t.TempDir(), "pxp")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "../cmd/pxp").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	original := js.start(ctx, t, Options{Name: "original", Network: "n", Echo: true})
	url := do(ctx, t, original, Command{Command: "listen", Transport: "tcp"}).URL

	e := runProgram(ctx, t, program, "error", "--network", "n", "--bootstrap", url)
	if !strings.Contains(e.Error, "version 1 of the protocol (npm peer-exchange)") || !strings.Contains(e.Hint, "?v=1") || e.URL != url {
		t.Errorf("dialed by version 2: %+v", e)
	}
	e = runProgram(ctx, t, program, "error", "--network", "n", "--v1=refuse", "--bootstrap", url+"?v=1")
	if !strings.Contains(e.Error, "version 1 of the protocol (npm peer-exchange)") || !strings.Contains(e.Hint, "--v1") {
		t.Errorf("--v1=refuse: %+v", e)
	}
	for _, policy := range []string{"accept", "only"} {
		if e := runProgram(ctx, t, program, "peer", "--network", "n", "--v1", policy, "--bootstrap", url+"?v=1"); e.Protocol != 1 {
			t.Errorf("--v1=%s: %+v", policy, e)
		}
	}
	if err := original.Alive(); err != nil {
		t.Error(err)
	}
}

// runProgram runs pxp node until it tells the event of that name, which it returns.
func runProgram(ctx context.Context, t *testing.T, program, name string, args ...string) (e struct {
	Event, URL, Error, Hint string
	Protocol                int
}) {
	t.Helper()
	cmd := exec.CommandContext(ctx, program, append([]string{"node", "--json"}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v in %q", err, lines.Text())
		}
		if e.Event == name {
			return e
		}
	}
	t.Fatalf("%q: no event %s", args, name)
	return e
}
