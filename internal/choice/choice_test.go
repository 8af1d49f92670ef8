package choice

import (
	"math/rand/v2"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func chance() Chance { return rand.New(rand.NewPCG(1, 2)).IntN }

type offer = Candidate[string, string]

func offers(teacher string, names ...string) (all []offer) {
	for _, name := range names {
		all = append(all, offer{ID: name, Via: teacher})
	}
	return all
}

// often counts whom Meet chooses in many trials.
func often(r Rules, known []offer, teachers map[string]Teacher, share int) map[string]int {
	count := make(map[string]int)
	c := chance()
	for range 1000 {
		if i := Meet(r, known, func(t string) Teacher { return teachers[t] }, share, c); i >= 0 {
			count[known[i].Via+" "+known[i].ID]++
		}
	}
	return count
}

func TestMeetTakesTheRarest(t *testing.T) {
	known := slices.Concat(offers("a", "common", "rare", "common"), offers("b", "common"), offers("c", "common"))
	if got := often(Rules{}, known, nil, 9); got["a rare"] != 1000 {
		t.Errorf("chosen: %v, want the one whom one peer has, always", got)
	}
	known[1].Busy = true
	if got := often(Rules{}, known, nil, 9); got["a rare"] != 0 || len(got) == 0 {
		t.Errorf("while it is being met: %v", got)
	}
	if i := Meet(Rules{}, []offer{}, func(string) Teacher { return Teacher{} }, 1, chance()); i != -1 {
		t.Errorf("of none %d was chosen", i)
	}
}

// Who names eight whom nobody else names is no more often followed than who names one.
func TestMeetByTurns(t *testing.T) {
	known := slices.Concat(offers("honest", "x", "y"), offers("other", "x", "y", "z"),
		offers("liar", "1", "2", "3", "4", "5", "6", "7", "8"), offers("honest", "w"))
	by := make(map[string]int)
	for chosen, n := range often(Rules{}, known, nil, 9) {
		by[chosen[:4]] += n
	}
	for _, teacher := range []string{"hone", "othe", "liar"} {
		if by[teacher] < 250 || by[teacher] > 420 {
			t.Errorf("turns: %v, want a third each", by)
		}
	}
	got := often(Rules{}, known, map[string]Teacher{"liar": {Tried: 1}}, 9)
	if got["honest w"]+got["other z"] != 1000 {
		t.Errorf("after a candidate of the liar was tried: %v", got)
	}
}

func TestMeetHalfThroughOne(t *testing.T) {
	known := slices.Concat(offers("a", "1", "2"), offers("b", "2"))
	got := often(Rules{}, known, map[string]Teacher{"a": {Taught: 4}}, 4)
	if got["b 2"] != 1000 {
		t.Errorf("chosen: %v; half of the peers came through a", got)
	}
	got = often(Rules{}, known[:2], map[string]Teacher{"a": {Taught: 4}}, 4)
	if got["a 1"] == 0 {
		t.Errorf("chosen: %v; there is nobody but a", got)
	}
}

func TestAsk(t *testing.T) {
	c := chance()
	firsts := make(map[int]int)
	for range 1000 {
		peers := []int{0, 1, 2, 3, 4, 5, 6, 7}
		Ask(Rules{}, peers, func(p int) bool { return p >= 5 }, c)
		if slices.Min(peers[:3]) < 5 {
			t.Fatalf("order: %v; 5 and above were dialed", peers)
		}
		firsts[peers[0]]++
		firsts[peers[3]]++
	}
	for p := range 8 {
		if firsts[p] < 120 {
			t.Errorf("%d is too seldom the first of its kind: %v", p, firsts)
		}
	}
}

func TestName(t *testing.T) {
	c := chance()
	named := make(map[int]int)
	for range 1000 {
		got := Name([]int{0, 1, 2, 3}, 2, c)
		if len(got) != 2 || got[0] == got[1] {
			t.Fatalf("named %v", got)
		}
		named[got[0]]++
		named[got[1]]++
	}
	for p := range 4 {
		if named[p] < 400 {
			t.Errorf("named %v, want 500 each", named)
		}
	}
	if got := Name([]int{7}, 3, c); len(got) != 1 {
		t.Errorf("of one: %v", got)
	}
}

func TestPlaces(t *testing.T) {
	for _, tt := range []struct {
		name   string
		table  Table
		admits bool
		wanted int
	}{
		{"empty", Table{Limit: 50, Target: 8}, true, 8},
		{"all came to us", Table{Peers: 8, Incoming: 8, Limit: 50, Target: 8}, true, 4},
		{"half came to us", Table{Peers: 8, Incoming: 4, Limit: 50, Target: 8}, true, 0},
		{"places for such as come are taken", Table{Peers: 46, Incoming: 46, Limit: 50, Target: 8}, false, 4},
		{"one is not", Table{Peers: 49, Incoming: 45, Limit: 50, Target: 8}, true, 0},
		{"all are", Table{Peers: 50, Incoming: 42, Limit: 50, Target: 8}, false, 0},
		{"nobody is looked for", Table{Peers: 49, Incoming: 49, Limit: 50}, true, 0},
		{"half came through one", Table{Peers: 25, Incoming: 25, Through: 25, Limit: 50, Target: 8}, false, 4},
		{"one less did", Table{Peers: 25, Incoming: 25, Through: 24, Limit: 50, Target: 8}, true, 4},
		{"a single place", Table{Limit: 1, Target: 1}, true, 1},
	} {
		if got := (Rules{}).Admits(tt.table); got != tt.admits {
			t.Errorf("%s: admits %v", tt.name, got)
		}
		if got := (Rules{}).Wanted(tt.table); got != tt.wanted {
			t.Errorf("%s: %d wanted, want %d", tt.name, got, tt.wanted)
		}
	}
}
