package main

import (
	"bufio"
	_ "embed" // for the script
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed simplepeer.js
var simplePeerScript string

// nodeModules has simple-peer: `npm ci` there brings it.
const nodeModules = "../interop/node_modules"

// errNoSimplePeer says what is missing.
var errNoSimplePeer = errors.New("needs Node.js, and npm ci in ../interop")

func haveSimplePeer() bool {
	_, err := exec.LookPath("node")
	_, err2 := os.Stat(filepath.Join(nodeModules, "simple-peer"))
	return err == nil && err2 == nil
}

// nodeVersions has those of Node.js and of what simplePeer uses, where they are
// there.
func nodeVersions() map[string]string {
	versions := make(map[string]string)
	if out, err := exec.Command("node", "--version").Output(); err == nil {
		versions["Node.js"] = strings.TrimSpace(string(out))
	}
	for _, name := range []string{"simple-peer", "@roamhq/wrtc"} {
		var about struct{ Version string }
		b, err := os.ReadFile(filepath.Join(nodeModules, name, "package.json"))
		if err == nil && json.Unmarshal(b, &about) == nil {
			versions[name] = about.Version
		}
	}
	return versions
}

// simplePeer measures two processes of Node.js, connected by simple-peer:
// MiB/s, no CPU time, the longest stall in ms, no pause and no losses, the mean
// round trip in us.
func simplePeer(took time.Duration) ([]float64, error) {
	if !haveSimplePeer() {
		return nil, errNoSimplePeer
	}
	var ends [2]*nodeEnd
	lines := make(chan said)
	done := make(chan struct{})
	defer func() {
		close(done)
		for _, n := range ends {
			n.stop()
		}
	}()
	for i := range ends {
		var err error
		if ends[i], err = startNode(i, took, lines, done); err != nil {
			return nil, err
		}
	}
	trip := nan
	limit := time.NewTimer(time.Minute + 3*took)
	defer limit.Stop()
	for {
		select {
		case l := <-lines:
			switch {
			case l.err != nil:
				return nil, l.err
			case l.Error != "":
				return nil, errors.New(l.Error)
			case l.Signal != nil:
				if err := ends[1-l.from].tell(l); err != nil {
					return nil, err
				}
			case l.Trip > 0:
				trip = l.Trip
			case l.Rate > 0:
				return []float64{l.Rate, nan, l.Stall, nan, nan, trip}, nil
			}
		case <-limit.C:
			return nil, errors.New("two processes of simple-peer did not finish")
		}
	}
}

// said is one line of an end.
type said struct {
	from   int
	err    error
	Signal json.RawMessage `json:"signal,omitempty"`
	Error  string          `json:"error,omitempty"`
	Trip   float64         `json:"trip,omitempty"`
	Rate   float64         `json:"rate,omitempty"`
	Stall  float64         `json:"stall,omitempty"`
}

type nodeEnd struct {
	cmd   *exec.Cmd
	in    *json.Encoder
	close func() error
	read  chan struct{} // closed when its output has ended
}

func startNode(i int, took time.Duration, lines chan<- said, done <-chan struct{}) (*nodeEnd, error) {
	modules, err := filepath.Abs(nodeModules)
	if err != nil {
		return nil, err
	}
	millis := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	c := exec.Command("node", "-e", simplePeerScript, "--", strconv.Itoa(1-i), millis(took/4), millis(took))
	c.Env = append(os.Environ(), "NODE_PATH="+modules)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	n := &nodeEnd{cmd: c, in: json.NewEncoder(in), close: in.Close, read: make(chan struct{})}
	go func() { // ends with the process, which stop waits for
		defer close(n.read)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			l := said{}
			if err := json.Unmarshal(scan.Bytes(), &l); err != nil {
				l.err = fmt.Errorf("%q is no JSON: %w", scan.Text(), err)
			}
			l.from = i
			select {
			case lines <- l:
			case <-done:
			}
		}
	}()
	return n, nil
}

func (n *nodeEnd) tell(l said) error {
	return n.in.Encode(map[string]json.RawMessage{"signal": l.Signal})
}

func (n *nodeEnd) stop() {
	if n == nil {
		return
	}
	_ = n.close()            // its stdin: it exits
	_ = n.cmd.Process.Kill() // in case it is too busy to notice
	<-n.read
	_ = n.cmd.Wait() // killed
}
