package secure

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
)

// fuzzCarrier hands out data in pieces whose sizes step says, then io.EOF.
func fuzzCarrier(data []byte, step byte) *script {
	return &script{in: &stepped{data, int(step)}}
}

type stepped struct {
	data []byte
	step int
}

func (s *stepped) Read(p []byte) (int, error) {
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	n := len(p)
	if s.step > 0 {
		n = min(n, s.step)
	}
	n = copy(p, s.data[:min(n, len(s.data))])
	s.data = s.data[n:]
	return n, nil
}

// FuzzHandshake gives either side what a stranger may send. It must end with an
// error, a closed carrier and a small buffer; it can not succeed, since what
// the keys of this run are no input knows.
func FuzzHandshake(f *testing.F) {
	v := loadNoise(f)
	for _, role := range []Role{Dialer, Acceptor} {
		hello, records := v.sent(role)
		f.Add(role == Dialer, byte(0), append(hello, records...))
		f.Add(role == Dialer, byte(1), hello)
		f.Add(role == Dialer, byte(0), hello[:len(hello)-1])
	}
	f.Add(true, byte(0), []byte{})
	f.Add(true, byte(0), []byte{0xff, 0xff})
	f.Add(false, byte(0), []byte("#PXP2\x00\x00"))
	f.Add(true, byte(0), frame(make([]byte, 32), make([]byte, 160)))
	f.Add(true, byte(0), frame(append([]byte{9}, make([]byte, 2047)...), make([]byte, 2048)))
	dialer, acceptor := dialerConfig(f), acceptorConfig(f)
	f.Fuzz(func(t *testing.T, server bool, step byte, data []byte) {
		carrier := fuzzCarrier(data, step)
		h := &handshake{carrier: carrier, cfg: dialer, role: Dialer}
		if server {
			h.cfg, h.role = acceptor, Acceptor
		}
		c, err := start(t.Context(), h)
		if c != nil || !errors.Is(err, ErrHandshake) || !carrier.closed {
			t.Fatalf("%v, %v, closed %v", c, err, carrier.closed)
		}
		if len(h.in.buf) > smallBuffer {
			t.Fatalf("buffer of %d bytes", len(h.in.buf))
		}
		if len(err.Error()) > 300 {
			t.Fatalf("error of %d bytes", len(err.Error()))
		}
	})
}

// FuzzRecords gives an established connection what its carrier may bring:
// records of the peer (from a plan: one byte each, its size), with damage done
// at one place. What is read must be a beginning of what the peer wrote, and an
// undamaged stream all of it.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint16(0), byte(0), byte(0), byte(10), []byte{})
	f.Add([]byte{1, 2, 3}, uint16(30), byte(1), byte(0), byte(1), []byte{})
	f.Add([]byte{0, 0, 255}, uint16(0), byte(0), byte(7), byte(200), []byte{})
	f.Add(bytes.Repeat([]byte{0}, 20), uint16(0), byte(0), byte(0), byte(1), []byte{})
	f.Add([]byte{}, uint16(0), byte(0), byte(0), byte(1), []byte{0xff, 0xff, 1})
	f.Add([]byte{9}, uint16(0), byte(0), byte(0), byte(1), bytes.Repeat([]byte{0, 16}, 40))
	f.Fuzz(func(t *testing.T, plan []byte, at uint16, flip, step, bufSize byte, tail []byte) {
		plan = plan[:min(len(plan), 64)]
		c, carrier, sealer := receiverCheap(t, nil)
		var wire, want []byte
		run, longest := 0, 0
		for i, n := range plan {
			p := bytes.Repeat([]byte{byte(i)}, int(n)*3)
			want = append(want, p...)
			wire = append(wire, seal(t, sealer, p)[0]...)
			if run++; n > 0 {
				run = 0
			}
			longest = max(longest, run)
		}
		whole := flip == 0 || int(at) >= len(wire)
		if !whole {
			wire[at] ^= flip
		}
		wire = append(wire, tail...)
		c.in.carrier = &stepped{wire, int(step)}
		got, err := io.ReadAll(&chunked{c, int(bufSize) + 1})
		if !bytes.HasPrefix(want, got) {
			t.Fatalf("read %x, which the peer never wrote", got)
		}
		if longest <= maxEmptyRecords && whole && !bytes.Equal(got, want) {
			t.Fatalf("read %d of %d bytes: %v", len(got), len(want), err)
		}
		if clean := whole && len(tail) == 0 && longest <= maxEmptyRecords; clean && err != nil {
			t.Fatalf("an honest stream ends with %v", err)
		}
		if !whole && err == nil {
			t.Fatal("a damaged stream ends well")
		}
		if len(c.in.buf) > readBuffer {
			t.Fatalf("buffer of %d bytes", len(c.in.buf))
		}
		// It stays dead.
		n, again := c.Read(make([]byte, 1))
		if n != 0 || again == nil || err != nil && !errors.Is(again, err) {
			t.Fatalf("after %v: %d, %v", err, n, again)
		}
		if errors.Is(err, ErrAuthentication) && !carrier.closed {
			t.Fatal("the carrier is open")
		}
		_ = c.Close()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("after Close: %v", err)
		}
	})
}
