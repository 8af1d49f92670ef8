//go:build !js

package iceserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Config sets up a [Server]. Nil and zero fields mean the defaults. It is not changed and not kept.
type Config struct {
	// PerSource is how many requests of one source, an IPv4 address or an IPv6 /64, are answered in a second; four times as many at once. Default 25, since
	// many may be behind one NAT.
	PerSource int
	// Total is the same for all sources together, once as many at once. Default 2000.
	Total int
	// TURN, if not nil, makes the server relay, too, for who has credentials.
	TURN *TURN
	// Logger receives what an operator should know. Default: silent.
	Logger *slog.Logger
}

const (
	defaultPerSource = 25
	defaultTotal     = 2000
	burstOfSource    = 4
)

func (c *Config) withDefaults() (Config, error) {
	var d Config
	if c != nil {
		d = *c
	}
	for _, f := range []struct {
		name string
		v    *int
		def  int
	}{{"PerSource", &d.PerSource, defaultPerSource}, {"Total", &d.Total, defaultTotal}} {
		if *f.v == 0 {
			*f.v = f.def
		}
		if *f.v < 0 {
			return d, fmt.Errorf("iceserver: config: %s is %d, must not be negative", f.name, *f.v)
		}
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return d, nil
}

// Server answers STUN on one UDP port. What it promises to third parties, whose address somebody may put on a request:
//
//   - An answer has at most 24 bytes more than the request (12 for IPv4), and a request at least 20: no amplifier. There is one answer to one
//     request, never a repetition, and it goes where the request came from, never elsewhere.
//   - A source gets at most Config.PerSource answers in a second, and all together Config.Total. What is above that is dropped without a word.
//   - Only Binding requests are answered, by success, or by 420 where RFC 8489 demands it. Everything else is dropped.
//
// With Config.TURN it relays for those to whom [Server.Credentials] were given, within the quotas and only to addresses on the internet: neither private ones nor
// those of this machine, but for what it relays itself. A request for that without credentials gets an answer of 80 bytes, within the same rates.
//
// It keeps nothing about who asked but those rates, in a table of fixed size.
type Server struct {
	conn   net.PacketConn
	rates  *rates
	log    *slog.Logger
	done   chan struct{} // closed when nobody reads any more
	close  func() error
	ended  atomic.Bool // close was called
	relay  *relay      // nil: STUN only
	relays bool        // there is, or will be, a relay; next's
	out    []byte      // next's
}

// Listen opens a UDP port and answers on it until [Server.Close]. The address is HOST:PORT or :PORT with an IP address as the host; without one it is every
// address of this machine, of both families where there are two. Then the system chooses from which address an answer comes, and on
// a machine with several it may be another than was asked: name one there. Port 0 is a free one, see [Server.Addr].
func Listen(address string, config *Config) (*Server, error) {
	ap, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", ap)
	if err != nil {
		return nil, fmt.Errorf("iceserver: %w", err)
	}
	s, err := Serve(conn, config)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

// parseAddress looks nothing up.
func parseAddress(address string) (*net.UDPAddr, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil && host == "" {
		host = "::"
	}
	ap, parseErr := netip.ParseAddrPort(net.JoinHostPort(host, port))
	if err != nil || parseErr != nil {
		return nil, fmt.Errorf("iceserver: %q is not IP:PORT or :PORT", address)
	}
	if host == "::" {
		return &net.UDPAddr{Port: int(ap.Port())}, nil // both families
	}
	return net.UDPAddrFromAddrPort(ap), nil
}

// Serve is [Listen] on a socket that is there already. The server closes it, and nobody else reads from it. Its addresses are *[net.UDPAddr].
func Serve(conn net.PacketConn, config *Config) (*Server, error) {
	cfg, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{conn: conn, rates: newRates(cfg.PerSource, cfg.Total), log: cfg.Logger, done: make(chan struct{})}
	s.close = sync.OnceValue(func() error {
		s.ended.Store(true)
		return conn.Close()
	})
	if cfg.TURN == nil {
		// Owned by the server; ended by Close, which closes the socket and waits.
		go s.serve()
		return s, nil
	}
	t, err := cfg.TURN.withDefaults(s.Addr().Addr())
	if err != nil {
		return nil, err
	}
	s.relays = true
	if s.relay, err = newRelay(t, &front{Server: s}); err != nil {
		return nil, err
	}
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() netip.AddrPort { return addrPort(s.conn.LocalAddr()) }

func addrPort(a net.Addr) netip.AddrPort {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := u.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// Close stops the server and waits until nothing of it is left. Further calls return the same.
func (s *Server) Close() error {
	err := s.close()
	<-s.done
	if s.relay != nil {
		s.relay.allocs.closed.Wait()
	}
	return err
}

// maxRequest is the largest packet that is looked at, in bytes: longer ones are cut by the read and then are no requests.
const maxRequest = 1280

// serve answers until the socket is closed.
func (s *Server) serve() {
	defer close(s.done)
	buf := make([]byte, maxRequest)
	for {
		if _, _, err := s.next(buf); err != nil {
			return
		}
	}
}

// next answers Binding requests until something else comes, that may be for TURN, or the socket is closed. For one goroutine.
func (s *Server) next(buf []byte) (int, net.Addr, error) {
	for {
		n, addr, err := s.conn.ReadFrom(buf)
		switch {
		case err != nil && s.ended.Load(), errors.Is(err, net.ErrClosed):
			return 0, nil, net.ErrClosed
		case err != nil: // what became of an answer of ours, say: no reason to stop, and none to spin
			s.log.Debug("stun: reading", "err", err)
			time.Sleep(errorPause)
			continue
		}
		from, packet := addrPort(addr), buf[:n]
		switch {
		case !from.IsValid(), asks(packet) && !s.rates.allow(from.Addr(), time.Now()):
		case isRequest(packet):
			s.out = answer(s.out[:0], packet, from)
			if len(s.out) == 0 {
				continue
			}
			if _, err := s.conn.WriteTo(s.out, addr); err != nil {
				s.log.Debug("stun: answering", "err", err)
			}
		case s.relays && forTURN(packet):
			return n, addr, nil
		}
	}
}

const errorPause = time.Millisecond
