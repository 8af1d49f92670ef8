package exchange_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// A node that serves TURN gives each peer its own credentials, whoever dialed, and new ones in time.
func TestGivesTURN(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		issued := 0
		var mu sync.Mutex
		ex, err := exchange.New("test", &exchange.Config{STUNPort: 3478, TURN: func(peer identity.ID) (string, string, time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			issued++
			return fmt.Sprint(issued, ":", peer), "password", time.Hour
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer ex.Close()
		for _, dialed := range []bool{false, true} {
			near, far := memnet.Pipe()
			done := make(chan struct{})
			var r *raw
			if dialed {
				go func() { defer close(done); ex.Connect(context.Background(), far) }()
				r = rawAccept(t, near, newKey(t))
				expect[pxp.Hello](r)
				r.send(r.helloMessage(secure.Acceptor, "test", ""))
				r.send(pxp.Res{ID: expect[pxp.Connect](r).ID})
			} else {
				go func() {
					defer close(done)
					if c, err := ex.Accept(context.Background(), far); err == nil {
						ex.Deliver(c)
					}
				}()
				r = rawDial(t, near, newKey(t))
				r.join()
			}
			began := time.Now()
			first := expect[pxp.Turn](r)
			<-done
			second := expect[pxp.Turn](r)
			if !strings.HasSuffix(first.Username, ":"+r.key.ID().String()) || first.Port != 3478 || first.Seconds != 3600 || first.Password != "password" {
				t.Errorf("dialed %v: given %+v", dialed, first)
			}
			if first.Username == second.Username || time.Since(began) > 31*time.Minute {
				t.Errorf("dialed %v: renewed as %q after %v", dialed, second.Username, time.Since(began))
			}
			r.mux.Close()
		}
		ex.Close()
		synctest.Wait()
	})
}

// Credentials that are none are not sent, and those that are good for long are renewed before peers think that they have expired.
func TestTURNLife(t *testing.T) {
	for _, life := range []time.Duration{0, 48 * time.Hour} {
		bubble.Run(t, func(t *testing.T) {
			var mu sync.Mutex
			var issued []time.Time
			ex, err := exchange.New("test", &exchange.Config{STUNPort: 3478, TURN: func(identity.ID) (string, string, time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				issued = append(issued, time.Now())
				if life == 0 {
					return "", "", 0
				}
				return "u", "p", life
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer ex.Close()
			near, far := memnet.Pipe()
			go func() { // ends with the session
				if c, err := ex.Accept(context.Background(), far); err == nil {
					ex.Deliver(c)
				}
			}()
			r := rawDial(t, near, newKey(t))
			r.join()
			if life == 0 {
				time.Sleep(20 * time.Second)
				synctest.Wait()
				if mu.Lock(); len(issued) > 2 {
					t.Errorf("asked %d times for credentials that there are not", len(issued))
				}
				mu.Unlock()
			} else {
				began := time.Now()
				first := expect[pxp.Turn](r)
				expect[pxp.Turn](r)
				if first.Seconds != pxp.MaxTurnSeconds || time.Since(began) > maxTURNLife/2+time.Minute {
					t.Errorf("given for %d s, renewed after %v", first.Seconds, time.Since(began))
				}
			}
			r.mux.Close()
			ex.Close()
			synctest.Wait()
		})
	}
}

const maxTURNLife = pxp.MaxTurnSeconds * time.Second

// A peer's TURN server is used at the address of its carrier, while its credentials are good.
func TestTURNOfPeers(t *testing.T) {
	web := newServers(t)
	ex, err := exchange.New("test", &exchange.Config{Transport: web})
	if err != nil {
		t.Fatal(err)
	}
	defer ex.Close()
	near, far := memnet.Pipe()
	go func() { // ends with the session
		if c, err := ex.Accept(context.Background(), from{far, tcpFrom("192.0.2.1:1")}); err == nil {
			ex.Deliver(c)
		}
	}()
	r := rawDial(t, near, newKey(t))
	hello := r.helloMessage(secure.Dialer, "test", "")
	hello.Features = append(hello.Features, "stun:3478")
	r.joinAs(hello)
	r.send(pxp.Turn{Port: 1, Username: "old", Password: "p", Seconds: 60})
	r.send(pxp.Turn{Port: 5000, Username: "u", Password: "p", Seconds: 60})
	done := make(chan struct{})
	go func() {
		defer close(done)
		ex.GetNewPeer(context.Background())
	}()
	defer func() { ex.Close(); <-done }()
	inner := r.beCandidate(newKey(t), "test")
	expect[pxp.Upgrade](inner)
	web.mu.Lock()
	defer web.mu.Unlock()
	if want := []string{"stun:192.0.2.1:3478", "turn:192.0.2.1:5000?transport=udp"}; len(*web.given) != 1 || !slices.Equal((*web.given)[0], want) {
		t.Errorf("asked %q, want %q", *web.given, want)
	}
}

// Before it is a peer nobody gives anything, and credentials end with their time.
func TestTURNRules(t *testing.T) {
	unharmed(t, func(t *testing.T, w *world, victim *node) {
		r := rawDoor(t, victim)
		r.send(r.helloMessage(secure.Dialer, "test", ""))
		r.send(pxp.Turn{Port: 1, Username: "u", Password: "p", Seconds: 60})
		if bye := r.expectEnd(); bye.Code != pxp.CodeProtocol {
			t.Errorf("bye %v %q", bye.Code, bye.Reason)
		}
	})
	if _, err := exchange.New("test", &exchange.Config{TURN: func(identity.ID) (string, string, time.Duration) { return "", "", 0 }}); err == nil || !strings.Contains(err.Error(), "STUNPort") {
		t.Errorf("TURN without a port: %v", err)
	}
}
