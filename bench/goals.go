package main

import (
	"fmt"
	"io"
	"math"
)

// goal is a number to reach. It is looked up among results, never written down.
type goal struct {
	what        string
	measurement string
	least       bool // the number is at least to be reached, not at most
	number      float64
	unit        string // "" is a ratio
	of          func(*result) (measured float64, beside string)
	cost        string // the column of CPU seconds that belongs to a throughput
}

// goals are those of the project's plan: ratios are in one run on two cores.
var goals = []goal{
	{"stream, 4 KiB writes, against go-libp2p's best over TCP", "stream", true, 1.2, "", against(rateColumn(4<<10), libp2pTCP...), costColumn(4 << 10)},
	{"stream, 32 KiB writes, against go-libp2p's best over TCP", "stream", true, 1.3, "", against(rateColumn(32<<10), libp2pTCP...), costColumn(32 << 10)},
	{"stream, 128 KiB writes, against go-libp2p's best over TCP", "stream", true, 1.3, "", against(rateColumn(128<<10), libp2pTCP...), costColumn(128 << 10)},
	{"64-byte round trip against go-libp2p's best over TCP", "roundtrip", false, 0.75, "", against("idle mean", libp2pTCP...), ""},
	{"p99 of the round trip beside bulk against go-libp2p's best over TCP", "roundtrip", false, 0.5, "", against("beside bulk p99", libp2pTCP...), ""},
	{"streams a second, one at a time, against go-libp2p's best over TCP", "streams", true, 1.3, "", against("one at a time", libp2pTCP...), ""},
	{"streams a second, 16 at once, against go-libp2p's best over TCP", "streams", true, 1.3, "", against("16 at once", libp2pTCP...), ""},
	{"circuit, 4 KiB writes, against libp2p's as shipped", "circuit", true, 2, "", against(rateColumn(4<<10), libp2pCircuit{libp2pRelayBuffer}.name()), costColumn(4 << 10)},
	{"circuit, 32 KiB writes, against libp2p's as shipped", "circuit", true, 2, "", against(rateColumn(32<<10), libp2pCircuit{libp2pRelayBuffer}.name()), costColumn(32 << 10)},
	{"circuit, 128 KiB writes, against libp2p's as shipped", "circuit", true, 2, "", against(rateColumn(128<<10), libp2pCircuit{libp2pRelayBuffer}.name()), costColumn(128 << 10)},
	{"WebRTC stream against bare pion of the same settings", "webrtc", true, 0.95, "", against(rateColumn(32<<10), pionTuned.label), "CPU"},
	{"WebRTC stream, longest stall", "webrtc", false, 100, "ms", with(worst(ourWebRTC{}.name(), "longest stall"), worst(ourWebRTC{}.name(), "longest pause"), "longest pause"), ""},
	{"40 ms, one stream", "delay", true, 200, "MiB/s", value(ours{}.name(), farColumn(near40, "one stream")), ""},
	{"40 ms, ConnectWith to the first byte back", "setupfar", false, 3.1, "round trips", with(value(ours{first: true}.name(), near40.String()), value(threeTrips.label, near40.String()), threeTrips.label), ""},
	{"40 ms, GetNewPeerWith to the first byte back", "meetfar", false, 9, "round trips", value(ourWebRTC{first: true}.name(), "median"), ""},
	{"40 ms, GetNewPeerWith, the longest", "meetfar", false, 1000, "ms", worst(ourWebRTC{first: true}.name(), "most"), ""},
	{"GetNewPeer against two PeerConnections of the same settings", "meet", false, 3, "", against("median", pionTuned.label), ""},
	{"idle TCP peer, heap and stack, against go-libp2p's", "memory", false, 0.8, "", against("heap and stack", libp2pTCP...), ""},
	{"allocations for a write of 32 KiB", "codec", false, 0.1, "", value(write32, "allocations"), ""},
}

var libp2pTCP = []string{libp2pNoise.label, libp2pTLS.label}

// against is the ratio of the base row to that one of the rivals whose median is
// best.
func against(name string, rivals ...string) func(*result) (float64, string) {
	return func(r *result) (float64, string) {
		c := r.column(name)
		if c < 0 {
			return math.NaN(), ""
		}
		best := bestOf(r, c, rivals)
		if best == nil {
			return math.NaN(), ""
		}
		return ratio(r.row(r.Base), best, c).median, best.Name
	}
}

func bestOf(r *result, c int, rivals []string) (best *rowResult) {
	for _, name := range rivals {
		row := r.row(name)
		if row == nil || row.of(c).n == 0 {
			continue
		}
		if best == nil || (row.of(c).median > best.of(c).median) == r.Columns[c].Higher {
			best = row
		}
	}
	return best
}

// value is the median of a cell.
func value(row, name string) func(*result) (float64, string) {
	return func(r *result) (float64, string) {
		if found := r.row(row); found != nil {
			return found.of(r.column(name)).median, ""
		}
		return math.NaN(), ""
	}
}

// with tells besides what the machine alone makes of it.
func with(of, machine func(*result) (float64, string), label string) func(*result) (float64, string) {
	return func(r *result) (float64, string) {
		measured, _ := of(r)
		alone, _ := machine(r)
		return measured, label + ": " + show(alone)
	}
}

// worst is the most of a cell.
func worst(row, name string) func(*result) (float64, string) {
	return func(r *result) (float64, string) {
		if found := r.row(row); found != nil {
			return found.of(r.column(name)).max, ""
		}
		return math.NaN(), ""
	}
}

func (g *goal) met(measured float64) bool {
	if g.least {
		return measured >= g.number
	}
	return measured <= g.number
}

// inCPU is the same ratio for the CPU time that a byte takes, which a busy
// machine hardly changes.
func (g *goal) inCPU(r *result, beside string) string {
	c := r.column(g.cost)
	if g.cost == "" || c < 0 {
		return ""
	}
	return show(ratio(r.row(beside), r.row(r.Base), c).median)
}

// writeGoals writes how far each goal is met whose measurement is among the
// results.
func writeGoals(w io.Writer, results []result) {
	lines := [][]string{{"goal", "at", "measured", "beside", "met", "in CPU time"}}
	for _, g := range goals {
		for i := range results {
			if results[i].Name != g.measurement {
				continue
			}
			measured, beside := g.of(&results[i])
			bound, met := "most", "no"
			if g.least {
				bound = "least"
			}
			switch {
			case math.IsNaN(measured):
				met = "not measured"
			case g.met(measured):
				met = "yes"
			}
			lines = append(lines, []string{g.what, fmt.Sprintf("%s %s %s", bound, show(g.number), g.unit), show(measured), beside, met, g.inCPU(&results[i], beside)})
		}
	}
	if len(lines) == 1 {
		return
	}
	fmt.Fprint(w, "\n### goals\n\n")
	writeTable(w, lines)
}
