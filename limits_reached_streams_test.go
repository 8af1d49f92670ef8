package exchange_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// This file is how members reach the limits of streams and of what they hold.

// stream opens one by hand.
func (r *raw) stream(name string) mux.Stream {
	r.t.Helper()
	s, err := r.mux.Open(context.Background(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	_, _ = s.Write([]byte("x")) // it may be refused
	return s
}

func (v *besieged) listen(name string) *exchange.Listener {
	v.t.Helper()
	l, err := v.Listen(name)
	if err != nil {
		v.t.Fatal(err)
	}
	return l
}

func reachStreams(v *besieged) {
	l := v.listen("s")
	defer l.Close()
	r := v.peer(v.address())
	for range v.limits.Streams - 2 { // control and data are two
		r.stream("s")
	}
	wantReset(v.t, r.stream("s"), "a stream too many")
	if n := v.Peer(r.key.ID()).Stats().Streams; n != v.limits.Streams {
		v.t.Errorf("%d streams, want %d", n, v.limits.Streams)
	}
}

func reachStreamsPerSecond(v *besieged) {
	l := v.listen("s")
	closed := make(chan struct{})
	go func() { // ends with l
		defer close(closed)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.(*exchange.Conn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	r := v.obliging().raw
	time.Sleep(time.Minute)
	open := func(n int) (ok int) {
		for range n {
			s := r.stream("s")
			if _, err := s.Read(make([]byte, 1)); err == io.EOF {
				ok++
			}
			s.Close()
			synctest.Wait()
		}
		return ok
	}
	if n := open(v.limits.StreamBurst * 3 / 2); n != v.limits.StreamBurst {
		v.t.Errorf("%d streams at once, want %d", n, v.limits.StreamBurst)
	}
	time.Sleep(time.Duration(v.limits.StreamBurst) * time.Second / time.Duration(v.limits.StreamsPerSecond))
	began := time.Now()
	if n := open(v.limits.StreamBurst / 2); n != v.limits.StreamBurst/2 {
		v.t.Errorf("%d streams after some time, want %d", n, v.limits.StreamBurst/2)
	}
	v.took("opening them", began, 0, 0)
	for n := 0; ; n++ {
		s, err := r.mux.Open(context.Background(), "s")
		if err == nil {
			_, err = s.Write([]byte("x"))
		}
		synctest.Wait()
		if r.mux.Err() != nil {
			break
		}
		if n > 4*v.limits.StreamBurst {
			v.t.Fatalf("%d streams: %v", n, err)
		}
	}
	if err := v.left(r.key.ID()); !isLimit(mux.LimitStreamRate)(err) {
		v.t.Errorf("left with %v", err)
	}
	var told *mux.RemoteError
	if err := r.mux.Err(); !errors.As(err, &told) {
		v.t.Errorf("the peer was told %v", err)
	}
	l.Close()
	<-closed
}

func reachStreamBacklog(v *besieged) {
	l := v.listen("s")
	defer l.Close()
	var r *raw
	for n := range v.limits.StreamBacklog {
		if n%50 == 0 {
			r = v.peer(v.address())
		}
		r.stream("s")
		synctest.Wait()
	}
	wantReset(v.t, r.stream("s"), "a stream too many of one name")
}

// distant is a peer 40 ms away whose data stream it fills, and our end of that.
func (v *besieged) distant() (*raw, mux.Stream, *exchange.Conn) {
	v.t.Helper()
	near, far := memnet.PipeConfig{Delay: 20 * time.Millisecond, Buffer: 64 << 20}.Pipe()
	v.sockets = append(v.sockets, near)
	go func() { // ends with the handshake
		if c, err := v.Accept(context.Background(), far); err == nil {
			v.Deliver(c)
		}
	}()
	r := rawDialWith(v.t, near, newKey(v.t), unbounded)
	v.hostile = append(v.hostile, r)
	data := r.join()
	return r, data, v.accept()
}

// grow has the windows of streams grow, by bytes read from each.
func (v *besieged) grow(bytes int64, streams map[mux.Stream]net.Conn) {
	v.t.Helper()
	done := make(chan error)
	for from, to := range streams {
		go func() { // ends with the stream
			chunk := make([]byte, 256<<10)
			for {
				if _, err := from.Write(chunk); err != nil {
					return
				}
			}
		}()
		go func() {
			_, err := io.CopyN(io.Discard, to, bytes)
			done <- err
		}()
	}
	for range streams {
		if err := <-done; err != nil {
			v.t.Fatal(err)
		}
	}
	time.Sleep(10 * time.Second) // until they hold what they may
}

func reachStreamWindow(v *besieged) {
	r, data, conn := v.distant()
	before := v.Stats().PromisedBytes - mux.Window
	v.grow(4*int64(v.limits.StreamWindow), map[mux.Stream]net.Conn{data: conn})
	if n := v.Stats().PromisedBytes - before; n != int64(v.limits.StreamWindow) {
		v.t.Errorf("%d bytes are promised, want %d", n, v.limits.StreamWindow)
	}
	// One byte more, which its own multiplexer would not send.
	frame := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0}, 3)
	frame = binary.BigEndian.AppendUint32(frame, 1)
	if _, err := r.conn.Write(append(frame, 'x')); err != nil {
		v.t.Fatal(err)
	}
	if err := v.left(r.key.ID()); !isLimit(mux.LimitStreamWindow)(err) {
		v.t.Errorf("left with %v", err)
	}
	<-r.mux.Done()
	var told *mux.RemoteError
	if err := r.mux.Err(); !errors.As(err, &told) {
		v.t.Errorf("the peer was told %v", err)
	}
	conn.Close() // what it has left unread
}

func reachSessionBytes(v *besieged) {
	l := v.listen("s")
	defer l.Close()
	r, data, conn := v.distant()
	s := r.stream("s")
	other, err := l.Accept()
	if err != nil {
		v.t.Fatal(err)
	}
	before := v.Stats().PromisedBytes
	growth := int64(v.limits.SessionBytes - 2*v.limits.Streams*mux.Window)
	v.grow(4*growth, map[mux.Stream]net.Conn{data: conn, s: other})
	if n := v.Stats().PromisedBytes - before; n > growth || n < growth/2 {
		v.t.Errorf("windows grew by %d bytes, want %d at most", n, growth)
	}
	r.mux.Close()
	conn.Close()
	other.Close()
}

func reachExchangeBytes(v *besieged) {
	l := v.listen("s")
	defer l.Close()
	refused := false
	for range v.limits.Peers - 2 {
		r := v.peer(v.address())
		for range 62 {
			r.stream("s")
		}
		synctest.Wait()
		refused = refused || v.Peer(r.key.ID()).Stats().Streams < 64
	}
	if n := v.Stats().PromisedBytes; !refused || n > int64(v.limits.ExchangeBytes) || n < int64(v.limits.ExchangeBytes)/2 {
		v.t.Errorf("%d bytes are promised, limit %d; streams were refused: %v", n, v.limits.ExchangeBytes, refused)
	}
	late := v.w.node()
	defer late.Close()
	exchangeBytes(v.t, v.near, v.far)
	x, y := late.connect(v.node)
	exchangeBytes(v.t, x, y)
}
