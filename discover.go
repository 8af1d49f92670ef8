package exchange

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/choice"
	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
)

// peerRates is how often peers ask each other for peers.
type peerRates struct {
	asked  *rate.Limiter // the peer asks us
	asking *rate.Limiter // we ask the peer
}

func newPeerRates(l *Limits) *peerRates {
	every := rate.Every(l.QueryEvery)
	return &peerRates{asked: rate.NewLimiter(every, l.QueryBurst), asking: rate.NewLimiter(every, l.QueryBurst)}
}

// candidate is a peer's peer that we may meet through it.
type candidate struct {
	id       identity.ID // in version 1, and from relays of it, a handle
	expect   identity.ID // whom the inner session must lead to; zero: whoever it is
	protocol int
	token    pxp.Token
	via      *Peer
	answer   uint64 // of via's, in which it was named
	expires  time.Time
}

// answerGetPeers names some of our peers to one of them: a random sample of
// those that accept and have a transport in common with it, each with a token
// that only the asker can use (PXP §8.2).
func (ex *Exchange) answerGetPeers(asker *Peer, m pxp.GetPeers) error {
	if !asker.rates.asked.Allow() {
		return asker.s.control.answer(m.ID, &LimitError{Limit: "QueryEvery", Max: int64(ex.limits.QueryEvery)})
	}
	res := pxp.Res{ID: m.ID}
	for _, p := range ex.sample(asker, min(m.Max, ex.limits.Candidates)) {
		s := ex.slots.add(asker, p, ex.limits.TokenLife, ex.limits.Tokens)
		version := meetVersion(asker, p)
		c := pxp.Candidate{Peer: nameOf(p, version), Token: s.token}
		if version == v1.Version {
			c.Protocol = v1.Version
		}
		res.Candidates = append(res.Candidates, c)
	}
	return asker.s.control.send(res)
}

func (ex *Exchange) sample(asker *Peer, n int) []*Peer {
	if !slices.Contains(ex.features, featureRelay) {
		return nil
	}
	var all []*Peer
	for p := range ex.Peers() {
		if p != asker && p.Accepts() && canMeet(asker, p) && (ex.nameOnly == nil || ex.nameOnly(p.ID())) {
			all = append(all, p)
		}
	}
	return choice.Name(all, n, rand.IntN)
}

// canMeet says whether two peers of ours have a transport and a version in
// common. Sessions of version 1 always offer the feature.
func canMeet(a, b *Peer) bool {
	if !a.s.offers(pxp.TransportWebRTC) || !b.s.offers(pxp.TransportWebRTC) {
		return false
	}
	return a.s.version == b.s.version || a.s.offers(featureV1) && b.s.offers(featureV1)
}

// meetVersion is the version in which two peers of ours can meet: the second if
// both speak it, by whichever they are connected to us.
func meetVersion(a, b *Peer) int {
	for _, p := range []*Peer{a, b} {
		if p.s.version == v1.Version && !p.s.offers(featureV2) {
			return v1.Version
		}
	}
	return pxp.Version
}

// nameOf is what we call a peer to one that meets it in a version. We do not know
// who came by version 1: in version 2, where an identity is expected, it has no
// name (PXP §16.12).
func nameOf(p *Peer, version int) identity.ID {
	if version == pxp.Version && p.s.version == v1.Version {
		return identity.ID{}
	}
	return p.ID()
}

// How GetNewPeer overlaps its attempts: one that is slow does not hold up the
// next for longer than the stagger.
const (
	attemptStagger = time.Second
	maxAttempts    = 3 // at once
)

// GetNewPeer finds a peer that the exchange does not have, by asking those it
// has for theirs, and connects to it directly. It returns the data stream. It
// asks four peers by chance at once, such as it dialed itself first, and then the
// others one by one, skips whom it knows, takes those who have answered in turn
// and of each whom few of its peers have, tries further candidates and further
// peers as attempts fail, and starts the next attempt when one takes longer than
// a second.
//
// It blocks until a peer is met, everybody was tried, or ctx is done, and
// leaves nothing running. A channel with npm peer-exchange that is about to open
// when ctx ends may have to open first, because the other end can crash
// otherwise: the return then takes up to 2 s for each of its two steps (PXP
// §16.10). Every part has a limit of its own (Limits.RequestTime,
// HandshakeTime, UpgradeTime). Asking one peer more often than once in
// Limits.QueryEvery waits for that time.
//
// Errors: [ErrNoPeers], [ErrNoCandidates], [ErrAllFailed] (a [*MeetError] with
// every cause), [ErrClosed], or the cause of ctx.
func (ex *Exchange) GetNewPeer(ctx context.Context) (*Conn, error) {
	return ex.GetNewPeerWith(ctx, nil)
}

// MeetConfig is what [Exchange.GetNewPeerWith] may be told. Its zero value says
// what [Exchange.GetNewPeer] does.
type MeetConfig struct {
	// First is what the data stream begins with, at most [MaxFirst] bytes. It
	// saves a round trip against a Write after the call: it goes out with the
	// request to connect, over the direct connection, to a candidate that has
	// proved its membership. Candidates that then refuse, or with whom the
	// call does not return, may have got it too. By version 1 it waits until
	// the candidate has agreed.
	First []byte
}

// GetNewPeerWith is [Exchange.GetNewPeer] with more to say about how; nil means
// nothing more. It fails like GetNewPeer, and when config makes no sense.
func (ex *Exchange) GetNewPeerWith(ctx context.Context, config *MeetConfig) (*Conn, error) {
	var first []byte
	if config != nil {
		first = config.First
	}
	if err := checkFirst("MeetConfig", first); err != nil {
		return nil, err
	}
	if !ex.enter() {
		return nil, ErrClosed
	}
	defer ex.wg.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(ex.ctx, func() { cancel(ErrClosed) })
	defer stop()
	defer cancel(nil)

	if err := ex.hasRoom(); err != nil {
		return nil, err
	}
	s := newSearch(ex, first)
	if len(s.relays) == 0 {
		return nil, ErrNoPeers
	}
	conn, err := s.run(ctx, cancel)
	if err != nil && ex.isClosing() { // its peers leave because of it
		err = ErrClosed
	}
	return conn, err
}

// search is one GetNewPeer: up to maxAttempts lanes that each take a candidate
// after the other until one is met.
type search struct {
	ex     *Exchange
	first  []byte        // what the data stream begins with
	relays []*Peer       // not asked yet; guarded by mu
	tried  map[*Peer]int // candidates that were tried, by who named them; guarded by ex.mu

	once   sync.Once      // the survey
	survey sync.WaitGroup // its queries; run waits for them

	mu       sync.Mutex
	failures []*AttemptError
}

func newSearch(ex *Exchange, first []byte) *search {
	s := &search{ex: ex, first: first, tried: make(map[*Peer]int)}
	for p := range ex.Peers() {
		if p.s.offers(featureRelay) {
			s.relays = append(s.relays, p)
		}
	}
	choice.Ask(choice.Rules{}, s.relays, func(p *Peer) bool { return p.s.dialer }, rand.IntN)
	// Whom we may ask at once comes first.
	slices.SortStableFunc(s.relays, func(a, b *Peer) int {
		return ready(b) - ready(a)
	})
	return s
}

func ready(p *Peer) int {
	if p.rates.asking.Tokens() >= 1 {
		return 1
	}
	return 0
}

func (s *search) run(ctx context.Context, cancel context.CancelCauseFunc) (*Conn, error) {
	var wg sync.WaitGroup
	out := make(chan *Conn, maxAttempts) // one value a lane: never blocks
	lanes := 0
	start := func() {
		lanes++
		wg.Go(func() { out <- s.lane(ctx) }) // ended by ctx, waited for before run returns
	}
	tick := time.NewTicker(attemptStagger)
	defer tick.Stop()
	defer s.survey.Wait()
	start()
	for {
		select {
		case conn := <-out:
			lanes--
			if conn != nil {
				cancel(context.Canceled)
				wg.Wait()
				for range lanes {
					discard(<-out) // two at once: the caller asked for one
				}
				return conn, nil
			}
			if lanes == 0 && ctx.Err() == nil {
				return nil, s.verdict()
			}
		case <-tick.C:
			if lanes < maxAttempts && s.more() {
				start()
			}
		case <-ctx.Done():
			wg.Wait()
			for range lanes {
				discard(<-out)
			}
			return nil, fmt.Errorf("exchange: looking for a new peer: %w", context.Cause(ctx))
		}
	}
}

// discard ends the peer of a Conn that nobody takes.
func discard(c *Conn) {
	if c != nil {
		c.Reset()
		c.Peer().s.end(ErrClosed)
	}
}

// hasRoom says whether one more peer may be looked for.
func (ex *Exchange) hasRoom() error {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if ex.full(identity.ID{}) {
		return &LimitError{Limit: "Peers", Max: int64(ex.limits.Peers)}
	}
	return nil
}

// lane tries candidates until one is met, nothing is left, or ctx is done.
func (s *search) lane(ctx context.Context) *Conn {
	for ctx.Err() == nil {
		c, ok := s.next(ctx)
		if !ok {
			return nil
		}
		conn, err := s.ex.meet(ctx, c, s.first)
		s.ex.endMeeting(c.id)
		if err == nil {
			return conn
		}
		s.fail(err)
	}
	return nil
}

// next returns a candidate that nobody is at, and asks peers for some when
// none is left.
func (s *search) next(ctx context.Context) (candidate, bool) {
	s.once.Do(func() { s.ask(ctx) })
	for ctx.Err() == nil {
		if c, ok := s.beginMeeting(); ok {
			return c, true
		}
		relay := s.nextRelay()
		if relay == nil {
			s.survey.Wait() // slow answers are all that is left
			return s.beginMeeting()
		}
		if err := s.ex.query(ctx, relay); err != nil {
			s.fail(&AttemptError{Via: relay.ID(), Step: "query", Err: err})
		}
	}
	return candidate{}, false
}

func (s *search) nextRelay() *Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.relays) == 0 {
		return nil
	}
	p := s.relays[0]
	s.relays = s.relays[1:]
	return p
}

// more says whether another lane would find something to do.
func (s *search) more() bool {
	s.mu.Lock()
	asked := len(s.relays) == 0
	s.mu.Unlock()
	return !asked || s.ex.hasCandidates()
}

func (s *search) fail(err *AttemptError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, err)
}

func (s *search) verdict() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.failures) == 0 {
		return ErrNoCandidates
	}
	return &MeetError{Attempts: s.failures}
}

// query asks a peer for its peers and adds them to the candidates known.
func (ex *Exchange) query(ctx context.Context, relay *Peer) error {
	if err := relay.rates.asking.Wait(ctx); err != nil {
		if ctx.Err() == nil {
			return context.DeadlineExceeded // would have to wait past ctx's deadline
		}
		return context.Cause(ctx)
	}
	began := time.Now()
	res, err := relay.s.control.request(ctx, func(id uint32) pxp.Message {
		return pxp.GetPeers{ID: id, Max: pxp.MaxCandidates}
	})
	if errors.Is(err, errSessionEnded) {
		err = relay.s.cause(ctx, err)
	}
	ex.events.emit(StepDone{Step: StepQuery, Via: relay.ID(), Took: time.Since(began), Err: err})
	if err != nil {
		return err
	}
	life := ex.limits.TokenLife
	if relay.s.version == v1.Version {
		life = min(life, tokenLife1)
	}
	// Leave the circuit time to come up before the token dies.
	expires := began.Add(life * 4 / 5)
	ex.mu.Lock()
	defer ex.mu.Unlock()
	ex.answers++
	for _, c := range ex.unmet(relay, res.Candidates) {
		if known, ok := ex.candidate(relay, c); ok {
			known.answer, known.expires = ex.answers, expires
			ex.known = append(ex.known, known)
		}
	}
	if over := len(ex.known) - maxKnown; over > 0 {
		ex.known = slices.Delete(ex.known, 0, over)
	}
	return nil
}

// unmet leaves out as many of the candidates that a relay does not name as we
// have of them: their tokens say nothing of whom they lead to, and to take all of
// them would be to meet the same peers again and again. A relay of version 1 names
// nobody. ex.mu is held.
func (ex *Exchange) unmet(relay *Peer, all []pxp.Candidate) []pxp.Candidate {
	have := 0
	for id, p := range ex.peers {
		_, behind := relay.behind[id]
		if behind || relay.s.version == v1.Version && p.s.version == v1.Version && p.s.path.Via == relay.ID() {
			have++
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return slices.DeleteFunc(all, func(c pxp.Candidate) bool {
		if have == 0 || relay.s.version != v1.Version && !identity.ID(c.Peer).IsZero() {
			return false
		}
		have--
		return true
	})
}

// metBehind notes who it was that a relay introduced without knowing it, whether
// or not we want it.
func (ex *Exchange) metBehind(relay *Peer, id identity.ID) {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if relay.behind == nil {
		relay.behind = make(map[identity.ID]struct{})
	}
	relay.behind[id] = struct{}{}
	if len(relay.behind) > 2*ex.limits.Peers { // only peers count
		maps.DeleteFunc(relay.behind, func(id identity.ID, _ struct{}) bool { return ex.peers[id] == nil })
	}
}

// candidate is what a relay's word means to us, if we can follow it.
func (ex *Exchange) candidate(via *Peer, c pxp.Candidate) (candidate, bool) {
	known := candidate{id: c.Peer, expect: c.Peer, protocol: pxp.Version, token: c.Token, via: via}
	if c.Protocol != 0 {
		known.protocol = int(c.Protocol)
	}
	switch {
	case via.s.version == v1.Version: // names nobody: the token is all there is
		known.id, known.expect = handleByToken(via, c.Token), identity.ID{}
		if ex.v1 == V1Only { // who speaks version 2 behind such a relay speaks 1, too
			known.protocol = v1.Version
		}
	case identity.ID(c.Peer).IsZero(): // whoever speaks version 2; it proves who it is
		if known.protocol != pxp.Version || !ex.meetsUnnamed() {
			return known, false
		}
		known.id = handleByToken(via, c.Token)
	case known.protocol == v1.Version:
		known.id, known.expect = handleOf(via, c.Peer), identity.ID{}
	}
	possible := known.protocol == pxp.Version || known.protocol == v1.Version && ex.transport1 != nil
	return known, possible && ex.speaks(known.protocol) == nil
}

// tokenLife1 is how long an original knows a candidate that it has named (PXP
// §16.9). It closes the session with who asks for it later.
const tokenLife1 = 15 * time.Second

// maxKnown bounds the candidates kept for later calls.
const maxKnown = 128

// beginMeeting takes the candidate whose turn it is. Others leave it alone until
// endMeeting.
func (s *search) beginMeeting() (candidate, bool) {
	ex := s.ex
	ex.mu.Lock()
	defer ex.mu.Unlock()
	ex.pruneLocked()
	i := s.whomToMeet()
	if i < 0 {
		return candidate{}, false
	}
	c := ex.known[i]
	ex.known = slices.Delete(ex.known, i, i+1)
	ex.meeting[c.id] = c
	s.tried[c.via]++
	return c, true
}

// taken says whether somebody is at a candidate, or may be: two answers of an
// original can name one peer by two ids. When that peer, another original, ends
// both circuits at once, the original in the middle dies (PXP §16.10). ex.mu is
// held.
func (ex *Exchange) taken(c candidate) bool {
	if _, busy := ex.meeting[c.id]; busy {
		return true
	}
	if c.via.s.version != v1.Version || c.via.s.offers(featureV2) { // a node lives on
		return false
	}
	for _, other := range ex.meeting {
		if other.via == c.via && other.answer != c.answer {
			return true
		}
	}
	return false
}

func (ex *Exchange) endMeeting(id identity.ID) {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	delete(ex.meeting, id)
}

func (ex *Exchange) hasCandidates() bool {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	ex.pruneLocked()
	return slices.ContainsFunc(ex.known, func(c candidate) bool { return !ex.taken(c) })
}

// pruneLocked forgets candidates that are ourselves, peers already, too old,
// or whose relay has left. ex.mu is held.
func (ex *Exchange) pruneLocked() {
	now := time.Now()
	ex.known = slices.DeleteFunc(ex.known, func(c candidate) bool {
		return c.id == ex.id || ex.peers[c.id] != nil || now.After(c.expires) || c.via.Err() != nil
	})
}
