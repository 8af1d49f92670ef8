package interop

import (
	"context"
	"errors"
	"testing"
	"time"
)

const (
	mebibyte   = 1 << 20
	benchChunk = 64 << 10 // bytes a write
	tcpBytes   = 256 * mebibyte
	rtcBytes   = 32 * mebibyte
)

// BenchmarkTCP is the throughput of a data stream over TCP on loopback: encrypted by version 2, open by version 1.
func BenchmarkTCP(b *testing.B) {
	rate := newSeries("TCP", "MiB/s", "%.0f")
	beside(b, func(ctx context.Context, m *measurement, k kind) error {
		listener, url, err := k.listen(ctx, m)
		if err != nil {
			return err
		}
		dialer, err := k.start(ctx, m, "dialer")
		if err != nil {
			return err
		}
		e, err := dialer.Do(ctx, Command{Command: "connect", URL: url})
		if err != nil {
			return err
		}
		far, err := listener.Await(ctx, "data stream", Named("stream"))
		if err != nil {
			return err
		}
		value, err := throughput(ctx, dialer, e.Stream, listener, far.Stream, tcpBytes)
		if err == nil {
			rate.add(k, value)
		}
		return err
	})
	rate.report(b)
}

// throughput returns MiB a second from one end of a stream to the other. An eighth goes ahead, so that a compiler that
// learns and windows that grow have done so.
func throughput(ctx context.Context, from *Process, fromStream int, to *Process, toStream, bytes int) (float64, error) {
	pass := func(bytes int) error {
		arriving := to.Begin(Command{Command: "drain", Stream: &toStream, Bytes: bytes})
		_, err := from.Do(ctx, Command{Command: "flood", Stream: &fromStream, Bytes: bytes, Chunk: benchChunk})
		if err != nil {
			return err
		}
		_, err = arriving.Wait(ctx)
		return err
	}
	if err := pass(bytes / 8); err != nil {
		return 0, err
	}
	start := time.Now()
	err := pass(bytes)
	return float64(bytes) / mebibyte / time.Since(start).Seconds(), err
}

// BenchmarkGetNewPeer is the time of getNewPeer in a network of three processes linked by TCP: the first in new processes,
// and further ones in the same processes, after all sessions were closed and the links made again. With it comes the
// throughput of the data stream over WebRTC, after the first.
func BenchmarkGetNewPeer(b *testing.B) {
	first := newSeries("first getNewPeer", "ms", "%.1f")
	again := newSeries("getNewPeer again", "ms", "%.1f")
	rate := newSeries("WebRTC", "MiB/s", "%.1f")
	beside(b, func(ctx context.Context, m *measurement, k kind) error {
		t := &benchTrio{kind: k, m: m}
		var err error
		if t.asker, err = k.start(ctx, m, "asker"); err != nil {
			return err
		}
		if t.candidate, err = k.start(ctx, m, "candidate"); err != nil {
			return err
		}
		firstTook, near, far, err := t.meet(ctx)
		if err != nil {
			return err
		}
		value, err := throughput(ctx, t.asker, near, t.candidate, far, rtcBytes)
		if err != nil {
			return err
		}
		var took [3]float64
		for i := range took {
			if err := t.part(ctx); err != nil {
				return err
			}
			if took[i], _, _, err = t.meet(ctx); err != nil {
				return err
			}
		}
		first.add(k, firstTook)
		again.add(k, median(took[:]))
		rate.add(k, value)
		return nil
	})
	first.report(b)
	again.report(b)
	rate.report(b)
}

// benchTrio is an asker, a candidate and who introduces them.
type benchTrio struct {
	kind                    kind
	m                       *measurement
	asker, candidate, relay *Process
	url                     string
}

// meet links both to the relay and returns how many milliseconds getNewPeer took, and the streams at both ends.
func (t *benchTrio) meet(ctx context.Context) (took float64, near, far int, err error) {
	if t.relay == nil || t.relay.Alive() != nil {
		if t.relay, t.url, err = t.kind.listen(ctx, t.m); err != nil {
			return 0, 0, 0, err
		}
	}
	for _, p := range []*Process{t.candidate, t.asker} {
		if _, err := p.Do(ctx, Command{Command: "connect", URL: t.url}); err != nil {
			return 0, 0, 0, err
		}
		if _, err := p.Await(ctx, "data stream of the link", Named("stream")); err != nil {
			return 0, 0, 0, err
		}
	}
	if _, err := t.relay.Do(ctx, Command{Command: "settled", Bytes: 2}); err != nil {
		return 0, 0, 0, err
	}
	start := time.Now()
	e, err := t.asker.Do(ctx, Command{Command: "getNewPeer"})
	took = float64(time.Since(start).Microseconds()) / 1000
	if err != nil {
		return 0, 0, 0, err
	}
	if _, err := t.asker.Await(ctx, "data stream", Named("stream")); err != nil {
		return 0, 0, 0, err
	}
	was, err := t.candidate.Await(ctx, "data stream over WebRTC", Named("stream"))
	return took, e.Stream, was.Stream, err
}

// part closes all sessions, and waits until nobody has one. The relay of the original may not survive that.
func (t *benchTrio) part(ctx context.Context) error {
	for _, command := range []string{"disconnect", "settled"} {
		var calls [3]*Call
		for i, p := range []*Process{t.asker, t.candidate, t.relay} {
			calls[i] = p.Begin(Command{Command: command})
		}
		for _, c := range calls {
			if _, err := c.Wait(ctx); err != nil && (c.process != t.relay || !errors.Is(err, ErrEnded)) {
				return err
			}
		}
	}
	return nil
}
