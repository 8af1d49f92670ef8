package choice

// Table is how many peers a node has, and may have.
type Table struct {
	Peers    int // all, also those that it is connecting to
	Incoming int // of them, such as dialed
	Through  int // of the incoming, those that the teacher of the one in question introduced
	Limit    int // places
	Target   int // peers that it looks for, at most Limit
}

// Incoming returns how many peers may be such as dialed us: half of the target is kept for those that we dial.
func (r Rules) Incoming(t Table) int {
	if !r.has(Places) {
		return t.Limit
	}
	return t.Limit - t.Target/2
}

// Admits returns whether somebody who dials us gets a place. One that a teacher introduced does not when half of the places
// are taken by such as the same teacher brought.
func (r Rules) Admits(t Table) bool {
	if r.has(Half) && t.Through > 0 && t.Through >= t.Limit/2 {
		return false
	}
	return t.Peers < t.Limit && t.Incoming < r.Incoming(t)
}

// Wanted returns how many peers are to be looked for. The places that are kept for those that we dial are also filled:
// otherwise those who dial us could see to it that we never look for anybody.
func (r Rules) Wanted(t Table) int {
	wanted := t.Target - t.Peers
	if r.has(Places) {
		wanted = max(wanted, t.Target/2-(t.Peers-t.Incoming))
	}
	return max(0, min(wanted, t.Limit-t.Peers))
}

// Share returns how many of the peers that we dialed may have come through one teacher before other teachers come first.
func (t Table) Share() int { return max(t.Target, t.Peers+1) / 2 }
