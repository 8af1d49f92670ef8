package exchange

// Stats is a snapshot of what an exchange holds and has done.
type Stats struct {
	Peers         int   // now
	Conns         int   // data and named streams that the application has not closed
	Circuits      int   // through us, now
	PromisedBytes int64 // what peers may have unread with us: the sum of all windows

	Joined, Left  uint64 // peers, since New
	TurnedAway    uint64 // sockets refused by Limits.Unauthenticated and its kin
	CircuitsEnded uint64 // circuits that were spliced
	RelayedBytes  int64  // through them
}

// counts is the part of Stats that is counted; guarded by Exchange.mu.
type counts struct {
	conns                              int
	joined, left, turnedAway, circuits uint64
	relayed                            int64
}

func (ex *Exchange) count(f func(*counts)) {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	f(&ex.counts)
}

// Stats returns a snapshot.
func (ex *Exchange) Stats() Stats {
	circuits := ex.slots.numCircuits()
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return Stats{
		Peers:         len(ex.peers),
		Conns:         ex.counts.conns,
		Circuits:      circuits,
		PromisedBytes: ex.budget.Used(),
		Joined:        ex.counts.joined,
		Left:          ex.counts.left,
		TurnedAway:    ex.counts.turnedAway,
		CircuitsEnded: ex.counts.circuits,
		RelayedBytes:  ex.counts.relayed,
	}
}
