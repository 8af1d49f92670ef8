package main

import (
	"fmt"
	"strings"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
)

// nodeEvent: a node of the demo has started.
type nodeEvent struct {
	Node string      `json:"node"`
	Peer identity.ID `json:"peer"`
}

func (*nodeEvent) name() string   { return "node" }
func (e *nodeEvent) text() string { return fmt.Sprintf("%s is peer %s", e.Node, e.Peer) }

// fileEvent: what will be sent.
type fileEvent struct {
	File   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func (*fileEvent) name() string { return "file" }
func (e *fileEvent) text() string {
	return fmt.Sprintf("the file: %s, %s\n          sha256 %s", formatBytes(e.Bytes), printable(e.File), e.SHA256)
}

// stepEvent: a step of a meeting is done.
type stepEvent struct {
	Node         string      `json:"node"`
	Step         string      `json:"step"`
	Milliseconds float64     `json:"ms"`
	Peer         identity.ID `json:"peer,omitzero"`
	Via          identity.ID `json:"via,omitzero"`
	Error        string      `json:"error,omitempty"`

	asker bool   // Node is who looks for a peer: what it sees is told to people
	says  string // what the step does
}

func (*stepEvent) name() string { return "step" }
func (e *stepEvent) text() string {
	if !e.asker && e.Error == "" {
		return ""
	}
	text := fmt.Sprintf("    %-10s %8.1f ms  %s", e.Step, e.Milliseconds, e.says)
	if e.Error != "" {
		text += " FAILED: " + e.Error
	}
	return text
}

const stepFirstByte = "first-byte"

// stepSays is what each step does, for people.
var stepSays = map[string]string{
	string(exchange.StepHandshake): "keys agreed, identities and membership proved",
	string(exchange.StepQuery):     "A names peers that C does not have",
	string(exchange.StepCircuit):   "A joins a stream of C to one of B; they authenticate inside it",
	string(exchange.StepGather):    "C's own addresses",
	string(exchange.StepICE):       "which of them reach each other",
	string(exchange.StepDTLS):      "keys for the direct connection",
	string(exchange.StepChannel):   "the data channel is open",
	string(exchange.StepConnect):   "a session over it",
	stepFirstByte:                  "of the file, from C's point of view",
}

// metEvent: two nodes have met.
type metEvent struct {
	Node         string      `json:"node"`
	Peer         identity.ID `json:"peer"`
	Name         string      `json:"name"`
	Path         string      `json:"path"`
	Via          identity.ID `json:"via,omitzero"`
	Milliseconds float64     `json:"ms"`
}

func (*metEvent) name() string { return "met" }
func (e *metEvent) text() string {
	text := fmt.Sprintf("%s met %s by %s, %.1f ms in all", e.Node, e.Name, e.Path, e.Milliseconds)
	if !e.Via.IsZero() {
		text = fmt.Sprintf("%s met %s by %s, introduced by A, %.1f ms in all", e.Node, e.Name, e.Path, e.Milliseconds)
	}
	return text
}

// progressEvent: so much has arrived.
type progressEvent struct {
	Bytes   int64 `json:"bytes"`
	Of      int64 `json:"of"`
	Percent int   `json:"percent"`

	speed float64 // MiB/s so far
}

func (*progressEvent) name() string { return "progress" }
func (e *progressEvent) text() string {
	return fmt.Sprintf("    %3d %%  %s of %s  %.1f MiB/s", e.Percent, formatBytes(e.Bytes), formatBytes(e.Of), e.speed)
}

// receivedEvent: the whole file is there.
type receivedEvent struct {
	Bytes              int64   `json:"bytes"`
	Milliseconds       float64 `json:"ms"`
	MebibytesPerSecond float64 `json:"mib_per_second"`
	SHA256             string  `json:"sha256"` // of the bytes that arrived
	Announced          string  `json:"announced"`
	Expected           string  `json:"expected"`
}

func (*receivedEvent) name() string { return "received" }
func (e *receivedEvent) text() string {
	return fmt.Sprintf("C has received %s in %.0f ms: %.1f MiB/s\n          sha256 %s",
		formatBytes(e.Bytes), e.Milliseconds, e.MebibytesPerSecond, e.SHA256)
}

// doneEvent: all went well, and everything is closed.
type doneEvent struct {
	OK           bool    `json:"ok"`
	SHA256       string  `json:"sha256"`
	RelayedBytes int64   `json:"relayed_bytes"` // through A
	Milliseconds float64 `json:"ms"`
}

func (*doneEvent) name() string { return "done" }
func (*doneEvent) text() string {
	return "the hashes agree: what arrived, what B announced, and the file. All nodes are closed."
}

// drawing shows the three nodes and how they were linked.
func drawing(bytes int64, speed float64, relayed int64) string {
	return strings.Join([]string{
		"",
		"                A            relayed " + formatBytes(relayed) + " of signaling that it cannot read,",
		"         tcp  /   \\  ws      and nothing of the file",
		"             /     \\",
		"            B ===== C        webrtc: " + formatBytes(bytes) + fmt.Sprintf(" at %.1f MiB/s", speed),
		"",
		"",
	}, "\n")
}
