package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/peer-exchange/exchange/fuzz/attack"
)

// memoryBoundMiB is what SECURITY.md says that a node has at most, whatever is done to it.
const memoryBoundMiB = 640

// row is what came of one attack.
type row struct {
	Attack      string       `json:"attack"`
	Rate        int          `json:"rate"` // asked for; 0: as many as go
	Load        float64      `json:"load"` // average of the machine before it
	Tally       attack.Tally `json:"tally"`
	CPU         float64      `json:"node_cpu"`     // of one processor
	AttackerCPU float64      `json:"attacker_cpu"` // likewise
	Peak        int64        `json:"peak_bytes"`
	RSS         int64        `json:"rss_bytes"` // after
	Before      latency      `json:"before"`
	During      latency      `json:"during"`
	After       latency      `json:"after"`
	Ratio       float64      `json:"ratio"`      // of p99, during to before
	Recovery    float64      `json:"recovery_s"` // until descriptors are as before and somebody new gets in
	Goroutines  int          `json:"goroutines"` // after
	LogBytes    int64        `json:"log_bytes"`
	Missed      []string     `json:"missed,omitempty"`
}

func (row *row) miss(what string) { row.Missed = append(row.Missed, what) }

const (
	slowest = 3 // times slower may an honest client be
	// spareGoroutines may be more than without an attack: timers and reads that are under way when the node is stopped.
	spareGoroutines = 10
)

// judge compares with what must hold.
func (row *row) judge(baseline int, o *options) {
	if row.Before.P99 > 0 {
		row.Ratio = row.During.P99 / row.Before.P99
	}
	if bound := int64(o.boundMiB) << 20; row.Peak > bound {
		row.miss(fmt.Sprintf("%d MiB of memory, bound %d", row.Peak>>20, o.boundMiB))
	}
	if row.Goroutines > baseline+spareGoroutines {
		row.miss(fmt.Sprintf("%d goroutines, %d without an attack", row.Goroutines, baseline))
	}
	if o.strict && row.Ratio > slowest {
		row.miss(fmt.Sprintf("honest clients were %.1f times slower", row.Ratio))
	}
}

func printHeader(w io.Writer) {
	fmt.Fprintf(w, "%-22s %8s %9s %8s %6s %6s %9s  %-15s %-15s %-15s %6s %8s %6s %5s\n", "attack", "rate/s", "actions", "sockets",
		"node", "enemy", "peak", "before p50 p99", "during p50 p99", "after p50 p99", "ratio", "recovery", "gor.", "load")
}

func (row *row) print(w io.Writer) {
	rate := "all"
	if row.Rate > 0 {
		rate = fmt.Sprint(row.Rate)
	}
	if row.Attack == nobody {
		rate = "-"
	}
	ms := func(l latency) string { return fmt.Sprintf("%.2f %.2f", l.P50, l.P99) }
	fmt.Fprintf(w, "%-22s %8s %9d %8d %5.0f%% %5.0f%% %5d MiB  %-15s %-15s %-15s %6.1f %6.1f s %6d %5.1f  %s\n",
		row.Attack, rate, row.Tally.Actions, row.Tally.Sockets, row.CPU*100, row.AttackerCPU*100, row.Peak>>20,
		ms(row.Before), ms(row.During), ms(row.After), row.Ratio, row.Recovery, row.Goroutines, row.Load, verdict(row.Missed))
}

func verdict(missed []string) string {
	if len(missed) == 0 {
		return "ok"
	}
	return "MISSED: " + strings.Join(missed, "; ")
}
