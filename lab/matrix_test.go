//go:build lab

package lab

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write docs/nat-matrix.md in place of comparing with it")

// matrixFile has the tables that TestMatrix holds true, between these lines.
var matrixFile = filepath.Join("..", "docs", "nat-matrix.md")

const (
	tablesBegin = "<!-- tables: begin (go test -tags lab ./lab -run TestMatrix -update) -->\n"
	tablesEnd   = "<!-- tables: end -->\n"
)

// What a search for a peer ends in.
const (
	direct  = "direct"
	relayed = "relayed"
	nothing = "-"
)

// neighbours are pairs that have a NAT in common.
var neighbours = []struct {
	name    string
	outcome string
	top     Topology
}{
	{"in one home, port restricted", direct, Topology{
		NATs:  []NAT{{Name: "nat", Kind: PortRestricted}},
		Hosts: []Host{{Name: "a", Behind: "nat"}, {Name: "b", Behind: "nat"}},
	}},
	{"in one home, symmetric", direct, Topology{
		NATs:  []NAT{{Name: "nat", Kind: Symmetric}},
		Hosts: []Host{{Name: "a", Behind: "nat"}, {Name: "b", Behind: "nat"}},
	}},
	{"in one home, no UDP through its NAT", direct, Topology{
		NATs:  []NAT{{Name: "nat", Kind: NoUDP}},
		Hosts: []Host{{Name: "a", Behind: "nat"}, {Name: "b", Behind: "nat"}},
	}},
	// Each would have to reach the other by the carrier's outer address, from inside: Linux does not turn packets round there.
	{"in two homes of one carrier", nothing, Topology{
		NATs: []NAT{
			{Name: "carrier", Kind: PortRestricted, LAN: lanOfOthers},
			{Name: "anat", Kind: PortRestricted, Behind: "carrier"}, {Name: "bnat", Kind: PortRestricted, Behind: "carrier"},
		},
		Hosts: []Host{{Name: "a", Behind: "anat"}, {Name: "b", Behind: "bnat"}},
	}},
}

// turned are pairs that TURN helps, or does not need to, or cannot: the third node runs it.
var turned = []turnedPair{
	{BehindPort, BehindPort, direct},
	{Firewalled, BehindSymm, relayed},
	{BehindPort, BehindSymm, relayed},
	{BehindTwo, BehindSymm, relayed},
	{BehindSymm, Firewalled, relayed},
	{BehindSymm, BehindPort, relayed},
	{BehindSymm, BehindTwo, relayed},
	{BehindSymm, BehindSymm, relayed},
	{WithoutUDP, Open, nothing}, // TURN is on UDP
}

type turnedPair struct {
	a, b    Place
	outcome string
}

func (p turnedPair) name() string { return pairName(p.a, p.b) + ", with TURN" }

// For each pair of places: does looking for a peer end in a direct path, in a relayed one, or in an error that says why?
func TestMatrix(t *testing.T) {
	var mu sync.Mutex
	found := make(map[string]string)
	t.Run("pairs", func(t *testing.T) {
		pair := func(name string, top Topology, want string, boot ...string) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				outcome := seek(t, top, boot...)
				if outcome != want {
					t.Errorf("it is %q, and %q is possible", outcome, want)
				}
				mu.Lock()
				defer mu.Unlock()
				found[name] = outcome
			})
		}
		for _, a := range Places {
			for _, b := range Places {
				var top Topology
				top.Put("a", a)
				top.Put("b", b)
				want := nothing
				if reach(a, b) {
					want = direct
				}
				pair(pairName(a, b), top, want)
			}
		}
		for _, n := range neighbours {
			pair(n.name, n.top, n.outcome)
		}
		for _, p := range turned {
			var top Topology
			top.Put("a", p.a)
			top.Put("b", p.b)
			pair(p.name(), top, p.outcome, "--turn")
		}
	})
	if t.Failed() || len(found) < len(Places)*len(Places)+len(neighbours)+len(turned) { // -run may have left out some
		return
	}
	compare(t, tables(found))
}

// reach says whether ICE can connect two hosts that know how a third sees them (RFC 4787): behind a symmetric NAT somebody's port shows only
// when his first packet has come, so that who waits for him must let in whom he has not sent to.
func reach(a, b Place) bool {
	admits := func(p Place) bool { return p == Open || p == BehindCone }
	switch {
	case a == WithoutUDP || b == WithoutUDP:
		return false
	case a == BehindSymm || b == BehindSymm:
		return admits(a) || admits(b)
	}
	return true
}

func pairName(a, b Place) string { return fmt.Sprintf("%s to %s", a, b) }

// seek has host a look for b by way of a node that both know.
func seek(t *testing.T, top Topology, args ...string) (outcome string) {
	t.Helper()
	top.Hosts = append(top.Hosts, Host{Name: "boot"})
	l := New(t, top)
	boot := "tcp://" + l.Addr("boot").String() + ":8000"
	l.Node("boot", append(args, "--listen", boot)...).ID()
	b := l.Node("b", "--bootstrap", boot)
	b.Wait("its bootstrap node", patience, func(e Event) bool { return e.Event == "peer" })
	a := l.Node("a", "--bootstrap", boot, "--target", "2")
	about := b.ID()
	e := a.Wait("meeting the peer, or not", patience, func(e Event) bool {
		return e.Peer == about && (e.Event == "peer" || e.Event == "unmet")
	})
	switch {
	case e.Event == "unmet":
		if !strings.Contains(e.Error, "our addresses: ") {
			t.Errorf("does not say why: %s", e)
		}
		t.Log(e.Error)
		return nothing
	// The other's relay address may have shown before it was named; its type is another then.
	case e.Path == "webrtc" && !strings.Contains(e.Local+e.Remote, "relay ") && !strings.Contains(e.Remote, " "+l.Addr("boot").String()+":"):
		t.Log(e.Local, e.Remote)
		return direct
	}
	t.Log(e)
	return relayed
}

// tables are what is known, in Markdown.
func tables(found map[string]string) string {
	var b strings.Builder
	b.WriteString("| asks \\ is met |")
	for _, p := range Places {
		fmt.Fprintf(&b, " %s |", p)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(Places)) + "\n")
	for _, p := range Places {
		fmt.Fprintf(&b, "| **%s** |", p)
		for _, q := range Places {
			fmt.Fprintf(&b, " %s |", found[pairName(p, q)])
		}
		b.WriteString("\n")
	}
	b.WriteString("\n| two peers | |\n|---|---|\n")
	for _, n := range neighbours {
		fmt.Fprintf(&b, "| %s | %s |\n", n.name, found[n.name])
	}
	b.WriteString("\n| when the third runs `pxp node --turn` | |\n|---|---|\n")
	for _, p := range turned {
		fmt.Fprintf(&b, "| %s | %s |\n", pairName(p.a, p.b), found[p.name()])
	}
	return b.String()
}

func compare(t *testing.T, tables string) {
	t.Helper()
	text, err := os.ReadFile(matrixFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := bytes.Cut(text, []byte(tablesBegin))
	old, after, ended := bytes.Cut(rest, []byte(tablesEnd))
	if !found || !ended {
		t.Fatalf("%s has no place for the tables", matrixFile)
	}
	if string(old) == tables {
		return
	}
	if !*update {
		t.Errorf("%s says\n%s\nbut it is\n%s", matrixFile, old, tables)
		return
	}
	text = bytes.Join([][]byte{before, []byte(tablesBegin), []byte(tables), []byte(tablesEnd), after}, nil)
	if err := os.WriteFile(matrixFile, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
