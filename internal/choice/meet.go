package choice

import "slices"

// Candidate is somebody whom a peer of ours, the teacher, has named to us. I is what candidates are told apart by, T
// what teachers are.
type Candidate[I, T comparable] struct {
	ID   I
	Via  T
	Busy bool // it is being met already
}

// Teacher is what counts about a peer that has named candidates.
type Teacher struct {
	Tried  int // of its candidates, those that this search has tried
	Taught int // of the peers that we dialed, those that we met through it
}

// Meet returns the index in known of the candidate to try next, -1 if there is none. It is one of those whom the fewest
// teachers have named (ADR 0010). Of their teachers each has its turn, by chance, those with a share of our peers or more
// behind the others: who names many whom nobody else names gets no more turns by it (ADR 0012).
func Meet[I, T comparable](r Rules, known []Candidate[I, T], teacher func(T) Teacher, share int, chance Chance) int {
	named := namings(known)
	if !r.has(Turns) {
		return rarest(known, named)
	}
	type rank struct{ over, named, tried int }
	less := func(a, b rank) bool {
		if a.over != b.over {
			return a.over < b.over
		}
		if a.named != b.named {
			return a.named < b.named
		}
		return a.tried < b.tried
	}
	var top rank
	var turn []T // the teachers that have candidates of the top rank
	ranks := make([]rank, len(known))
	for i, c := range known {
		if c.Busy {
			continue
		}
		t := teacher(c.Via)
		k := rank{named: named[c.ID], tried: t.Tried}
		if r.has(Half) && t.Taught >= share {
			k.over = 1
		}
		ranks[i] = k
		if len(turn) == 0 || less(k, top) {
			top, turn = k, turn[:0]
		}
		if k == top && !slices.Contains(turn, c.Via) {
			turn = append(turn, c.Via)
		}
	}
	if len(turn) == 0 {
		return -1
	}
	via := turn[chance(len(turn))]
	best, ties := -1, 0
	for i, c := range known {
		if !c.Busy && c.Via == via && ranks[i] == top {
			if ties++; chance(ties) == 0 {
				best = i
			}
		}
	}
	return best
}

// rarest is what was chosen before teachers took turns: the newest of those that the fewest have named.
func rarest[I, T comparable](known []Candidate[I, T], named map[I]int) int {
	best := -1
	for i, c := range known {
		if !c.Busy && (best < 0 || named[c.ID] <= named[known[best].ID]) {
			best = i
		}
	}
	return best
}

// namings counts the teachers that have named each candidate.
func namings[I, T comparable](known []Candidate[I, T]) map[I]int {
	type naming struct {
		id  I
		via T
	}
	seen := make(map[naming]struct{}, len(known))
	named := make(map[I]int, len(known))
	for _, c := range known {
		n := naming{c.ID, c.Via}
		if _, twice := seen[n]; !twice {
			seen[n] = struct{}{}
			named[c.ID]++
		}
	}
	return named
}
