package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// growth is question 9: what does a network become that many join at once?
type growth struct{}

// wantedPeers is what each node of a growing network looks for.
const wantedPeers = 8

func (growth) about() result {
	return result{
		Name: "growth",
		Asks: fmt.Sprintf("What becomes of a network that so many join at once, each looking for %d peers?", wantedPeers),
		Notes: []string{
			"All in one process, in virtual time (testing/synctest), over links in memory of 10 ms one way; in place of WebRTC, links that open with one exchange of signals.",
			"5,000 grow in one round only: it takes two minutes of CPU time, of which nothing shows in the table.",
			"Each node joins at a random one of those that were there before it. Writes and bytes are those of the links, handshakes and encryption included, until everybody has its peers.",
			"Clustering is how often two peers of a node are peers of each other; in a random graph it is about peers divided by nodes.",
			"Together: the share of the nodes left that the largest part of the network has once the first node of all, or one node in five by chance, is gone.",
		},
		Columns: []column{
			{Name: "half have their peers", Unit: "s", Plain: true}, {Name: "everybody", Unit: "s", Plain: true},
			{Name: "never", Unit: "nodes", Plain: true},
			{Name: "writes a node", Unit: "count", Plain: true}, {Name: "sent a node", Unit: "KiB", Plain: true},
			{Name: "peers, mean", Unit: "count", Plain: true}, {Name: "peers, most", Unit: "count", Plain: true},
			{Name: "clustering", Unit: "share", Plain: true}, {Name: "diameter", Unit: "hops", Plain: true},
			{Name: "together without the first", Unit: "%", Plain: true}, {Name: "without one in five", Unit: "%", Plain: true},
		},
	}
}

func (growth) rows(e effort) []row {
	sizes := []int{10, 100, 1000, 5000}
	if e.quick {
		sizes = []int{12}
	}
	var rows []row
	for _, nodes := range sizes {
		r := row{name: fmt.Sprintf("%d exchanges", nodes), once: func() ([]float64, error) { return growOf(nodes) }}
		if nodes > 1000 {
			r.rounds = 1 // minutes of CPU time, and the time that is told is virtual
		}
		rows = append(rows, r)
	}
	return rows
}

// growthOf is a command of this program to itself: growth-of NODES.
const growthOf = "growth-of"

// growOf has a process of its own grow a network: a bubble of virtual time
// needs package testing, and a heap that is its own.
func growOf(nodes int) ([]float64, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.Command(self, growthOf, strconv.Itoa(nodes))
	c.Stderr = os.Stderr
	out, err := c.Output()
	for line := range bytes.Lines(out) { // among what package testing says
		var sample []float64
		if json.Unmarshal(line, &sample) == nil {
			return sample, nil
		}
	}
	if err == nil {
		err = errors.New("it said nothing")
	}
	return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
}
