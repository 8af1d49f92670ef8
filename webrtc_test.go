package exchange_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/wrtc"
)

// Two exchanges meet through a third over real ICE, DTLS and SCTP, and what is
// written arrives whole, also when the writer closes at once.
func TestWebRTC(t *testing.T) {
	x, y, stop, err := pipeOverWebRTC()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, c := range []any{x, y} {
		if p := c.(*exchange.Conn).Peer().Path(); p.Carrier != exchange.CarrierWebRTC || p.Via.IsZero() {
			t.Errorf("path is %v", p)
		}
	}
	data := make([]byte, 8<<20)
	rand.NewChaCha8([32]byte{}).Read(data)
	go func() {
		x.Write(data)
		x.Close()
	}()
	h := sha256.New()
	n, err := io.Copy(h, y)
	if want := sha256.Sum256(data); err != nil || !bytes.Equal(h.Sum(nil), want[:]) {
		t.Errorf("%d bytes arrived, %v; the hashes differ", n, err)
	}
}

// An answer of rubbish, as text and as a description with another's
// fingerprint, ends the attempt in an error of its own.
func TestWebRTCRubbish(t *testing.T) {
	for _, tt := range []struct {
		name string
		sdp  string
	}{
		{"text", "rubbish"},
		{"empty", ""},
		{"a version line", "v=0\r\n"},
		{"no fingerprint", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			victim := newExchange(loopback())
			defer victim.Close()
			near, far := memnet.Pipe()
			go func() {
				if c, err := victim.Accept(context.Background(), far); err == nil {
					victim.Deliver(c)
				}
			}()
			r := rawDial(t, near, newKey(t))
			r.join()
			done := make(chan error, 1)
			go func() {
				_, err := victim.GetNewPeer(context.Background())
				done <- err
			}()
			inner := r.beCandidate(newKey(t), "test")
			up := expect[pxp.Upgrade](inner)
			inner.send(pxp.Upgrade{ID: up.ID, Transport: up.Transport, Kind: pxp.UpgradeAnswer, Text: tt.sdp})
			err := <-done
			var signal *wrtc.SignalError
			if !errors.As(err, &signal) || !errors.Is(err, exchange.ErrAllFailed) {
				t.Errorf("GetNewPeer: %v, want ErrAllFailed with a SignalError", err)
			}
			if bye := inner.expectEnd(); bye.Code != pxp.CodeProtocol {
				t.Errorf("bye %v, want code protocol", bye.Code)
			}
		})
	}
}
