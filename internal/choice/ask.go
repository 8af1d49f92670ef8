package choice

import "slices"

// Ask puts peers in the order in which they are asked whom they have: by chance, those that we dialed first.
func Ask[P any](r Rules, peers []P, dialed func(P) bool, chance Chance) {
	shuffle(peers, chance)
	if r.has(Own) {
		slices.SortStableFunc(peers, func(a, b P) int { return first(dialed(a)) - first(dialed(b)) })
	}
}

func first(yes bool) int {
	if yes {
		return 0
	}
	return 1
}

// Name returns at most n of the peers that may be named to one who asks, by chance.
func Name[P any](peers []P, n int, chance Chance) []P {
	shuffle(peers, chance)
	return peers[:min(n, len(peers))]
}
