package exchange

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
	"github.com/peer-exchange/exchange/secure"
	"github.com/peer-exchange/exchange/wrtc"
)

// Features that a hello can name.
const (
	featureRelay = "relay" // introduces its peers to each other
)

// Exchange is one node's membership in one network. All its methods may be
// called by several goroutines at once.
type Exchange struct {
	// immutable after New
	network        string
	networkKey     [32]byte
	private        bool // the network has a secret
	key            *identity.Key
	id             identity.ID
	agent          string
	features       []string
	refuseIncoming bool
	transport      wrtc.Transport
	transport1     wrtc.Transport // for version 1; nil: no upgrades in it
	v1             V1Policy
	stunPort       uint16
	turn           func(peer identity.ID) (username, password string, life time.Duration) // nil: none served
	node1          string                                                                 // by which we know ourselves in version 1
	limits         Limits
	budget         *mux.Budget
	log            *slog.Logger
	events         *events
	gate           *gate
	pace           *pace
	refusals       *refusals
	slots          *slots                 // candidate tokens and circuits through us
	meetings       *meetings              // circuits that we are the target of
	conns          *Listener              // data streams
	nameOnly       func(identity.ID) bool // whom it names; nil: all, except in tests of hostile nodes

	ctx    context.Context // ends when Close begins, with cause ErrClosed
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // everything that spawn started

	mu        sync.Mutex
	closing   bool // no new peers or goroutines
	closed    bool // Close has begun
	peers     map[identity.ID]*Peer
	dialing   map[*dialing]struct{}     // sessions that we are connecting
	meeting   map[identity.ID]candidate // whom GetNewPeer is at
	sessions  map[*session]struct{}     // all that run
	listeners map[string]*Listener      // named streams
	sockets   map[net.Listener]struct{} // that Serve accepts from
	changed   chan struct{}             // closed and replaced when peers changes
	idle      chan struct{}             // closed and replaced when a Conn is closed or its peer leaves
	target    int                       // of Maintain
	maintain  bool                      // its goroutine runs
	retarget  chan struct{}             // capacity 1: target changed
	known     []candidate               // candidates not used yet, newest last
	answers   uint64                    // that named candidates
	counts    counts
}

// New returns an exchange in the network of that name: 1 to 250 bytes of
// UTF-8 without control characters. It has no peers yet and starts no traffic; see [Exchange.Connect],
// [Exchange.Serve] and package bootstrap. Close it when done.
//
// The name is not sent to strangers: both sides of a session prove that they
// know it, and Config.Secret (PXP §4.3). Only peers of version 1 of the protocol
// are told it in clear; see Config.V1.
func New(network string, config *Config) (*Exchange, error) {
	if err := checkText("network", network, pxp.MaxNetwork); err != nil {
		return nil, err
	}
	cfg, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	ex := &Exchange{
		network:        network,
		networkKey:     secure.NetworkKey(network, cfg.Secret),
		private:        len(cfg.Secret) > 0,
		key:            cfg.Identity,
		id:             cfg.Identity.ID(),
		agent:          cfg.Agent,
		node1:          rand.Text()[:16],
		refuseIncoming: cfg.RefuseIncoming,
		transport:      cfg.Transport,
		limits:         cfg.Limits,
		budget:         mux.NewBudget(int64(cfg.Limits.ExchangeBytes), cfg.Limits.Peers),
		log:            cfg.Logger,
		events:         newEvents(cfg.OnEvent),
		refusals:       newRefusals(),
		gate:           newGate(cfg.Limits.Unauthenticated, cfg.Limits.UnauthenticatedPerAddress),
		slots:          newSlots(),
		meetings:       newMeetings(cfg.Limits.Meetings, cfg.Limits.MeetingsPerPeer),
		peers:          make(map[identity.ID]*Peer),
		dialing:        make(map[*dialing]struct{}),
		meeting:        make(map[identity.ID]candidate),
		sessions:       make(map[*session]struct{}),
		listeners:      make(map[string]*Listener),
		sockets:        make(map[net.Listener]struct{}),
		changed:        make(chan struct{}),
		idle:           make(chan struct{}),
		retarget:       make(chan struct{}, 1),
	}
	if !cfg.RefuseRelaying {
		ex.features = append(ex.features, featureRelay)
	}
	ex.features = append(ex.features, ex.transport.Name())
	if cfg.STUNPort != 0 {
		ex.features = append(ex.features, featureSTUN+strconv.Itoa(int(cfg.STUNPort)))
	}
	if ex.v1 = cfg.V1; ex.private {
		ex.v1 = V1Refuse
	}
	if t, ok := cfg.Transport.(simplePeer); ok && ex.v1 != V1Refuse {
		ex.transport1 = t.SimplePeer()
		ex.features = append(ex.features, featureV1)
	}
	ex.pace = newPace(&ex.limits)
	ex.conns = newListener(ex, "", cfg.Limits.Peers)
	ex.ctx, ex.cancel = context.WithCancelCause(context.Background())
	if ex.turn, ex.stunPort = cfg.TURN, cfg.STUNPort; ex.turn != nil {
		ex.wg.Go(ex.renewTURN) // ended by Close, which waits
	}
	return ex, nil
}

// ID returns this node's peer ID.
func (ex *Exchange) ID() identity.ID { return ex.id }

// Network returns the network's name.
func (ex *Exchange) Network() string { return ex.network }

// Connect makes a peer of whoever is at the other end of socket, a connection
// that was just opened: TCP, WebSocket, anything reliable and ordered. It
// returns the data stream. The exchange owns socket from here on, and closes
// it if Connect fails.
//
// Connect blocks until the peer has proved its identity and membership,
// at most Limits.HandshakeTime, or until ctx is done; ctx has no effect on the
// connection afterwards. Errors: [ErrWrongNetwork], [ErrSelf],
// [ErrConnected], [ErrNotPXP], [ErrVersion1], [ErrTimeout], [ErrLost],
// [ErrClosed], a [*RemoteError] when the other end refuses, a [*LimitError]
// when Limits.Peers are there, a [*ProtocolError], or the cause of ctx.
func (ex *Exchange) Connect(ctx context.Context, socket net.Conn) (*Conn, error) {
	return ex.ConnectWith(ctx, socket, nil)
}

func (ex *Exchange) connect(ctx context.Context, socket net.Conn, o opening) (*Conn, error) {
	if !ex.enter() {
		socket.Close()
		return nil, ErrClosed
	}
	defer ex.wg.Done()
	ctx, cancel := ex.bound(ctx, "connecting", ex.limits.HandshakeTime)
	defer cancel()
	began := time.Now()
	o.dialer, o.path, o.seen = true, socketPath(socket), seenAt(socket)
	conn, err := ex.dial(ctx, o, func() (*session, error) { return ex.open(ctx, socket, o) })
	step := StepDone{Step: StepHandshake, Peer: o.expect, Took: time.Since(began), Err: err}
	if conn != nil {
		step.Peer = conn.Peer().ID()
	}
	ex.events.emit(step)
	return conn, err
}

// dial takes a session from open to peer, as the dialer.
func (ex *Exchange) dial(ctx context.Context, o opening, open func() (*session, error)) (*Conn, error) {
	s, err := open()
	if err != nil {
		return nil, err
	}
	conn, err := ex.dialSession(ctx, s, o)
	if err != nil {
		s.end(err)
		s.mux.Close() // what has come and nobody will read would stay in the budget
		return nil, err
	}
	return conn, nil
}

func (ex *Exchange) dialSession(ctx context.Context, s *session, o opening) (*Conn, error) {
	release, err := ex.reserve(s.remote, o.path)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := s.sendHello(); err != nil {
		return nil, s.cause(ctx, err)
	}
	var w *waiter
	defer func() { w.forget() }()
	var stream mux.Stream
	first := o.first
	var openErr error
	if s.version == pxp.Version { // connect and the data stream travel with hello
		if w, err = s.connect(ctx); err == nil {
			stream, first, openErr = s.openData(ctx, first, !ex.private || !o.expect.IsZero())
		}
	}
	if helloErr := s.readHello(ctx); helloErr != nil {
		return nil, helloErr // the remote's own words, if it has closed
	}
	if err != nil {
		return nil, s.cause(ctx, err)
	}
	if !s.start() {
		return nil, ErrClosed
	}
	if s.version == v1.Version { // connect is heeded only after the remote's hello
		if stream, err = s.mux.Open(ctx, s.dataStream()); err != nil {
			return nil, s.cause(ctx, err)
		}
		if w, err = s.connect(ctx); err != nil {
			return nil, s.cause(ctx, err)
		}
	}
	if _, err := w.wait(ctx); err != nil { // says more than openErr
		return nil, s.cause(ctx, err)
	}
	if s.declined != nil {
		return nil, s.declined
	}
	if openErr == nil {
		openErr = writeFirst(ctx, stream, first)
	}
	if openErr != nil {
		return nil, s.cause(ctx, openErr)
	}
	peer := ex.peerOf(s)
	if peer == nil {
		return nil, s.cause(ctx, ErrClosed)
	}
	conn := newConn(peer, stream)
	s.setData(conn)
	ex.giveTURN(s)
	if !s.takeStreams(peer) {
		conn.Reset()
		return nil, ErrClosed
	}
	return conn, nil
}

// Accept is [Exchange.Connect] for a socket that somebody else opened. The
// conn that it returns is not given to [Exchange.Listener] too.
func (ex *Exchange) Accept(ctx context.Context, socket net.Conn) (*Conn, error) {
	if !ex.enter() {
		socket.Close()
		return nil, ErrClosed
	}
	defer ex.wg.Done()
	ctx, leave, err := ex.gate.enter(ctx, socket.RemoteAddr())
	if err != nil {
		socket.Close()
		ex.count(func(c *counts) { c.turnedAway++ })
		return nil, err
	}
	defer leave()
	ctx, cancel := ex.bound(ctx, "accepting a connection", ex.limits.HandshakeTime)
	defer cancel()
	began := time.Now()
	path := socketPath(socket)
	s, err := ex.open(ctx, socket, opening{path: path, seen: seenAt(socket)})
	var conn *Conn
	if err == nil {
		conn, err = ex.acceptSession(ctx, s)
	}
	step := StepDone{Step: StepHandshake, Took: time.Since(began), Err: err}
	if s != nil {
		step.Peer = s.remote
	}
	ex.events.emit(step)
	return conn, err
}

// acceptSession takes an open session to peer, as the acceptor. It owns s.
func (ex *Exchange) acceptSession(ctx context.Context, s *session) (*Conn, error) {
	err := s.readHello(ctx)
	if err == nil {
		err = s.sendHello()
	} else if s.version == v1.Version && errors.Is(err, ErrWrongNetwork) {
		// An original learns from a hello why the session ends, and otherwise
		// never. This one names no network: a stranger is not told ours.
		_ = s.control.send(pxp.Hello{Agent: nobody1})
	} else if s.version == v1.Version && errors.Is(err, ErrSelf) {
		_ = s.sendHello() // so that the dialer, who we are, sees it too
	}
	if err != nil {
		s.end(err)
		return nil, s.cause(ctx, err)
	}
	if !s.start() {
		s.end(ErrClosed)
		return nil, ErrClosed
	}
	select {
	case conn := <-s.first:
		return conn, nil
	case <-s.ctx.Done():
		s.refuseFirst()
		return nil, s.err()
	case <-ctx.Done():
		s.refuseFirst()
		err := context.Cause(ctx)
		s.end(err)
		return nil, err
	}
}

// cause prefers the reason for which a session ended over what a call on it
// returned because of that.
func (s *session) cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if ended := s.err(); ended != nil {
		return ended
	}
	return err
}

// Serve accepts sockets from l and makes peers of those that open them, until
// l fails or the exchange is closed; it closes l. Their data streams go to
// [Exchange.Listener]. It returns [ErrClosed] after Close or Shutdown, else
// what l returned. Connections that do not get as far as hello are bounded
// by Limits.Unauthenticated and cost no more than a log line, of which there are a
// few a second at most.
func (ex *Exchange) Serve(l net.Listener) error {
	defer l.Close()
	if !ex.addSocket(l) {
		return ErrClosed
	}
	defer ex.removeSocket(l)
	var pause time.Duration
	for {
		socket, err := l.Accept()
		if err != nil {
			if ex.isClosing() {
				return ErrClosed
			}
			if ne, ok := err.(interface{ Temporary() bool }); !ok || !ne.Temporary() {
				return fmt.Errorf("exchange: accepting on %v: %w", l.Addr(), err)
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			ex.log.Warn("accept failed, trying again", "listener", l.Addr(), "error", err, "in", pause)
			if !ex.sleep(pause) {
				return ErrClosed
			}
			continue
		}
		pause = 0
		if !ex.spawn(func() { ex.serve(socket) }) {
			socket.Close()
			return ErrClosed
		}
	}
}

func (ex *Exchange) serve(socket net.Conn) {
	conn, err := ex.Accept(ex.ctx, socket)
	if err != nil {
		ex.refusals.log(ex, socket.RemoteAddr(), err)
		return
	}
	ex.Deliver(conn)
}

// Deliver gives conn to [Exchange.Listener], as if its peer had been found by
// somebody else: for code that dials and leaves the data streams to the
// application.
func (ex *Exchange) Deliver(conn *Conn) { ex.conns.push(conn) }

// Peers yields the peers that the exchange has at the time of the call, in no
// particular order.
func (ex *Exchange) Peers() iter.Seq[*Peer] {
	ex.mu.Lock()
	peers := slices.Collect(maps.Values(ex.peers))
	ex.mu.Unlock()
	return slices.Values(peers)
}

// Peer returns the peer of that ID, or nil.
func (ex *Exchange) Peer(id identity.ID) *Peer {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return ex.peers[id]
}

// NumPeers returns how many peers there are.
func (ex *Exchange) NumPeers() int {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return len(ex.peers)
}

// PeersChanged returns a channel that is closed when a peer joins or leaves, or
// [Exchange.Maintain] is called, after the call.
func (ex *Exchange) PeersChanged() <-chan struct{} {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return ex.changed
}

// Done returns a channel that is closed when Close or the end of Shutdown
// begins.
func (ex *Exchange) Done() <-chan struct{} { return ex.ctx.Done() }

// bound derives a context that also ends with the exchange, and after limit
// with an error that names what was not done.
func (ex *Exchange) bound(ctx context.Context, what string, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancelCause := context.WithCancelCause(ctx)
	stop := context.AfterFunc(ex.ctx, func() { cancelCause(ErrClosed) })
	ctx, cancel := context.WithTimeoutCause(ctx, limit, timeout(what, limit))
	return ctx, func() {
		cancel()
		stop()
		cancelCause(context.Canceled)
	}
}

// sleep reports false when the exchange is closed meanwhile.
func (ex *Exchange) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ex.ctx.Done():
		return false
	}
}

// spawn runs f in a goroutine that Close waits for. It reports false, and
// runs nothing, once the exchange is closed.
func (ex *Exchange) spawn(f func()) bool {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if ex.closed {
		return false
	}
	ex.wg.Go(f)
	return true
}

// enter makes Close wait for a call of the application, until wg.Done. It
// reports false once the exchange is closing.
func (ex *Exchange) enter() bool {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if ex.closing {
		return false
	}
	ex.wg.Add(1)
	return true
}

// Streams that a session may have before it is one with a peer: control, data
// and one to spare. A circuit session never becomes one.
const (
	probationStreams = 3
	circuitStreams   = 1
)

func (ex *Exchange) muxConfig(o opening, remote identity.ID) *mux.Config {
	probation := 0 // whom we dialed we trust not to flood us
	switch {
	case o.circuit:
		probation = circuitStreams
	case !o.dialer:
		probation = probationStreams
	}
	return &mux.Config{
		Probation:        probation,
		MaxStreams:       ex.limits.Streams,
		StreamsPerSecond: ex.limits.StreamsPerSecond,
		StreamBurst:      ex.limits.StreamBurst,
		MaxStreamWindow:  ex.limits.StreamWindow,
		SessionBytes:     ex.limits.SessionBytes,
		Budget:           ex.budget,
		Expect:           ex.expects1,
		Logger:           ex.log,
		LocalAddr:        Addr{Peer: ex.id, Path: o.path},
		RemoteAddr:       Addr{Peer: remote, Path: o.path},
	}
}
