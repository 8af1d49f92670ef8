package wrtc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// gatherWait is how long a description waits for candidates, so that they travel inside it: those of this host take a tenth of a millisecond
// or so each. It saves a signal for each of them; in the set-up time no difference was measured while signaling is instant. What comes
// later (STUN, TURN) is trickled.
const gatherWait = 20 * time.Millisecond

// progress is what a link reports while it negotiates. Its methods never block and may be called from any goroutine.
type progress struct {
	mu              sync.Mutex
	candidates      []Signal // gathered, not yet taken by the negotiation
	gathered        bool     // no more will come
	ice, dtls, open time.Time
	wake            chan struct{} // cap 1: a token after each change
}

func (p *progress) change(f func()) {
	p.mu.Lock()
	f()
	p.mu.Unlock()
	token(p.wake)
}

func (p *progress) candidate(s Signal) { p.change(func() { p.candidates = append(p.candidates, s) }) }
func (p *progress) endOfCandidates()   { p.change(func() { p.gathered = true }) }
func (p *progress) iceConnected()      { p.change(func() { setTime(&p.ice) }) }
func (p *progress) dtlsConnected()     { p.change(func() { setTime(&p.ice); setTime(&p.dtls) }) }
func (p *progress) opened()            { p.change(func() { setTime(&p.ice); setTime(&p.dtls); setTime(&p.open) }) }

func setTime(t *time.Time) {
	if t.IsZero() {
		*t = time.Now()
	}
}

// negotiation is one call of Negotiate. All fields are owned by its goroutine but those of progress.
type negotiation struct {
	w    *WebRTC
	role Role
	s    Signaler
	conn *conn
	prog *progress
	to   *policy
	out  chan Signal // to the sender goroutine; cap is enough for all we send

	phase      Phase
	described  string // the local description as sent, "" before
	found      bool   // a candidate of ours, told or not
	remoteSet  bool
	endSent    bool
	sent       int      // candidates sent, those inside the description included
	received   int      // candidates received, likewise
	signals    int      // signals received
	pending    []Signal // candidates that came before the description
	ours       []Addr   // candidates sent
	theirs     []heard  // candidates received that parse, each once; no more than received
	gatherTime time.Duration
	iceStart   time.Time
}

// Negotiate makes a connection with the other end of s, where another Negotiate runs with the other role. It blocks until the data channel
// is open, [Config.OpenTimeout] has passed or ctx is done, and fails early when the other end breaks the rules of
// signaling. Every error is a [*NegotiateError]; after it nothing is left: no goroutine, no socket. Losing the signaling path after both
// descriptions went through is no error.
//
// The [Conn]: Write blocks while more than [Config.HighWater] bytes are on their way. Natively a reader that does not read stops the writer
// at the other end; a browser buffers up to 64 MiB and then fails the connection. Deadlines end a call between two
// messages, never inside one, with an error that is [os.ErrDeadlineExceeded]. Read returns io.EOF after everything
// that the other end wrote before its Close, and an error that is [ErrFailed] when the connection was lost. Close unblocks Read and Write at once, then
// blocks until the other end has everything that was written, at most 5 s, and until every goroutine of the connection has
// ended; further calls wait for the first and return the same. A Conn that failed still needs its Close. There is
// no CloseWrite. All methods may be called concurrently.
func (w *WebRTC) Negotiate(ctx context.Context, role Role, s Signaler) (Conn, error) {
	n := &negotiation{
		w: w, role: role, s: s, phase: PhaseOffer,
		conn: newConn(&w.cfg, w.dialect),
		prog: &progress{wake: make(chan struct{}, 1)},
		to:   w.policy(),
		out:  make(chan Signal, w.cfg.MaxCandidates+2),
	}
	if role != Offerer && role != Answerer {
		return nil, n.error(errors.New("no such role"))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, w.cfg.OpenTimeout, ErrTimeout)
	defer cancel()
	if ctx.Err() != nil {
		return nil, n.error(context.Cause(ctx))
	}
	if w.cfg.RelayOnly && !hasRelay(w.servers(n.to)) {
		return nil, n.error(ErrNoRelay)
	}
	l, err := w.newLink(role, n.conn, n.prog, n.to)
	if err != nil {
		return nil, n.error(err)
	}
	n.conn.link = l
	err = n.run(ctx, cancel)
	if err != nil {
		failed := n.error(err)
		n.conn.fail(err) // a reader that runs already may wait for ours
		l.shut()
		return nil, failed
	}
	return n.conn, nil
}

func (n *negotiation) error(err error) error {
	e := &NegotiateError{Role: n.role, Phase: n.phase, Err: err}
	if n.phase == PhaseICE {
		e.Checks = n.checks()
	}
	return e
}

// run returns when the channel is open or cannot be opened, after the two goroutines that it starts have ended.
func (n *negotiation) run(ctx context.Context, cancel context.CancelFunc) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	in := make(chan Signal)           // unbuffered: the other end is slowed down by our pace
	lost := make(chan error, 1)       // the receiver's last word
	sendFailed := make(chan error, 1) // the sender's last word, when a description could not be sent
	// Both goroutines are owned by run; the cancelled context ends them, wg waits.
	wg.Go(func() { lost <- n.receive(ctx, in) })
	wg.Go(func() {
		if err := n.send(ctx); err != nil {
			sendFailed <- err
		}
	})
	if n.role == Offerer {
		if err := n.conn.link.offer(); err != nil {
			return err
		}
		if err := n.describe(ctx, Offer); err != nil {
			return err
		}
		n.phase = PhaseAnswer
	}
	for {
		if done, err := n.advance(); done || err != nil {
			return err
		}
		if n.described != "" {
			if err := n.checkAddresses(); err != nil {
				return err
			}
		}
		select {
		case <-n.prog.wake:
		case <-n.conn.ended:
		case s := <-in:
			if err := n.handle(ctx, s); err != nil {
				return err
			}
		case err := <-lost:
			if !n.remoteSet {
				return endedFirst(ctx, fmt.Errorf("receiving signals: %w", err))
			}
			n.w.cfg.Logger.Debug("webrtc: signaling lost, going on without", "err", err)
		case err := <-sendFailed:
			return endedFirst(ctx, err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// endedFirst prefers the context's cause over what it brought about.
func endedFirst(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (n *negotiation) receive(ctx context.Context, in chan<- Signal) error {
	for {
		s, err := n.s.Receive(ctx)
		if err != nil {
			return err
		}
		select {
		case in <- s:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// send passes on what run queues. Only a description that cannot be sent is an error: candidates may be lost.
func (n *negotiation) send(ctx context.Context) error {
	for {
		select {
		case s := <-n.out:
			if err := n.s.Send(ctx, s); err != nil {
				if s.Kind == Offer || s.Kind == Answer {
					return fmt.Errorf("sending the %v: %w", s.Kind, err)
				}
				n.w.cfg.Logger.Debug("webrtc: sending a signal failed, no more are sent", "kind", s.Kind, "err", err)
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// describe waits shortly for candidates and sends the local description with them.
func (n *negotiation) describe(ctx context.Context, kind SignalKind) error {
	start := time.Now()
	timer := time.NewTimer(gatherWait)
	defer timer.Stop()
	for waiting := true; waiting; {
		n.prog.mu.Lock()
		gathered := n.prog.gathered
		n.prog.mu.Unlock()
		if gathered {
			break
		}
		select {
		case <-n.prog.wake:
		case <-timer.C:
			waiting = false
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	local := n.conn.link.localSDP()
	if local == "" {
		return errors.New("no local description")
	}
	n.found = strings.Contains(local, "\na=candidate:")
	n.described = n.w.told(local)
	n.sent = strings.Count(n.described, "\na=candidate:")
	n.ours = candidatesIn(n.described)
	if err := n.checkAddresses(); err != nil {
		return err
	}
	n.gatherTime = time.Since(start)
	n.out <- Signal{Kind: kind, Text: n.described}
	return nil
}

// checkAddresses fails when all candidates have been gathered and there is none.
func (n *negotiation) checkAddresses() error {
	p := n.prog
	p.mu.Lock()
	defer p.mu.Unlock()
	if namesAddresses && p.gathered && !n.found && len(p.candidates) == 0 {
		return ErrNoAddress
	}
	return nil
}

// advance looks at what the link reported: it trickles candidates and reports whether the channel is open.
func (n *negotiation) advance() (done bool, err error) {
	p := n.prog
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ice.IsZero() && n.phase == PhaseICE {
		n.phase = PhaseDTLS
	}
	if !p.dtls.IsZero() && n.phase == PhaseDTLS {
		n.phase = PhaseOpen
	}
	if isDone(n.conn.ended) {
		if err := n.conn.endError(); err != nil {
			return false, err
		}
	}
	if !p.open.IsZero() {
		n.conn.timing = Timing{Gather: n.gatherTime, ICE: p.ice.Sub(n.iceStart), DTLS: p.dtls.Sub(p.ice), Open: p.open.Sub(p.dtls)}
		n.conn.local, n.conn.remote = n.conn.link.pair()
		n.conn.link.start()
		return true, nil
	}
	if n.described == "" {
		return false, nil
	}
	for _, s := range p.candidates {
		n.found = true
		var ok bool
		if s.Text, ok = n.w.toldCandidate(s.Text); !ok {
			continue
		}
		if strings.Contains(n.described, "a="+s.Text+"\r\n") {
			continue
		}
		if n.sent++; n.sent > n.w.cfg.MaxCandidates {
			break
		}
		n.ours = append(n.ours, candidatesIn("a="+s.Text)...)
		n.out <- s
	}
	p.candidates = nil
	if p.gathered && !n.endSent && n.w.dialect.end {
		n.endSent = true
		n.out <- Signal{Kind: End}
	}
	return false, nil
}

// handle takes one signal of the other end. Nothing that comes after the rules were broken matters: the error ends the negotiation.
func (n *negotiation) handle(ctx context.Context, s Signal) error {
	if n.signals++; n.signals > n.w.cfg.MaxCandidates+8 {
		return badSignal(s.Kind, "more than %d signals", n.w.cfg.MaxCandidates+8)
	}
	switch s.Kind {
	case Offer, Answer:
		return n.remoteDescription(ctx, s)
	case Candidate:
		return n.remoteCandidate(s)
	case End:
		return nil
	}
	return badSignal(s.Kind, "unknown kind")
}

func (n *negotiation) remoteDescription(ctx context.Context, s Signal) error {
	if (s.Kind == Offer) != (n.role == Answerer) {
		return badSignal(s.Kind, "sent to the %v", n.role)
	}
	if n.remoteSet {
		return badSignal(s.Kind, "second %v", s.Kind)
	}
	d, err := checkSDP(s.Kind, s.Text, n.w.cfg.MaxSDP, n.skip)
	if err != nil {
		return err
	}
	if err := n.countCandidates(s.Kind, d.candidates); err != nil {
		return err
	}
	if n.w.dialect.repeats {
		n.received -= d.candidates // they come again
	}
	if d.maxMessage > 0 {
		n.conn.message = min(n.conn.message, d.maxMessage)
	}
	n.remoteSet = true
	l := n.conn.link
	if s.Kind == Answer {
		n.phase, n.iceStart = PhaseICE, time.Now()
		if err := l.accept(d.sdp); err != nil {
			return badSignal(s.Kind, "refused: %v", err)
		}
	} else {
		n.phase = PhaseAnswer
		if err := l.answer(d.sdp); err != nil {
			return badSignal(s.Kind, "refused: %v", err)
		}
		if err := n.describe(ctx, Answer); err != nil {
			return err
		}
		n.phase, n.iceStart = PhaseICE, time.Now()
	}
	for _, c := range n.pending {
		n.addCandidate(c)
	}
	n.pending = nil
	return nil
}

func (n *negotiation) countCandidates(kind SignalKind, k int) error {
	if n.received += k; n.received > n.w.cfg.MaxCandidates {
		return badSignal(kind, "more than %d candidates", n.w.cfg.MaxCandidates)
	}
	return nil
}

// remoteCandidate skips what does not parse or cannot be a peer, so that kinds of candidates that we do not know do no harm; they count.
func (n *negotiation) remoteCandidate(s Signal) error {
	if len(s.Text) > maxCandidateBytes {
		return badSignal(s.Kind, "candidate of %d bytes, at most %d", len(s.Text), maxCandidateBytes)
	}
	if len(s.Mid) > maxMidBytes {
		return badSignal(s.Kind, "mid of %d bytes, at most %d", len(s.Mid), maxMidBytes)
	}
	if err := n.countCandidates(s.Kind, 1); err != nil {
		return err
	}
	c, err := parseCandidate(s.Text)
	if err != nil {
		n.w.cfg.Logger.Debug("webrtc: candidate skipped", "why", err)
		return nil
	}
	if why := n.skip(c); why != "" {
		n.w.cfg.Logger.Debug("webrtc: candidate skipped", "why", why)
		return nil
	}
	s.Text = c.line
	if !n.remoteSet {
		n.pending = append(n.pending, s) // bounded by countCandidates
		return nil
	}
	n.addCandidate(s)
	return nil
}

func (n *negotiation) addCandidate(s Signal) {
	if err := n.conn.link.addCandidate(s); err != nil {
		n.w.cfg.Logger.Debug("webrtc: candidate skipped", "why", err)
	}
}
