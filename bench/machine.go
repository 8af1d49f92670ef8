package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// machine is what figures depend on.
type machine struct {
	CPU      string
	Cores    int
	System   string
	Go       string
	Versions map[string]string // of what is measured, by module
}

// measured are the modules whose version decides what comes out.
var measured = []string{
	"github.com/hashicorp/yamux",
	"github.com/libp2p/go-libp2p",
	"github.com/libp2p/go-yamux/v5",
	"github.com/quic-go/quic-go",
	"github.com/pion/webrtc/v4",
	"github.com/pion/ice/v4",
	"github.com/pion/dtls/v3",
	"github.com/pion/sctp",
	"github.com/flynn/noise",
	"github.com/gorilla/websocket",
}

func thisMachine() machine {
	m := machine{
		CPU:      field("/proc/cpuinfo", "model name"),
		Cores:    runtime.NumCPU(),
		System:   runtime.GOOS + "/" + runtime.GOARCH,
		Go:       runtime.Version(),
		Versions: make(map[string]string),
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.System += " " + strings.TrimSpace(string(b))
	}
	maps.Copy(m.Versions, nodeVersions())
	built, ok := debug.ReadBuildInfo()
	if !ok {
		return m
	}
	for _, name := range measured {
		for _, dep := range built.Deps {
			if dep.Path == name {
				m.Versions[name] = dep.Version
			}
		}
	}
	return m
}

// field returns what a file of "name : value" lines says of name.
func field(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// loadAverage is the system's, over 1, 5 and 15 minutes.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

// commit is what is measured, with a plus when the tree differs from it in more
// than the results and what is said of them.
func commit() string {
	hash, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(hash))
	changed, err := exec.Command("git", "status", "--porcelain", "-uno", "--", "..", ":!results.json", ":!RESULTS.md", ":!notes.md", ":!*.svg").Output()
	if err != nil || len(changed) > 0 {
		name += "+"
	}
	return name
}

// inHistory reports whether a name that commit gave leads to here: not after
// history was rewritten.
func inHistory(name string) bool {
	return exec.Command("git", "merge-base", "--is-ancestor", strings.TrimSuffix(name, "+"), "HEAD").Run() == nil
}

// String says it in one line.
func (m machine) String() string {
	text := fmt.Sprintf("%d cores of %s, %s, %s", m.Cores, m.CPU, m.System, m.Go)
	for _, module := range slices.Sorted(maps.Keys(m.Versions)) {
		text += "; " + module + " " + m.Versions[module]
	}
	return text
}
