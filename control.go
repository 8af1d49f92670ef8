package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
)

// control is our end of a session's control stream (PXP §7): it frames
// messages, matches answers to requests, and keeps the session alive.
//
// Reading happens in one goroutine at a time, the one that calls take. Answers
// are written from there too, so a peer that does not read its answers is not
// read either, and nothing is queued for it.
type control struct {
	stream  mux.Stream
	remote  identity.ID
	limits  *Limits
	alive   func() time.Time // when the carrier last brought a byte
	quiet   bool             // no pings and no end by silence, in version 1; set before take
	wire    wire
	circuit bool          // carries upgrades; set before take
	rate    *rate.Limiter // of the remote's requests; take's
	behind  time.Time     // since when they have come faster; zero: they have not; take's

	writing chan struct{} // capacity 1: full while a frame is written
	over    bool          // bye was said or a write failed: nothing follows; the writer's
	broken  func(error)   // called when a write failed

	mu      sync.Mutex
	last    uint32             // id of our last request
	pending map[uint32]*waiter // removed by whoever waits
	late    []*waiter          // given up, oldest first; their answers still matter
	ended   chan struct{}      // closed when take has failed
	pinged  uint32             // id of the ping under way, or 0; guarded by mu
	sent    time.Time          // when it was sent; guarded by mu
	rtt     time.Duration      // of the last ping answered; guarded by mu
}

// wire is the form that control messages have in one version of the protocol.
type wire interface {
	// append adds a message to dst; nothing if the version does not have it.
	append(dst []byte, m pxp.Message) ([]byte, error)
	// next reads the next message. After a timeout it may be called again.
	// What is malformed is a *pxp.FormatError. Only the reader calls it.
	next() (pxp.Message, error)
	// more reports whether next has a message without reading on.
	more() bool
	// size is how many bytes the message that next returned last had. The reader
	// calls it once for each.
	size() int
	// forget is told the id of a request that is not waited for any more.
	forget(id uint32)
}

func newControl(stream mux.Stream, w wire, remote identity.ID, limits *Limits, alive func() time.Time) *control {
	return &control{
		stream:  stream,
		remote:  remote,
		limits:  limits,
		alive:   alive,
		wire:    w,
		rate:    rate.NewLimiter(rate.Limit(limits.RequestsPerSecond), limits.RequestBurst),
		writing: make(chan struct{}, 1),
		pending: make(map[uint32]*waiter),
		ended:   make(chan struct{}),
	}
}

// send writes one message. It blocks while the peer does not read, for
// Limits.RequestTime; an error ends the session, except that of a message which
// cannot be encoded.
func (c *control) send(m pxp.Message) error {
	return c.sendBuilt(func() pxp.Message { return m })
}

// acquire waits for the turn to write, though not beyond ctx.
func (c *control) acquire(ctx context.Context) error {
	select {
	case c.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *control) release() { <-c.writing }

func (c *control) tryAcquire() bool {
	select {
	case c.writing <- struct{}{}:
		return true
	default:
		return false
	}
}

// write is for who holds writing.
func (c *control) write(m pxp.Message, within time.Duration) error {
	if c.over {
		return errSessionEnded
	}
	frame, err := c.wire.append(nil, m)
	if err != nil {
		return fmt.Errorf("exchange: %v for peer %s: %w", m.Type(), c.remote.Short(), err)
	}
	if len(frame) == 0 {
		return nil // the version has no such message
	}
	if err = c.stream.SetWriteDeadline(time.Now().Add(within)); err == nil {
		_, err = c.stream.Write(frame)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = timeout(fmt.Sprintf("writing %v to peer %s", m.Type(), c.remote.Short()), within)
	default:
		err = lost(err)
	}
	c.over = true // part of it may be on its way
	c.broken(err)
	return err
}

// sendBuilt is send for a message that must be the first after what build
// does: nobody else's comes between.
func (c *control) sendBuilt(build func() pxp.Message) error {
	c.writing <- struct{}{} // bounded by the writes before, which are
	defer c.release()
	return c.write(build(), c.limits.RequestTime)
}

// sendBye says why the session ends, if the stream moves. Nothing may be sent
// after it.
func (c *control) sendBye(code pxp.Code, reason string) {
	// It often falls on the instant of a ping: KeepAlive and UpgradeTime are equal by default.
	ctx, cancel := context.WithTimeout(context.Background(), byeTime)
	defer cancel()
	if c.acquire(ctx) != nil {
		return
	}
	defer c.release()
	within, _ := ctx.Deadline()
	// The session ends whether or not this arrives.
	_ = c.write(pxp.Bye{Code: code, Reason: pxp.FitReason(reason)}, time.Until(within))
	c.over = true
}

// byeTime bounds the writing of a bye, and the wait for the message before it.
const byeTime = time.Second

// answer answers a request; err nil means OK.
func (c *control) answer(id uint32, err error) error { return c.send(result(id, err)) }

func result(id uint32, err error) pxp.Res {
	res := pxp.Res{ID: id}
	if err != nil {
		res.Code, res.Reason = codeOf(err), pxp.FitReason(reasonOf(err))
	}
	return res
}

// request sends what build returns for a fresh id and waits for its answer,
// Limits.RequestTime at most. An answer other than OK is a *RemoteError.
func (c *control) request(ctx context.Context, build func(id uint32) pxp.Message) (pxp.Res, error) {
	w, err := c.begin(ctx, build, nil)
	if err != nil {
		return pxp.Res{}, err
	}
	return w.wait(ctx)
}

// waiter is a request that was sent.
type waiter struct {
	c    *control
	id   uint32
	what pxp.Type
	then func(pxp.Res) // may be nil
	res  chan pxp.Res  // capacity 1
}

// begin is request without the waiting. The waiter must be waited for. then, if
// not nil, is called with the answer before any later message is looked at.
func (c *control) begin(ctx context.Context, build func(id uint32) pxp.Message, then func(pxp.Res)) (*waiter, error) {
	return c.beginIf(ctx, func(id uint32) (pxp.Message, error) { return build(id), nil }, then)
}

// beginIf is begin with a build that may think better of it. It is called when
// the message's turn has come: nobody else's is sent between the two.
func (c *control) beginIf(ctx context.Context, build func(id uint32) (pxp.Message, error), then func(pxp.Res)) (*waiter, error) {
	c.mu.Lock()
	if len(c.pending) >= c.limits.Requests {
		c.mu.Unlock()
		return nil, &LimitError{Limit: "Requests", Max: int64(c.limits.Requests)}
	}
	w := &waiter{c: c, id: c.newID(), then: then, res: make(chan pxp.Res, 1)}
	c.pending[w.id] = w
	c.mu.Unlock()
	err := c.acquire(ctx)
	if err == nil {
		defer c.release()
		var m pxp.Message
		if m, err = build(w.id); err == nil {
			w.what = m.Type()
			err = c.write(m, c.limits.RequestTime)
		}
	}
	if err != nil {
		w.forget()
		return nil, err
	}
	return w, nil
}

// newID returns the next request id; c.mu is held.
func (c *control) newID() uint32 {
	c.last++
	if c.last == 0 {
		c.last = 1
	}
	return c.last
}

func (w *waiter) forget() {
	if w == nil { // the request was not sent
		return
	}
	w.c.mu.Lock()
	delete(w.c.pending, w.id)
	w.c.mu.Unlock()
	w.c.wire.forget(w.id)
}

func (w *waiter) wait(ctx context.Context) (pxp.Res, error) {
	defer w.forget()
	res, _, err := w.answer(ctx)
	return res, err
}

// maxLate bounds the requests to one peer that were given up and whose answers
// matter all the same.
const maxLate = 64

// waitOrLater is wait for a request whose answer matters however late it comes:
// after waitOrLater gave up, then is called with it, in place of the waiter's own,
// before any later message is looked at. So it must not block. The oldest of more
// than maxLate such requests is forgotten.
func (w *waiter) waitOrLater(ctx context.Context, then func(pxp.Res)) (pxp.Res, error) {
	res, answered, err := w.answer(ctx)
	if answered {
		return res, err
	}
	c := w.c
	c.mu.Lock()
	var oldest *waiter
	_, waiting := c.pending[w.id]
	if waiting {
		w.then = then
		delete(c.pending, w.id)
		if c.late = append(c.late, w); len(c.late) > maxLate {
			oldest = c.late[0]
			c.late = slices.Delete(c.late, 0, 1)
		}
	}
	c.mu.Unlock()
	if oldest != nil {
		c.wire.forget(oldest.id)
	}
	if !waiting { // it came just now
		return w.result(<-w.res)
	}
	return res, err
}

// answer waits for the answer, and says whether it has come.
func (w *waiter) answer(ctx context.Context) (res pxp.Res, answered bool, err error) {
	t := time.NewTimer(w.c.limits.RequestTime)
	defer t.Stop()
	select {
	case res = <-w.res:
		res, err = w.result(res)
		return res, true, err
	case <-t.C:
		return res, false, timeout(fmt.Sprintf("waiting for peer %s to answer %v", w.c.remote.Short(), w.what), w.c.limits.RequestTime)
	case <-ctx.Done():
		return res, false, context.Cause(ctx)
	case <-w.c.ended:
		select {
		case res = <-w.res: // it was the last that came
			res, err = w.result(res)
			return res, true, err
		default:
			return res, false, errSessionEnded
		}
	}
}

func (w *waiter) result(res pxp.Res) (pxp.Res, error) {
	if res.Code != pxp.CodeOK {
		return res, &RemoteError{Peer: w.c.remote, Code: res.Code, Reason: clean(res.Reason)}
	}
	return res, nil
}

// errSessionEnded is replaced by the session's own cause where it is known.
var errSessionEnded = errors.New("exchange: the session ended")

// take reads the next message and hands it to handle, unless it is an answer; or,
// when none has come for a while, it sends a ping. It waits while the remote asks
// faster than it may, unless ctx ends. It fails when the stream or handle does, or
// nothing was heard for Limits.DeadAfter: then it must not be called again.
func (c *control) take(ctx context.Context, handle func(pxp.Message) error) (err error) {
	defer func() {
		if err != nil {
			close(c.ended)
		}
	}()
	m, err := c.read()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return c.keepalive()
	}
	if err != nil {
		return err
	}
	size := c.wire.size()
	res, isRes := m.(pxp.Res)
	if isRes {
		if ok, err := c.deliver(res); ok || err != nil {
			return err
		}
	}
	if _, isUpgrade := m.(pxp.Upgrade); !isUpgrade || !c.circuit { // a circuit's are counted by their inbox
		if err := c.slow(ctx, size); err != nil {
			return err
		}
	}
	if isRes {
		return nil
	}
	return handle(m)
}

// slow waits when the remote asks faster than Limits.RequestsPerSecond, and fails
// when it has for too long. A message of several KiB is as much work as several:
// 64 KiB of JSON can take milliseconds.
func (c *control) slow(ctx context.Context, size int) error {
	n := min(1+size>>10, c.rate.Burst())
	switch {
	case c.rate.Tokens() >= float64(n):
		c.behind = time.Time{}
	case c.behind.IsZero():
		c.behind = time.Now()
	case time.Since(c.behind) > c.limits.DeadAfter, c.quiet && c.unread() > maxBehind1:
		return c.askedTooMuch()
	}
	if err := c.rate.WaitN(ctx, n); err != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (c *control) askedTooMuch() error {
	return &LimitError{Limit: "RequestsPerSecond", Max: int64(c.limits.RequestsPerSecond)}
}

// maxBehind1 is how much a peer of version 1 may have said that is not read yet
// because it asks faster than it may. Nothing tells it to wait, and behind more
// than that we would not see the end of its connection.
const maxBehind1 = v1.MaxLine

func (c *control) unread() int {
	if s, ok := c.stream.(interface{ Unread() int }); ok {
		return s.Unread()
	}
	return 0
}

// ready reports whether take has something to do. If not, f is called in a
// goroutine of its own when it has.
func (c *control) ready(f func()) bool {
	var deadline time.Time
	if !c.quiet {
		deadline = time.Now().Add(min(c.limits.KeepAlive, c.limits.DeadAfter-time.Since(c.alive())))
	}
	if err := c.stream.SetReadDeadline(deadline); err != nil {
		return true // take says why
	}
	return c.wire.more() || c.stream.Ready(f)
}

// read returns the next message, within the stream's own deadline.
func (c *control) read() (pxp.Message, error) {
	m, err := c.wire.next()
	if err != nil {
		return nil, c.readError(err)
	}
	return m, nil
}

func (c *control) readError(err error) error {
	var format *pxp.FormatError
	var format1 *v1.FormatError
	var limit *LimitError
	switch {
	case errors.As(err, &format), errors.As(err, &format1):
		return &ProtocolError{Peer: c.remote, Code: pxp.CodeProtocol, Reason: "malformed control message", Err: err}
	case errors.Is(err, errCutMessage):
		return &ProtocolError{Peer: c.remote, Code: pxp.CodeProtocol, Reason: errCutMessage.Error()}
	case errors.Is(err, io.EOF):
		return &ProtocolError{Peer: c.remote, Code: pxp.CodeProtocol, Reason: "control stream ended without bye"}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, ErrWrongNetwork), errors.Is(err, ErrSelf), errors.Is(err, ErrNotPXP), errors.As(err, &limit):
		return err
	}
	return lost(err)
}

// keepalive is called when the control stream was silent for a while.
func (c *control) keepalive() error {
	idle := time.Since(c.alive())
	if idle >= c.limits.DeadAfter {
		if c.unread() > 0 { // it is silent because we read no more of it
			return c.askedTooMuch()
		}
		return ErrDead
	}
	if !c.tryAcquire() { // a write under way ends by its own deadline
		return nil
	}
	defer c.release()
	c.mu.Lock()
	busy := c.pinged != 0
	if !busy {
		c.pinged, c.sent = c.newID(), time.Now()
	}
	id := c.pinged
	c.mu.Unlock()
	if busy {
		return nil
	}
	if err := c.write(pxp.Ping{ID: id}, c.limits.DeadAfter-idle); err != nil {
		if errors.Is(err, ErrTimeout) {
			return ErrDead
		}
		return err
	}
	return nil
}

// deliver hands an answer to who waits for it. It reports false for an answer
// that came too late or twice, and fails for one to a request never made.
func (c *control) deliver(res pxp.Res) (bool, error) {
	c.mu.Lock()
	w, last := c.pending[res.ID], c.last
	delete(c.pending, res.ID)
	if i := slices.IndexFunc(c.late, func(l *waiter) bool { return l.id == res.ID }); w == nil && i >= 0 {
		w = c.late[i]
		c.late = slices.Delete(c.late, i, i+1)
	}
	pong := res.ID == c.pinged
	if pong {
		c.pinged, c.rtt = 0, time.Since(c.sent)
	}
	c.mu.Unlock()
	switch {
	case w != nil:
		if w.then != nil {
			w.then(res)
		}
		w.res <- res
		return true, nil
	case pong:
		return true, nil
	case res.ID > last:
		return false, &ProtocolError{Peer: c.remote, Code: pxp.CodeProtocol, Reason: fmt.Sprintf("answer to request %d, which was never made", res.ID)}
	}
	return false, nil
}

// latency is the round trip of the last ping; 0 before the first.
func (c *control) latency() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rtt
}
