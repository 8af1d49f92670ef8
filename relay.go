package exchange

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
)

// This file is the peer in the middle: it hands out candidate tokens, and
// splices the circuits that are asked for with them (PXP §8.3, §9).

var (
	errUnknownToken = errors.New("exchange: token is not known, used already, or expired")
	errUnreachable  = errors.New("exchange: the candidate cannot be reached")
)

// slots are the tokens that are out: each names one end of a circuit that may
// come to be, and the peer that may take it.
type slots struct {
	random func([]byte) // makes tokens; immutable

	mu       sync.Mutex
	byToken  map[pxp.Token]*slot
	byPeer   map[*Peer][]*slot // candidate tokens that are not used yet, oldest first
	circuits map[pair]struct{}
	asking   map[*Peer]int // circuits that a peer asked for
	targeted map[*Peer]int // and those that it is the target of
}

// pair is the two ends of a circuit, without direction.
type pair struct{ a, b *Peer }

func pairOf(a, b *Peer) pair {
	if a.ID().Compare(b.ID()) > 0 {
		a, b = b, a
	}
	return pair{a, b}
}

// slot is one token.
type slot struct {
	token  pxp.Token
	owner  *Peer           // who may use it
	target *Peer           // whom it leads to; nil for the target's own end
	stream chan mux.Stream // capacity 1: the owner's end of the circuit
	expire *time.Timer
	used   bool // a relay request has taken it
	joined bool // its stream has come
}

func newSlots() *slots {
	return &slots{
		random:   randomBytes,
		byToken:  make(map[pxp.Token]*slot),
		byPeer:   make(map[*Peer][]*slot),
		circuits: make(map[pair]struct{}),
		asking:   make(map[*Peer]int),
		targeted: make(map[*Peer]int),
	}
}

// add makes a token for owner that lives for life. Beyond max, the owner's
// oldest token gives way.
func (t *slots) add(owner, target *Peer, life time.Duration, max int) *slot {
	s := &slot{owner: owner, target: target, stream: make(chan mux.Stream, 1)}
	t.mu.Lock()
	defer t.mu.Unlock()
	for s.token == (pxp.Token{}) || t.byToken[s.token] != nil { // those of version 1 have 32 bits
		t.random(s.token[:])
		if owner.s.version == v1.Version {
			s.token = newToken1(s.token)
		}
	}
	t.byToken[s.token] = s
	if target != nil {
		if own := t.byPeer[owner]; len(own) >= max {
			t.removeLocked(own[0])
		}
		t.byPeer[owner] = append(t.byPeer[owner], s)
	}
	s.expire = time.AfterFunc(life, func() { t.remove(s) })
	return s
}

func (t *slots) remove(s *slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.removeLocked(s)
}

// removeLocked forgets a token. A stream that nobody took is reset.
func (t *slots) removeLocked(s *slot) {
	if t.byToken[s.token] != s {
		return
	}
	s.expire.Stop()
	delete(t.byToken, s.token)
	t.uncount(s)
	select {
	case stream := <-s.stream:
		stream.Reset()
	default:
	}
}

// uncount takes a slot out of its owner's count.
func (t *slots) uncount(s *slot) {
	own := slices.DeleteFunc(t.byPeer[s.owner], func(o *slot) bool { return o == s })
	if len(own) == 0 {
		delete(t.byPeer, s.owner)
		return
	}
	t.byPeer[s.owner] = own
}

// dropPeer forgets the tokens that a peer has not used when it left. Circuits end
// by themselves.
func (t *slots) dropPeer(p *Peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range slices.Clone(t.byPeer[p]) {
		t.removeLocked(s)
	}
}

// take uses a token for a relay request: once, and only by its owner.
func (t *slots) take(token pxp.Token, owner *Peer) (*slot, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.byToken[token]
	if s == nil || s.owner != owner || s.target == nil || s.used {
		return nil, errUnknownToken
	}
	s.used = true
	s.expire.Stop() // the circuit has a time limit of its own
	t.uncount(s)
	return s, nil
}

// join brings the stream of a token. It reports false if the token is not the
// peer's, or has its stream already.
func (t *slots) join(token pxp.Token, p *Peer, stream mux.Stream) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.byToken[token]
	if s == nil || s.owner != p || s.joined {
		return false
	}
	s.joined = true
	s.stream <- stream
	return true
}

// begin counts a circuit, or says which limit forbids it.
func (t *slots) begin(asker, target *Peer, l *Limits) (end func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := pairOf(asker, target)
	switch _, busy := t.circuits[p]; {
	case busy:
		return nil, &LimitError{Limit: "circuits per pair", Max: 1}
	case len(t.circuits) >= l.Circuits:
		return nil, &LimitError{Limit: "Circuits", Max: int64(l.Circuits)}
	case t.asking[asker] >= l.CircuitsPerPeer, t.targeted[target] >= l.CircuitsPerPeer:
		return nil, &LimitError{Limit: "CircuitsPerPeer", Max: int64(l.CircuitsPerPeer)}
	}
	t.circuits[p] = struct{}{}
	t.asking[asker]++
	t.targeted[target]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.circuits, p)
		if t.asking[asker]--; t.asking[asker] == 0 {
			delete(t.asking, asker)
		}
		if t.targeted[target]--; t.targeted[target] == 0 {
			delete(t.targeted, target)
		}
	}, nil
}

func (t *slots) numCircuits() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.circuits)
}

// answerRelay begins a circuit that a peer asked for, in a goroutine of its own.
func (ex *Exchange) answerRelay(asker *Peer, m pxp.Relay) error {
	s, err := ex.slots.take(m.Token, asker)
	if err != nil {
		return asker.s.control.answer(m.ID, err)
	}
	end, err := ex.slots.begin(asker, s.target, &ex.limits)
	if err != nil {
		ex.slots.remove(s)
		return asker.s.control.answer(m.ID, err)
	}
	end = sync.OnceFunc(end)
	// Bounded by Limits.Circuits, ended by Limits.CircuitTime and by either
	// peer's leaving.
	started := ex.spawn(func() {
		defer end()
		defer ex.slots.remove(s)
		ex.circuit(asker, s, m, end)
	})
	if !started {
		end()
		return ErrClosed
	}
	return nil
}

// circuit asks the target, waits for both streams and splices them. It calls end
// when the target has refused, so that who hears that may ask again.
func (ex *Exchange) circuit(asker *Peer, s *slot, m pxp.Relay, end func()) {
	ctx, cancel := ex.bound(context.Background(), "circuit", ex.limits.CircuitTime)
	defer cancel()
	target := s.target
	far := ex.slots.add(target, nil, ex.limits.CircuitTime, ex.limits.Tokens)
	defer ex.slots.remove(far)
	granted, err := ex.askCandidate(ctx, far, pxp.Incoming{Token: far.token, From: nameOf(asker, meetVersion(asker, target)), First: m.First})
	spliced := false
	defer func() {
		if granted && !spliced {
			ex.endHalf(far)
		}
	}()
	if err != nil {
		err = fmt.Errorf("%w: %w", errUnreachable, err)
		end()
	}
	if err := asker.s.control.answer(m.ID, err); err != nil {
		asker.s.end(err)
		return
	}
	if err != nil {
		ex.log.Debug("circuit refused", "asker", asker.ID(), "target", target.ID(), "error", err)
		return
	}
	waitCtx, cancelWait := context.WithTimeoutCause(ctx, ex.limits.RequestTime, timeout("waiting for both ends of a circuit", ex.limits.RequestTime))
	defer cancelWait()
	a, err := circuitEnd(waitCtx, s)
	if err != nil {
		return
	}
	b, err := circuitEnd(waitCtx, far)
	if err != nil {
		a.Reset()
		return
	}
	spliced = true
	if target.s.version == v1.Version && len(m.First) > 0 { // its request has no room for it
		if err := writeFirst(ctx, b, m.First); err != nil {
			a.Reset()
			b.Reset()
			return
		}
	}
	n, err := splice(ctx, a, b, ex.limits.CircuitBytes)
	ex.count(func(c *counts) { c.circuits++; c.relayed += n })
	ex.log.Debug("circuit ended", "asker", asker.ID(), "target", target.ID(), "bytes", n, "error", err)
}

// askCandidate asks the target of a circuit, whose slot is far, whether it comes.
func (ex *Exchange) askCandidate(ctx context.Context, far *slot, m pxp.Incoming) (granted bool, err error) {
	// The asker gives up after RequestTime: it should hear why before.
	ctx, cancel := context.WithTimeoutCause(ctx, ex.limits.RequestTime/2, timeout("reaching the candidate", ex.limits.RequestTime/2))
	defer cancel()
	w, err := far.owner.s.control.begin(ctx, func(id uint32) pxp.Message {
		m.ID = id
		return m
	}, nil)
	if err != nil {
		return false, err
	}
	_, err = w.waitOrLater(ctx, func(res pxp.Res) {
		if res.Code == pxp.CodeOK {
			ex.spawn(func() { ex.endHalf(far) }) // if not, Close ends the session
		}
	})
	return err == nil, err
}

// endHalf tells a candidate that has granted a circuit which does not come to be
// that it is over. An original waits for ever otherwise, and offers the circuit to
// others as a peer: its stream has to be opened to be ended (PXP §16.7). In
// version 2 the candidate's stream is reset as its token is forgotten.
func (ex *Exchange) endHalf(far *slot) {
	if far.owner.s.version != v1.Version {
		return
	}
	ctx, cancel := ex.bound(context.Background(), "ending a circuit", ex.limits.RequestTime)
	defer cancel()
	stream, err := circuitEnd(ctx, far)
	if err != nil {
		ex.log.Debug("circuit not ended", "target", far.owner.ID(), "error", err)
		return
	}
	stream.Reset()
}

// circuitEnd returns a slot's stream. In version 2 the owner opens it, and it is
// waited for; in version 1 both sides open streams of one name.
func circuitEnd(ctx context.Context, s *slot) (mux.Stream, error) {
	owner := s.owner
	if owner.s.version == v1.Version {
		return owner.s.mux.Open(ctx, owner.s.relayStream(s.token))
	}
	select {
	case stream := <-s.stream:
		return stream, nil
	case <-owner.Done():
		return nil, owner.Err()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// spliceBuffer is what one direction of a circuit holds at most, besides the
// windows of its two streams.
const spliceBuffer = 32 << 10

// splice copies between a and b until both have ended, one fails, ctx is done
// or maxBytes were copied in all; then it releases both. The end of one
// direction is passed on; any failure resets both streams.
func splice(ctx context.Context, a, b mux.Stream, maxBytes int64) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(ctx, func() {
		a.Reset()
		b.Reset()
	})
	quota := &quota{max: maxBytes}
	var wg sync.WaitGroup
	pump := func(dst, src mux.Stream) {
		if err := quota.copy(dst, src); err != nil {
			cancel(err)
		}
	}
	wg.Go(func() { pump(a, b) }) // both end with their streams, waited for below
	wg.Go(func() { pump(b, a) })
	wg.Wait()
	stop()
	err := context.Cause(ctx)
	cancel(nil)
	if err != nil {
		a.Reset()
		b.Reset()
	} else {
		a.Close()
		b.Close()
	}
	return quota.used, err
}

// quota is a number of bytes that several copies share.
type quota struct {
	max  int64
	mu   sync.Mutex
	used int64
}

func (q *quota) take(n int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.used+int64(n) > q.max {
		return false
	}
	q.used += int64(n)
	return true
}

// copy copies src to dst and then passes on the end.
func (q *quota) copy(dst, src mux.Stream) error {
	buf := make([]byte, spliceBuffer)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if !q.take(n) {
				return &LimitError{Limit: "CircuitBytes", Max: q.max}
			}
			if _, err := dst.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return dst.CloseWrite()
		}
		if err != nil {
			return err
		}
	}
}

// randomBytes fills b; it does not fail.
func randomBytes(b []byte) { rand.Read(b) }
