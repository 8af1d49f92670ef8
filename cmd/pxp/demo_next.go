package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// tellEnd says that all went well and, to people, what to do next.
func (d *demo) tellEnd() {
	relayed := d.a.ex.Stats().RelayedBytes
	d.out.emit(&doneEvent{OK: true, SHA256: d.file.sum, RelayedBytes: relayed, Milliseconds: milliseconds(time.Since(d.start))})
	d.out.print(drawing(d.file.bytes, d.speed, relayed))
	d.out.print(tryNext(ownName(), d.port()))
}

// port is one that was free a moment ago.
func (d *demo) port() string {
	_, rest, _ := strings.Cut(d.listeners[0].URL(), "://127.0.0.1:")
	port, _, _ := strings.Cut(rest, "#")
	return port
}

func tryNext(pxp, port string) string {
	return fmt.Sprintf(`Try next, each in a terminal of its own:

  %[1]s node --network hello --listen tcp://127.0.0.1:%[2]s
  %[1]s node --network hello --bootstrap tcp://127.0.0.1:%[2]s
  %[1]s node --network hello --bootstrap tcp://127.0.0.1:%[2]s --target 2

The third finds the second through the first, and meets it over WebRTC.
%[1]s node --help has the rest.
`, pxp, port)
}

// ownName is how the user can run this program again.
func ownName() string {
	exe, err := os.Executable()
	if err != nil {
		return "pxp"
	}
	if strings.Contains(exe, string(filepath.Separator)+"go-build") { // go run
		if _, err := os.Stat(filepath.Join("cmd", "pxp", "main.go")); err == nil {
			return "go run ./cmd/pxp"
		}
		return "go run github.com/peer-exchange/exchange/cmd/pxp"
	}
	if found, err := exec.LookPath("pxp"); err == nil && sameFile(found, exe) {
		return "pxp"
	}
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, exe); err == nil && !strings.HasPrefix(rel, "..") {
			return "." + string(filepath.Separator) + rel
		}
	}
	return exe
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errors.Join(errX, errY) == nil && os.SameFile(x, y)
}
