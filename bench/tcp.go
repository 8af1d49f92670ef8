package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync"
	"time"
)

// listen accepts TCP on loopback and gives each connection to serve, in a
// goroutine that close waits for.
type listen struct {
	net.Listener
	address string // to dial: the listener's own, or that of a delay line before it
	proxy   *delayTCP
	wg      sync.WaitGroup
}

func listenTCP(l line, serve func(net.Conn)) (*listen, error) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &listen{Listener: inner, address: inner.Addr().String()}
	if l.delay > 0 {
		if t.proxy, err = newDelayTCP(t.address, l.delay); err != nil {
			inner.Close()
			return nil, err
		}
		t.address = t.proxy.address()
	}
	t.wg.Go(func() { // ended by close, which waits
		for {
			c, err := inner.Accept()
			if err != nil {
				return
			}
			t.wg.Go(func() { serve(c) }) // ends with its connection
		}
	})
	return t, nil
}

func (t *listen) dial() (net.Conn, error) { return net.Dial("tcp", t.address) }

func (t *listen) close() {
	t.Close()
	if t.proxy != nil {
		t.proxy.close()
	}
	t.wg.Wait()
}

// plain is TCP as it is, and TLS 1.3 over it.
type plain struct{ tls bool }

func (p plain) name() string {
	if p.tls {
		return "TLS 1.3"
	}
	return "TCP"
}

func (p plain) start(l line, serve func(stream)) (ends, error) {
	client, server := func(c net.Conn) net.Conn { return c }, func(c net.Conn) net.Conn { return c }
	if p.tls {
		c, s, err := tlsConfigs()
		if err != nil {
			return nil, err
		}
		client = func(conn net.Conn) net.Conn { return tls.Client(conn, c) }
		server = func(conn net.Conn) net.Conn { return tls.Server(conn, s) }
	}
	return newOverTCP(l, func(c net.Conn) { serve(server(c)) },
		func(c net.Conn, ended func()) (session, error) { return &oneStream{conn: client(c), ended: ended}, nil })
}

// trips is TCP that is set up when so many bytes have come back, one after the
// other.
type trips struct {
	label string
	bytes int
}

// threeTrips are the handshake's, the byte's here and who measures one more.
var threeTrips = trips{label: "TCP, three round trips", bytes: 1}

func (p trips) name() string { return p.label }

func (p trips) start(l line, serve func(stream)) (ends, error) {
	return newOverTCP(l, func(c net.Conn) {
		defer c.Close()
		b := make([]byte, 1)
		for range p.bytes {
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			if _, err := c.Write(b); err != nil {
				return
			}
		}
		serve(c)
	}, func(c net.Conn, ended func()) (session, error) {
		b := make([]byte, 1)
		for range p.bytes {
			if _, err := c.Write(b); err != nil {
				return nil, err
			}
			if _, err := io.ReadFull(c, b); err != nil {
				return nil, err
			}
		}
		return &oneStream{conn: c, ended: ended}, nil
	})
}

// overTCP are ends that dial TCP, and begin a session over it.
type overTCP struct {
	*listen
	begin func(c net.Conn, ended func()) (session, error)
	left  chan struct{} // one value for each connection that the listening end has done with
}

// newOverTCP gives what is dialed to begin, with what waits until the other end
// has done with it, and what is accepted to serve.
func newOverTCP(l line, serve func(net.Conn), begin func(c net.Conn, ended func()) (session, error)) (*overTCP, error) {
	o := &overTCP{begin: begin, left: make(chan struct{}, 1)}
	var err error
	o.listen, err = listenTCP(l, func(c net.Conn) {
		serve(c)
		o.left <- struct{}{}
	})
	return o, err
}

func (o *overTCP) connect() (session, error) {
	c, err := o.dial()
	if err != nil {
		return nil, err
	}
	s, err := o.begin(c, func() { <-o.left })
	if err != nil {
		c.Close()
	}
	return s, err
}

// oneStream is a connection without streams: it is one.
type oneStream struct {
	conn   net.Conn
	opened bool
	ended  func() // waits for the other end
}

func (s *oneStream) open() (stream, error) {
	if s.opened {
		return nil, errOneStream
	}
	s.opened = true
	return s.conn, nil
}

func (s *oneStream) close() {
	s.conn.Close()
	s.ended()
}

// tlsConfigs has both ends prove a P-256 key, as those of the others do.
func tlsConfigs() (client, server *tls.Config, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "bench"},
		DNSNames:     []string{"bench"},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	pair := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	client = &tls.Config{Certificates: pair, RootCAs: pool, ServerName: "bench", MinVersion: tls.VersionTLS13}
	server = &tls.Config{Certificates: pair, ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13}
	return client, server, nil
}
