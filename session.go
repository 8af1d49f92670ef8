package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
	"github.com/peer-exchange/exchange/secure"
)

// session is one authenticated, multiplexed connection with another exchange,
// from the carrier up to the control stream. Two kinds exist: the direct
// session, which becomes a [Peer] by connect, and the session through a
// circuit, which only carries the signaling of an upgrade.
//
// A session is opened by open, exchanges hellos, and is then run. It ends by
// end, called by anybody; run returns when everything is released.
type session struct {
	ex      *Exchange
	version int         // of the protocol: 2, or 1 (v1.go)
	remote  identity.ID // in version 1 only a handle of our own
	dialer  bool        // we opened it
	path    Path
	carrier net.Conn // below the mux
	mux     mux.Session
	control *control
	binding [32]byte // what membership proofs are bound to
	export  func(label string) [32]byte
	seen    string       // where we see the remote; empty if that says nothing
	from    netip.Prefix // where it connected from, for PeersPerAddress; invalid: that does not count
	hello   pxp.Hello    // theirs; set before run
	started time.Time
	turn    turnAccess // that the remote has given us; guarded by ex.mu

	circuit  bool        // carries signaling only
	peer     *Peer       // set once, by admit; guarded by ex.mu
	upgrades *upgradeBox // of a circuit session
	first    chan *Conn  // acceptor, direct: capacity 1, gets the first data stream
	unwanted bool        // nobody takes first any more; guarded by ex.mu
	data     *Conn       // the data stream, as long as it is open; guarded by ex.mu
	asking   bool        // version 1: our request for another has no answer yet; guarded by ex.mu
	granting bool        // version 1: the remote's is being answered; guarded by ex.mu
	conns    int         // Conns that the application has not closed; guarded by ex.mu
	dropped  bool        // by drop; guarded by ex.mu
	declined error       // a dialer's: why it does not want what was granted; set before it hears of the grant
	draining atomic.Bool // by finish: nothing is answered any more
	why      error       // it finishes; set before draining

	ctx    context.Context // ended by end; its cause is why
	cancel context.CancelCauseFunc
	ending atomic.Bool   // end was called
	ended  chan struct{} // closed when end has released everything
	done   chan struct{} // closed when run has ended too
}

// opening is what open needs to know.
type opening struct {
	dialer  bool
	version int         // that a dialer speaks, or an acceptor insists on; 0: the acceptor finds out
	expect  identity.ID // in version 2; zero: anybody
	handle  identity.ID // in version 1; zero: a new one
	path    Path
	seen    string
	circuit bool
	first   []byte // a dialer's; what the data stream begins with
	strange *Peer  // the relay that introduced the remote, if it did not say who it is
}

// open runs the handshake over a fresh carrier and opens the control stream. It
// owns carrier from here on, and closes it when it fails. ctx bounds it.
func (ex *Exchange) open(ctx context.Context, carrier net.Conn, o opening) (*session, error) {
	stop := context.AfterFunc(ctx, func() { carrier.Close() })
	defer stop()
	s, err := ex.openSecure(ctx, carrier, o)
	if err != nil {
		carrier.Close()
		return nil, handshakeError(ctx, err)
	}
	return s, nil
}

func (ex *Exchange) openSecure(ctx context.Context, carrier net.Conn, o opening) (*session, error) {
	if !o.dialer {
		version, err := readPreamble(carrier)
		if err != nil {
			return nil, err
		}
		if o.version == pxp.Version && version == v1.Version {
			return nil, fmt.Errorf("%w: it was introduced as a node of version 2", ErrVersion1)
		}
		o.version = version
		if o.path.Via.IsZero() { // who comes through a relay is bounded by Limits.Meetings
			if err := ex.pace.wait(ctx, carrier.RemoteAddr()); err != nil {
				return nil, err
			}
		}
	}
	if err := ex.speaks(o.version); err != nil {
		if !o.dialer && o.version == pxp.Version { // tells the dialer what we speak
			_, _ = io.WriteString(carrier, pxp.Magic1)
		}
		return nil, err
	}
	if o.version == v1.Version {
		return ex.open1(ctx, carrier, o)
	}
	cfg := &secure.Config{Key: ex.key, Expect: o.expect, Preamble: []byte(pxp.Magic2)}
	handshake := secure.Client
	if !o.dialer {
		handshake = secure.Server
	}
	sc, err := handshake(ctx, carrier, cfg)
	if err != nil {
		return nil, err
	}
	if sc.Peer() == ex.id {
		return nil, ErrSelf
	}
	return ex.openMux(ctx, sc, o, sc.Peer(), sc.Binding(), sc.Export)
}

// openMux begins a session over a connection that is authenticated already.
func (ex *Exchange) openMux(ctx context.Context, conn net.Conn, o opening, remote identity.ID, binding [32]byte, export func(string) [32]byte) (*session, error) {
	newMux := mux.Server
	if o.dialer {
		newMux = mux.Client
	}
	m, err := newMux(conn, ex.muxConfig(o, remote))
	if err != nil {
		conn.Close()
		return nil, err
	}
	stream, err := controlStream(ctx, m, o.dialer)
	if err != nil {
		m.Close()
		return nil, err
	}
	s := ex.newSession(o, remote, conn, m, stream, &wire2{in: frameReader{r: stream}})
	s.version, s.binding, s.export = pxp.Version, binding, export
	return s, nil
}

// newSession is what is alike in both versions.
func (ex *Exchange) newSession(o opening, remote identity.ID, conn net.Conn, m mux.Session, stream mux.Stream, w wire) *session {
	s := &session{
		ex: ex, remote: remote, dialer: o.dialer, path: o.path, carrier: conn, mux: m,
		control: newControl(stream, w, remote, &ex.limits, func() time.Time { return m.Stats().LastReceived }),
		started: time.Now(),
		circuit: o.circuit,
		seen:    o.seen,
		first:   make(chan *Conn, 1),
		ended:   make(chan struct{}),
		done:    make(chan struct{}),
	}
	if !o.dialer && o.path.Via.IsZero() {
		s.from, _ = awayPrefix(conn.RemoteAddr())
	}
	s.control.broken = func(err error) {
		ex.spawn(func() { s.end(err) }) // if not, Close ends s
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	if s.control.circuit = o.circuit; o.circuit {
		s.upgrades = newUpgradeBox(remote)
	}
	return s
}

func controlStream(ctx context.Context, m mux.Session, dialer bool) (mux.Stream, error) {
	if dialer {
		return m.Open(ctx, pxp.ControlStream)
	}
	stream, err := m.Accept(ctx)
	if err != nil {
		return nil, err
	}
	if stream.Name() != pxp.ControlStream {
		return nil, &ProtocolError{Code: pxp.CodeProtocol, Reason: fmt.Sprintf("first stream is %q, not %q", clean(stream.Name()), pxp.ControlStream)}
	}
	return stream, nil
}

// readPreamble reads the five bytes with which the other end begins, and returns
// which version they announce.
func readPreamble(carrier net.Conn) (version int, err error) {
	var got [len(pxp.Magic2)]byte
	if _, err := io.ReadFull(carrier, got[:]); err != nil {
		return 0, fmt.Errorf("exchange: reading the preamble: %w", err)
	}
	switch string(got[:]) {
	case pxp.Magic1:
		return v1.Version, nil
	case pxp.Magic2:
		return pxp.Version, nil
	}
	return 0, preambleError(got[:])
}

func preambleError(got []byte) error {
	if string(got) == pxp.Magic1 {
		return ErrVersion1
	}
	return fmt.Errorf("%w (it begins with %q)", ErrNotPXP, got)
}

// handshakeError makes what can go wrong before hello readable.
func handshakeError(ctx context.Context, err error) error {
	var preamble *secure.PreambleError
	var rule *mux.ProtocolError
	var limit *mux.LimitError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &preamble):
		return preambleError(preamble.Got)
	case errors.As(err, &rule), errors.As(err, &limit):
		return &ProtocolError{Code: pxp.CodeProtocol, Reason: "the multiplexer's rules", Err: err}
	case errors.Is(err, mux.ErrRemoteClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return lost(err)
	}
	return err
}

// sendHello sends our hello. The dialer's comes first (PXP §4).
func (s *session) sendHello() error {
	if s.version == v1.Version {
		return s.control.send(pxp.Hello{}) // wire1 knows what it says
	}
	role := secure.Acceptor
	if s.dialer {
		role = secure.Dialer
	}
	return s.control.send(pxp.Hello{
		Version:  pxp.Version,
		Agent:    s.ex.agent,
		Proof:    secure.Prove(s.ex.networkKey, role, s.binding),
		Observed: s.seen,
		Accepts:  !s.ex.refuseIncoming,
		Features: s.ex.features,
	})
}

// readHello waits for their hello and checks it. The session must not be
// running yet.
func (s *session) readHello(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.control.stream.SetReadDeadline(time.Now()) })
	defer stop()
	m, err := s.control.read()
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	switch m := m.(type) {
	case pxp.Hello:
		s.hello = m
	case pxp.Bye:
		return &RemoteError{Peer: s.remote, Code: m.Code, Reason: clean(m.Reason)}
	default:
		return &ProtocolError{Peer: s.remote, Code: pxp.CodeProtocol, Reason: fmt.Sprintf("%v before hello", m.Type())}
	}
	if s.version == v1.Version {
		return nil // no proof in it; wire1 has looked for the network's name
	}
	role := secure.Dialer
	if s.dialer {
		role = secure.Acceptor
	}
	if !secure.Verify(s.ex.networkKey, role, s.binding, s.hello.Proof[:]) {
		return ErrWrongNetwork
	}
	return nil
}

// offers says whether the remote named a feature in its hello.
func (s *session) offers(feature string) bool { return slices.Contains(s.hello.Features, feature) }

// start has the session run. It reports false, and does nothing, once the
// exchange is closed.
func (s *session) start() bool {
	ex := s.ex
	ex.mu.Lock()
	closed := ex.closed
	if !closed {
		ex.sessions[s] = struct{}{}
		ex.wg.Add(1) // until the session has ended
	}
	ex.mu.Unlock()
	if !closed && s.control.ready(s.run) {
		go s.run() // ended by end, which Close calls; Close waits
	}
	return !closed
}

// run does what the control stream has for us, and releases the session when
// it has ended. It returns when there is nothing to do; when there is, it is
// called again in a goroutine of its own. So a peer that is silent costs none.
func (s *session) run() {
	for {
		if err := s.control.take(s.ctx, s.handle); err != nil {
			s.end(err)
			s.control.stream.Reset() // what is left on it would stay in the budget
			close(s.done)
			s.ex.wg.Done()
			return
		}
		if !s.control.ready(s.run) {
			return
		}
	}
}

// err is why the session ended; nil while it has not.
func (s *session) err() error { return context.Cause(s.ctx) }

// end ends the session for the reason err: the remote is told, the carrier
// closed. Only the first call counts, others wait for it. It does not wait for
// run.
func (s *session) end(err error) {
	if !s.ending.CompareAndSwap(false, true) {
		<-s.ended
		return
	}
	defer close(s.ended)
	if s.draining.Load() {
		err = s.why // not that the remote has closed because of it
	}
	if err == nil {
		err = ErrClosed
	}
	s.cancel(err)
	s.ex.drop(s, err)
	if s.upgrades != nil {
		s.upgrades.close(err)
	}
	s.settle()
	if remoteEnded(err) {
		// What has arrived stays readable: it is the carrier that ends, not
		// the streams. All that the remote wrote came before its bye.
		if !ruleBroken(err) { // else the mux is about to say so, and closes it
			s.carrier.Close()
		}
		s.mux.Release()
		return
	}
	s.control.sendBye(codeOf(err), reasonOf(err))
	s.mux.Close()
}

// remoteEnded says whether it was not us who ended a session.
func remoteEnded(err error) bool {
	var remote *RemoteError
	return errors.As(err, &remote) || errors.Is(err, ErrDead) || errors.Is(err, ErrLost)
}

// ruleBroken says whether the mux has ended the session because of what the
// remote did.
func ruleBroken(err error) bool {
	var limit *mux.LimitError
	var rule *mux.ProtocolError
	return errors.As(err, &limit) || errors.As(err, &rule)
}

// finish is end for a session whose streams are done: it lets what was
// written arrive before the carrier is closed, for as long as ctx lives.
func (s *session) finish(ctx context.Context, err error) {
	if s.draining.Load() || s.ending.Load() {
		s.end(err)
		return
	}
	s.why = err
	s.draining.Store(true)
	s.ex.drop(s, err)
	// Bye goes after all that was written; version 1 has none, and nobody answers it.
	if s.mux.Flush(ctx) == nil && s.version == pxp.Version {
		s.control.sendBye(codeOf(err), reasonOf(err))
		select {
		case <-s.mux.Done(): // the remote has closed, so it has everything
		case <-s.ended:
		case <-ctx.Done():
		}
	}
	s.end(err)
}

// handle acts on one message. An error ends the session.
func (s *session) handle(m pxp.Message) error {
	peer := s.ex.peerOf(s)
	if _, bye := m.(pxp.Bye); s.draining.Load() && !bye {
		return nil
	}
	switch m := m.(type) {
	case pxp.Ping:
		return s.control.answer(m.ID, nil)
	case pxp.Bye:
		return &RemoteError{Peer: s.remote, Code: m.Code, Reason: clean(m.Reason)}
	case pxp.Hello:
		if s.version == v1.Version {
			return nil // as the original does
		}
	case pxp.Upgrade:
		if !s.circuit && s.version == v1.Version {
			return nil // as the original does
		}
		if !s.circuit {
			return s.unexpected(m)
		}
		return s.upgrades.put(m)
	case pxp.Connect:
		if s.version == v1.Version && !s.circuit && (peer != nil || !s.dialer) {
			return s.connected1(peer, m)
		}
		if s.circuit || s.dialer || peer != nil {
			return s.unexpected(m)
		}
		return s.accepted(m)
	case pxp.GetPeers:
		if peer == nil {
			return s.notPeer(m, m.ID)
		}
		return s.ex.answerGetPeers(peer, m)
	case pxp.Relay:
		if peer == nil {
			return s.notPeer(m, m.ID)
		}
		return s.ex.answerRelay(peer, m)
	case pxp.Incoming:
		if peer == nil {
			return s.notPeer(m, m.ID)
		}
		return s.ex.answerIncoming(peer, m)
	case pxp.Turn:
		if peer == nil {
			return s.unexpected(m)
		}
		s.takeTURN(m)
		return nil
	case pxp.Unknown:
		if m.ID == 0 {
			return nil
		}
		return s.control.send(pxp.Res{ID: m.ID, Code: pxp.CodeUnsupported})
	}
	return s.unexpected(m)
}

// notPeer answers a request that only a peer may make. An original takes a
// circuit session for one with a peer, so it gets an answer (PXP §16.7).
func (s *session) notPeer(m pxp.Message, id uint32) error {
	if s.version != v1.Version {
		return s.unexpected(m)
	}
	switch m.(type) {
	case pxp.GetPeers:
		return s.control.answer(id, nil) // none
	case pxp.Relay:
		return s.control.answer(id, errUnknownToken)
	}
	return s.control.answer(id, ErrRefused)
}

func (s *session) unexpected(m pxp.Message) error {
	return &ProtocolError{Peer: s.remote, Code: pxp.CodeProtocol, Reason: fmt.Sprintf("%v is not legal now", m.Type())}
}

// accepted decides about a connect request and, if it is granted, turns the
// session into a peer. Nothing is sent to the new peer before the answer.
func (s *session) accepted(m pxp.Connect) error {
	var peer *Peer
	var refused error
	err := s.control.sendBuilt(func() pxp.Message {
		peer, refused = s.ex.admit(s)
		return result(m.ID, refused)
	})
	if refused != nil {
		return refused
	}
	// Even if that could not be written: somebody must take what has come.
	if !s.takeStreams(peer) {
		return ErrClosed
	}
	if err == nil {
		s.ex.giveTURN(s)
	}
	return err
}

// connect asks the remote to become a peer. The session is one before any
// message after the answer is looked at, or ends. Dialer only.
func (s *session) connect(ctx context.Context) (*waiter, error) {
	return s.control.begin(ctx, func(id uint32) pxp.Message { return pxp.Connect{ID: id} }, func(res pxp.Res) {
		if res.Code != pxp.CodeOK {
			return
		}
		if _, err := s.ex.admit(s); err != nil {
			s.declined = err
			s.ex.spawn(func() { s.end(err) }) // not here: this is the reader
		}
	})
}
