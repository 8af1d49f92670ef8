//go:build !js

package wrtc

import (
	"errors"
	"testing"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
)

// FuzzNegotiate sends the signals that the input says to a negotiation over pion, in virtual time on a machine with one address. It must end
// in its time with a typed error, having said no more than it may, and having sent packets only where the policy lets it.
func FuzzNegotiate(f *testing.F) {
	texts := signalTexts(f)
	for i := range texts {
		k, last := byte(i), byte(len(texts)-1)
		f.Add([]byte{k % 8, byte(Offer), 0, k, 0, byte(Answer), 0, k, 0})
		f.Add([]byte{k%8 ^ 1, byte(Candidate), 0, last, 0, byte(Offer), 0, k, 0, byte(Candidate), 0, k, 0, byte(End), 0, 0, 0, byte(Answer), 1, k, 9, 9, 1, 'x', 1})
	}
	f.Add([]byte("\x01\x03\x02\x30candidate:1 1 udp 1 169.254.169.254 80 typ host\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		bubble.Run(t, func(t *testing.T) { fuzzNegotiate(t, in, texts) })
	})
}

func fuzzNegotiate(t *testing.T, in []byte, texts []string) {
	next := func() (b byte) {
		if len(in) > 0 {
			b, in = in[0], in[1:]
		}
		return b
	}
	piece := func() string {
		n := min(int(next()), len(in))
		s := in[:n]
		in = in[n:]
		return string(s)
	}
	head := next()
	role, dialect, address := Role(1+head&1), "version 2", "198.51.100.7"
	if head&2 != 0 {
		dialect = "simple-peer"
	}
	if head&4 != 0 {
		address = "10.0.0.7"
	}
	w, sent, stop := alone(t, nil, address)
	w = dialects[dialect](w)
	sa, sb := wires()
	for range 100 {
		if len(in) == 0 {
			break
		}
		s := Signal{Kind: SignalKind(next() % 6)}
		switch next() % 4 {
		case 0:
			s.Text = texts[int(next())%len(texts)]
			next()
		case 1: // a piece of it is something else
			text, at := texts[int(next())%len(texts)], int(next())*int(next())
			at = min(at, len(text))
			s.Text = text[:at] + piece() + text[min(at+int(next()), len(text)):]
		case 2:
			s.Text = piece()
		case 3:
			s.Text, s.Mid, s.Line = texts[int(next())%len(texts)], piece(), uint16(next())
		}
		sb.out <- s
	}
	began := time.Now()
	conn, err := w.Negotiate(t.Context(), role, sa)
	var ne *NegotiateError
	if conn != nil || !errors.As(err, &ne) || ne.Role != role {
		t.Errorf("%v, %v", conn, err)
	}
	if took := time.Since(began); took > defaultOpenTimeout+time.Second {
		t.Errorf("took %v", took)
	}
	if n := len(sb.in); n > w.cfg.MaxCandidates+2 {
		t.Errorf("%d signals were sent", n)
	}
	stop()
	sent.mu.Lock()
	defer sent.mu.Unlock()
	to, packets := w.policy(), 0
	for addr, n := range sent.to {
		if why := to.refuse(addr); why != "" {
			t.Errorf("%d packets to %v: %s", n, addr, why)
		}
		packets += n
	}
	if most := 2 * 8 * w.cfg.MaxCandidates; packets > most {
		t.Errorf("%d packets, want %d at most", packets, most)
	}
}
