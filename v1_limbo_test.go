package exchange_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
)

// circuitFor asks for a circuit to the only candidate, and returns its id.
func (r *raw1) circuitFor() string {
	r.t.Helper()
	_ = r.say(`["getpeers","g","test"]`)
	l := r.line()
	i := strings.Index(l, `"id":"`)
	if i < 0 {
		r.t.Fatalf("getpeers: %s", l)
	}
	id := l[i+6 : i+14]
	_ = r.say(`["relay","r",[%q]]`, id)
	return id
}

// introduced returns the nonce and the id of the introduction that comes next.
func (r *raw1) introduced() (nonce, id string) {
	r.t.Helper()
	l := r.line()
	if _, err := fmt.Sscanf(strings.TrimSuffix(l, "]]"), `["incoming",%q,[%q`, &nonce, &id); err != nil {
		r.t.Fatalf("%s, want incoming: %v", l, err)
	}
	return nonce, id
}

// grants opens the circuit as an original does, which writes at once.
func (r *raw1) grants(nonce, id string) mux.Stream {
	r.t.Helper()
	stream, err := r.mux.Open(context.Background(), "relay:"+id)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = r.say(`["res",%q,null]`, nonce)
	_, _ = io.WriteString(stream, pxp.Magic1)
	return stream
}

// A candidate of version 1 that has granted a circuit which does not come to be,
// at whichever step, is told by the end of its stream. It would wait for ever, and
// offer the circuit to others, who die of it (PXP §16.7, §16.10).
func TestNoCircuitInLimbo(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func(a *node, b *raw1) mux.Stream
	}{
		{"the asker goes before the grant", func(a *node, b *raw1) mux.Stream {
			x := raw1Join(b.t, a)
			x.circuitFor()
			nonce, id := b.introduced()
			x.mux.Close()
			synctest.Wait()
			return b.grants(nonce, id)
		}},
		{"an asker of version 2 goes before the grant", func(a *node, b *raw1) mux.Stream {
			x := rawMember(b.t, a, "", "v1")
			x.send(pxp.Relay{ID: x.id(), Token: x.query()[0].Token})
			nonce, id := b.introduced()
			x.mux.Close()
			synctest.Wait()
			return b.grants(nonce, id)
		}},
		{"the grant comes after the asker was answered", func(a *node, b *raw1) mux.Stream {
			x := raw1Join(b.t, a)
			x.circuitFor()
			nonce, id := b.introduced()
			if l := x.line(); !strings.HasPrefix(l, `["res","r","`) {
				b.t.Errorf("the asker got %s, want why not", l)
			}
			return b.grants(nonce, id)
		}},
		{"the grant comes when everything about the circuit is over", func(a *node, b *raw1) mux.Stream {
			x := raw1Join(b.t, a)
			x.circuitFor()
			nonce, id := b.introduced()
			time.Sleep(time.Hour)
			if n := a.Stats().Circuits; n != 0 {
				b.t.Errorf("%d circuits", n)
			}
			return b.grants(nonce, id)
		}},
		{"the asker does not read its answer", func(a *node, b *raw1) mux.Stream {
			x := rawMember(b.t, a, "", "v1")
			token := x.query()[0].Token
			x.send(pxp.Relay{ID: x.id(), Token: token})
			nonce, id := b.introduced()
			stream := b.grants(nonce, id)
			return stream // and x opens nothing
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				a := newWorld(t).node()
				b := raw1Join(t, a)
				stream := tt.play(a, b)
				began := time.Now()
				if err := stream.SetReadDeadline(began.Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
				if n, err := stream.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("the candidate's circuit: read %d, %v; want its end", n, err)
				}
				if took := time.Since(began); took > 11*time.Second {
					t.Errorf("it ended after %v", took)
				}
				for a.Stats().Circuits != 0 {
					time.Sleep(time.Millisecond)
				}
				// The session lives.
				_ = b.say(`["getpeers","z","test"]`)
				if l := b.line(); !strings.HasPrefix(l, `["res","z",[null,`) {
					t.Errorf("getpeers: %s", l)
				}
			})
		})
	}
}

// In version 2 such a candidate's stream is reset.
func TestNoCircuitInLimboVersion2(t *testing.T) {
	for name, goes := range map[string]bool{"the asker goes": true, "the grant is late": false} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				a := newWorld(t).node()
				x, b := rawJoin(t, a), rawJoin(t, a)
				x.send(pxp.Relay{ID: x.id(), Token: x.query()[0].Token})
				in := expect[pxp.Incoming](b)
				if goes {
					x.mux.Close()
					a.left(x.key.ID())
				} else {
					expect[pxp.Res](x)
				}
				b.send(pxp.Res{ID: in.ID})
				began := time.Now()
				wantReset(t, b.openRelay(in.Token), "the candidate's half")
				if took := time.Since(began); took > time.Second {
					t.Errorf("reset after %v", took)
				}
			})
		})
	}
}

// What a relay keeps of candidates that never answer is bounded, and the last of
// them are still known.
func TestLateGrantsAreBounded(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a := newWorld(t).node()
		b := raw1Join(t, a)
		x := rawMember(t, a, "", "v1")
		var nonce, id string
		for range 100 {
			x.send(pxp.Relay{ID: x.id(), Token: x.query()[0].Token})
			nonce, id = b.introduced()
			expect[pxp.Res](x)
			for a.Stats().Circuits != 0 {
				time.Sleep(time.Millisecond)
			}
		}
		stream := b.grants(nonce, id)
		if err := stream.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n, err := stream.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the last of 100: read %d, %v; want its end", n, err)
		}
	})
}
