package exchange

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/choice"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
)

// reserve notes that a session by path is about to connect to id, so that a
// session that id dials meanwhile is judged against it (PXP §10).
func (ex *Exchange) reserve(id identity.ID, path Path) (release func(), err error) {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if ex.closing {
		return nil, ErrClosed
	}
	if cur := ex.peers[id]; cur != nil && cur.s.path.rank() >= path.rank() {
		return nil, &ConnectedError{Peer: id}
	}
	for d := range ex.dialing {
		if d.id == id && d.rank >= path.rank() {
			return nil, &ConnectedError{Peer: id}
		}
	}
	if ex.full(id) {
		return nil, &LimitError{Limit: "Peers", Max: int64(ex.limits.Peers)}
	}
	d := &dialing{id: id, rank: path.rank()}
	ex.dialing[d] = struct{}{}
	return func() {
		ex.mu.Lock()
		defer ex.mu.Unlock()
		delete(ex.dialing, d)
	}, nil
}

// dialing is a session that we are connecting.
type dialing struct {
	id   identity.ID
	rank int
}

// full says whether there is no place for one more peer, id. Peers that we are
// connecting to count. ex.mu is held.
func (ex *Exchange) full(id identity.ID) bool {
	return ex.peers[id] == nil && ex.table(id, identity.ID{}).Peers >= ex.limits.Peers
}

// table counts the peers, id left out, and of those that dialed us whom via has
// introduced; zero is nobody. ex.mu is held.
func (ex *Exchange) table(id, via identity.ID) choice.Table {
	t := choice.Table{Limit: ex.limits.Peers, Target: ex.target}
	for other, p := range ex.peers {
		if other == id {
			continue
		}
		t.Peers++
		if !p.s.dialer {
			t.Incoming++
			if !via.IsZero() && p.s.path.Via == via {
				t.Through++
			}
		}
	}
	counted := make(map[identity.ID]struct{}, len(ex.dialing))
	for d := range ex.dialing { // by more than one path, perhaps
		_, twice := counted[d.id]
		if counted[d.id] = struct{}{}; !twice && d.id != id && ex.peers[d.id] == nil {
			t.Peers++
		}
	}
	return t
}

// takesIn says whether there is a place for id, who dials us, introduced by via
// unless that is zero. ex.mu is held.
func (ex *Exchange) takesIn(id, via identity.ID) error {
	if t := ex.table(id, via); !(choice.Rules{}).Admits(t) {
		return &LimitError{Limit: "Peers", Max: int64(choice.Rules{}.Incoming(t))}
	}
	return nil
}

// admit makes a peer of a session, or says why not. The acceptor decides when
// it gets the connect request, the dialer when that was granted.
func (ex *Exchange) admit(s *session) (*Peer, error) {
	ex.mu.Lock()
	old := ex.peers[s.remote]
	err := ex.judge(s, old)
	if ended := s.err(); ended != nil {
		err = ended
	}
	if err != nil {
		ex.mu.Unlock()
		return nil, err
	}
	peer := newPeer(s)
	s.peer = peer
	ex.peers[s.remote] = peer
	ex.peersChanged()
	ex.counts.joined++
	ex.events.emit(PeerJoined{Peer: peer}) // in order with what drop emits
	ex.mu.Unlock()

	s.mux.Admit()
	if old != nil {
		ex.spawn(func() { old.s.end(ErrSuperseded) }) // if not, Close ends it
	}
	ex.log.Info("peer joined", "peer", s.remote, "path", s.path, "incoming", !s.dialer)
	return peer, nil
}

// judge applies PXP §10: limits first, then which of two sessions to one peer
// stays. ex.mu is held.
func (ex *Exchange) judge(s *session, old *Peer) error {
	if ex.closing {
		return ErrClosed
	}
	if s.version == v1.Version && old != nil {
		// Both are whom one relay calls by one name, and nothing proves it: it
		// could end with the second a session that it introduced.
		return &ConnectedError{Peer: s.remote}
	}
	if s.dialer {
		// The acceptor has decided. Only a session that came in meanwhile
		// by a better path is kept against it.
		if old != nil && old.s.path.rank() > s.path.rank() {
			return &ConnectedError{Peer: s.remote}
		}
		return nil
	}
	// A peer has its place, but of one kind: it may not become one of those who
	// dialed us, whom another has introduced or who come from another address, and
	// leave what it had to its friends.
	if old == nil || old.s.dialer || old.s.path.Via != s.path.Via {
		if err := ex.takesIn(s.remote, s.path.Via); err != nil {
			return err
		}
	}
	if (old == nil || old.s.from != s.from) && ex.fromAddress(s.from) >= ex.limits.PeersPerAddress {
		return &LimitError{Limit: "PeersPerAddress", Max: int64(ex.limits.PeersPerAddress)}
	}
	if old != nil && !ex.better(s, old.s) {
		return &ConnectedError{Peer: s.remote}
	}
	// We are dialing the same peer by as good a path: the session of the
	// smaller ID stays.
	for d := range ex.dialing {
		if d.id == s.remote && d.rank == s.path.rank() && bytes.Compare(ex.id[:], s.remote[:]) < 0 {
			return &ConnectedError{Peer: s.remote}
		}
	}
	return nil
}

// atOnce is within how long of each other two ends dial "at the same time".
const atOnce = 10 * time.Second

// better says whether an incoming session replaces the one there is.
func (ex *Exchange) better(s, old *session) bool {
	if a, b := s.path.rank(), old.path.rank(); a != b {
		return a > b
	}
	if !old.dialer {
		return true // the peer dials again: it has lost the old one
	}
	// Both dialed. If that was at once the smaller ID's session stays; a peer
	// that dials long after has lost the session that we dialed.
	return bytes.Compare(s.remote[:], ex.id[:]) < 0 || time.Since(old.started) > atOnce
}

// fromAddress counts the peers that connected from there; ex.mu is held.
func (ex *Exchange) fromAddress(from netip.Prefix) (n int) {
	if !from.IsValid() {
		return 0
	}
	for _, p := range ex.peers {
		if p.s.from == from {
			n++
		}
	}
	return n
}

// peersChanged wakes who waits for PeersChanged; ex.mu is held.
func (ex *Exchange) peersChanged() {
	close(ex.changed)
	ex.changed = make(chan struct{})
}

// drop takes an ending session out of all tables.
// drop is idempotent.
func (ex *Exchange) drop(s *session, err error) {
	ex.mu.Lock()
	if s.ending.Load() {
		delete(ex.sessions, s)
	}
	peer := s.peer
	if peer == nil || s.dropped {
		ex.mu.Unlock()
		return
	}
	s.dropped = true
	ex.counts.conns -= s.conns
	ex.becameIdle()
	if ex.peers[s.remote] == peer {
		delete(ex.peers, s.remote)
	}
	ex.peersChanged()
	ex.counts.left++
	ex.events.emit(PeerLeft{Peer: peer, Err: err})
	ex.mu.Unlock()

	ex.slots.dropPeer(peer)
	ex.log.Info("peer left", "peer", s.remote, "path", s.path, "reason", err)
}

func (ex *Exchange) peerOf(s *session) *Peer {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return s.peer
}

func (ex *Exchange) isClosing() bool {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return ex.closing
}
