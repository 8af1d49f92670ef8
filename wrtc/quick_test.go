//go:build !js

package wrtc

import (
	"context"
	"encoding/base64"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// slow takes back what hasten sets, as a browser or another pion has it.
func slow(w *WebRTC) {
	before := w.hook
	w.hook = func(se *webrtc.SettingEngine) {
		before(se)
		se.EnableSctpSnap(false)
		se.EnableSCTPZeroChecksum(false)
		se.SetDTLSInsecureSkipHelloVerify(false)
		se.SetICEBindingRequestHandler(nil)
	}
}

// How many round trips pass from the call to the open channel, at the end that has it last, while signals take none. Whichever end is in a hurry, the other
// need not be.
func TestOpenRoundTrips(t *testing.T) {
	const roundTrip = 40 * time.Millisecond
	for _, tt := range []struct {
		name   string
		slow   func(l *lab)
		trips  float64
		change func(Signal) []Signal
	}{
		{"both quick", func(*lab) {}, 2.5, nil},
		{"slow answerer", func(l *lab) { slow(l.b) }, 5, nil},
		{"slow offerer", func(l *lab) { slow(l.a) }, 6, nil},
		{"both slow", func(l *lab) { slow(l.a); slow(l.b) }, 6, nil},
		{"sctp-init in no description", func(*lab) {}, 4, func(s Signal) []Signal {
			s.Text = regexp.MustCompile(`a=sctp-init:.*\r\n`).ReplaceAllString(s.Text, "")
			return []Signal{s}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inLab(t, nil, func(t *testing.T, l *lab) {
				tt.slow(l)
				sa, sb := wires()
				sa.change = tt.change
				began := time.Now()
				a, b := both(context.Background(), l.a, l.b, sa, sb)
				if a.err != nil || b.err != nil {
					t.Fatal(a.err, b.err)
				}
				if trips := float64(time.Since(began)) / float64(roundTrip); trips > tt.trips+0.1 || trips < tt.trips-0.1 {
					t.Errorf("open after %.2f round trips, want %.1f", trips, tt.trips)
				}
				for _, c := range []struct{ from, to Conn }{{a.conn, b.conn}, {b.conn, a.conn}} {
					if _, err := c.from.Write([]byte("x")); err != nil {
						t.Error(err)
					}
					if _, err := c.to.Read(make([]byte, 1)); err != nil {
						t.Error(err)
					}
				}
				closeBoth(a.conn, b.conn)
			})
		})
	}
}

// What stands in a=sctp-init is the other end's word: rubbish there harms nobody but this one connection, and is not waited for without an end.
func TestRubbishInit(t *testing.T) {
	for name, init := range map[string]string{
		"empty":             "",
		"not base64":        "*",
		"one byte":          "AQ==",
		"another chunk":     base64.StdEncoding.EncodeToString([]byte{14, 0, 0, 4}),
		"no streams, tag":   base64.StdEncoding.EncodeToString(append([]byte{1, 0, 0, 20}, make([]byte, 16)...)),
		"endless parameter": base64.StdEncoding.EncodeToString(append(append([]byte{1, 0, 0, 28}, make([]byte, 16)...), 0x80, 8, 0, 0, 0, 0, 0, 0)),
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, nil, func(t *testing.T, l *lab) {
				sa, sb := wires()
				sa.change = func(s Signal) []Signal {
					s.Text = regexp.MustCompile(`a=sctp-init:.*\r\n`).ReplaceAllLiteralString(s.Text, "a=sctp-init:"+init+"\r\n")
					return []Signal{s}
				}
				a, b := both(context.Background(), l.a, l.b, sa, sb)
				if b.err != nil && !errors.Is(b.err, ErrTimeout) {
					t.Error(b.err)
				}
				for _, r := range []result{a, b} {
					if r.conn != nil {
						defer r.conn.Close()
					}
				}
			})
		})
	}
}
