package main

import "testing"

func TestGraph(t *testing.T) {
	for name, test := range map[string]struct {
		g          graph
		mean       float64
		most       int
		clustering float64
		diameter   int
	}{
		"triangle with a tail": {graph{{1, 2}, {0, 2}, {0, 1, 3}, {2}}, 2, 3, (1 + 1 + 1.0/3) / 3, 2},
		"line":                 {graph{{1}, {0, 2}, {1, 3}, {2}}, 1.5, 2, 0, 3},
		"two parts":            {graph{{1}, {0}, {3}, {2}}, 1, 1, 0, -1},
	} {
		mean, most := test.g.degrees()
		if mean != test.mean || most != test.most {
			t.Errorf("%s: %v peers, %d at most, want %v and %d", name, mean, most, test.mean, test.most)
		}
		if got := test.g.clustering(); got < test.clustering-1e-9 || got > test.clustering+1e-9 {
			t.Errorf("%s: clustering %v, want %v", name, got, test.clustering)
		}
		if got := test.g.diameter(); got != test.diameter {
			t.Errorf("%s: diameter %d, want %d", name, got, test.diameter)
		}
	}
}

func TestLargestPart(t *testing.T) {
	g := graph{{1, 2}, {0, 2}, {0, 1, 3}, {2, 4}, {3}}
	for name, test := range map[string]struct {
		gone func(int) bool
		want float64
	}{
		"nobody":     {func(int) bool { return false }, 1},
		"the middle": {func(i int) bool { return i == 2 }, 0.5},
		"an end":     {func(i int) bool { return i == 4 }, 1},
		"all":        {func(int) bool { return true }, 0},
	} {
		if got := g.largest(test.gone); got != test.want {
			t.Errorf("without %s: %v, want %v", name, got, test.want)
		}
	}
}
