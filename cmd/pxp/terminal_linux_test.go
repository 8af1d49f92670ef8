package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal returns the two ends of a new terminal: what a program has as its
// stdout, and what a person sees.
func openTerminal(t *testing.T) (program, person *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { program.Close() })
	if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100}); err != nil {
		t.Fatal(err)
	}
	return program, person
}

// onTerminal runs a command line in this process with a terminal as stdout, and
// returns its exit status and what was shown. Ctrl-C comes once trap is shown.
func onTerminal(t *testing.T, trap string, args ...string) (int, string) {
	t.Helper()
	program, person := openTerminal(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	shown := make(chan string, 1)
	go func() { // ended when program is closed; its result is waited for
		var all strings.Builder
		for buf := make([]byte, 1024); ; {
			n, err := person.Read(buf)
			all.Write(buf[:n])
			if trap != "" && strings.Contains(all.String(), trap) {
				cancel(interrupted{syscall.SIGINT})
			}
			if err != nil {
				break
			}
		}
		shown <- all.String()
	}()
	code := run(ctx, strings.NewReader(""), program, io.Discard, args)
	program.Close()
	return code, <-shown
}

// On a terminal the transfer is a bar that is drawn again and again, and ends full.
func TestDemoBar(t *testing.T) {
	t.Setenv("TERM", "xterm")
	code, shown := onTerminal(t, "", "demo", "--size", "3MiB")
	if code != 0 {
		t.Errorf("exit status %d", code)
	}
	bars := strings.Split(shown, "of 3.0 MiB")
	last := bars[len(bars)-1]
	if len(bars) < 2 || !strings.HasSuffix(bars[len(bars)-2], "3.0 MiB ") || !strings.HasPrefix(last, "  [====") || !strings.Contains(last, "] 100 %  ") {
		t.Errorf("no full bar in %q", shown)
	}
	if strings.Contains(shown, " 50 %  ") && strings.Contains(shown, "1.5 MiB of 3 MiB") {
		t.Error("lines of percents besides the bar")
	}
	if !strings.Contains(last, "C has received 3 MiB") || !strings.Contains(last, "Try next") {
		t.Errorf("behind the bar: %q", last)
	}
}

// Where nothing can be drawn again there are lines.
func TestDemoDumbTerminal(t *testing.T) {
	t.Setenv("TERM", "dumb")
	code, shown := onTerminal(t, "", "demo", "--size", "3MiB")
	if code != 0 || strings.Contains(shown, "\x1b") || !strings.Contains(shown, "100 %  3 MiB of 3 MiB") {
		t.Errorf("exit status %d, shown %q", code, shown)
	}
}

// JSON stays JSON on a terminal.
func TestDemoJSONTerminal(t *testing.T) {
	code, shown := onTerminal(t, "", "demo", "--size", "3MiB", "--json")
	if code != 0 {
		t.Errorf("exit status %d", code)
	}
	for line := range strings.Lines(shown) {
		if !strings.HasPrefix(line, `{"event":"`) {
			t.Errorf("line %q", line)
		}
	}
}

// Ctrl-C while the bar is shown leaves the cursor at the begin of a line.
func TestDemoBarInterrupted(t *testing.T) {
	t.Setenv("TERM", "xterm")
	code, shown := onTerminal(t, "of 128.0 MiB", "demo", "--size", "128MiB")
	if code != 130 || !strings.HasSuffix(shown, "\n") || strings.Contains(shown, "100 %") {
		t.Errorf("exit status %d, shown %q", code, shown)
	}
}
