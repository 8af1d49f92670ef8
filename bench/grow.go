package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/wrtc"
)

// growCommand is the process that growOf starts. It exits.
func growCommand(args []string, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("how many nodes?")
	}
	nodes, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	os.Args = os.Args[:1] // what follows is no flag of package testing
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{
		Name: growthOf,
		F: func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sample, err := grow(nodes)
				if err == nil {
					err = json.NewEncoder(out).Encode(sample)
				}
				if err != nil {
					t.Error(err)
				}
			})
		},
	}}, nil, nil)
	return nil
}

// Of a growing network.
const (
	growDelay    = 10 * time.Millisecond // one way
	growPatience = 10 * time.Minute
)

// grow makes that many nodes join at once and waits until all have the peers
// that they want. It runs in a bubble.
func grow(count int) ([]float64, error) {
	w := &wires{ends: make(map[string]net.Conn)}
	members := make([]*member, count)
	began := time.Now()
	for i := range members {
		m, err := w.member(i)
		if err != nil {
			return nil, err
		}
		members[i] = m
	}
	var joined sync.WaitGroup
	for i, m := range members[1:] {
		joined.Go(func() { m.join(w, members[:i+1]) }) // waited for below
	}
	for _, m := range members {
		m.ex.Maintain(wantedPeers)
	}
	joined.Wait()
	var half, all time.Duration
	for all == 0 && time.Since(began) < growPatience {
		content := 0
		for _, m := range members {
			if m.ex.NumPeers() >= wantedPeers {
				content++
			}
		}
		if half == 0 && 2*content >= count {
			half = time.Since(began)
		}
		if content == count {
			all = time.Since(began)
			break
		}
		time.Sleep(100 * time.Millisecond) // to look more often would be work of its own
	}
	writes, bytes := float64(w.writes.Load()), float64(w.bytes.Load())
	g := graphOf(members)
	never := 0
	for _, peers := range g {
		if len(peers) < wantedPeers {
			never++
		}
	}
	for _, m := range members {
		m.ex.Maintain(0)
	}
	for _, m := range members {
		m.close()
	}
	seconds := func(d time.Duration) float64 {
		if d == 0 {
			return growPatience.Seconds()
		}
		return d.Seconds()
	}
	mean, most := g.degrees()
	n := float64(count)
	return []float64{
		seconds(half), seconds(all), float64(never), writes / n, bytes / n / 1024,
		mean, float64(most), g.clustering(), float64(g.diameter()),
		100 * g.largest(func(node int) bool { return node == 0 }), 100 * g.largest(oneInFive()),
	}, nil
}

// oneInFive is gone, or not, for each node by chance and each time the same.
func oneInFive() func(node int) bool {
	chance := rand.New(rand.NewPCG(1, 2))
	gone := make(map[int]bool)
	return func(node int) bool {
		if _, known := gone[node]; !known {
			gone[node] = chance.IntN(5) == 0
		}
		return gone[node]
	}
}

// member is one node.
type member struct {
	ex     *exchange.Exchange
	door   *memnet.Listener
	served sync.WaitGroup
	name   string
}

func (w *wires) member(i int) (*member, error) {
	ex, err := exchange.New(network, &exchange.Config{Transport: w})
	if err != nil {
		return nil, err
	}
	m := &member{ex: ex, name: fmt.Sprintf("10.%d.%d.%d:1", i>>16&255, i>>8&255, i&255)}
	m.door = memnet.Listen(m.name, &memnet.PipeConfig{Delay: growDelay})
	m.served.Go(func() { _ = ex.Serve(m.door) }) // ended by close, which waits
	m.served.Go(func() {                         // and this
		for {
			if _, err := ex.Listener().Accept(); err != nil {
				return
			}
		}
	})
	return m, nil
}

func (m *member) close() {
	m.ex.Close()
	m.served.Wait()
}

// join dials those who were there before until one takes it in.
func (m *member) join(w *wires, before []*member) {
	for {
		at := before[rand.N(len(before))]
		socket, err := at.door.DialFrom(context.Background(), m.name)
		if err == nil {
			if _, err = m.ex.Connect(context.Background(), &counted{socket, w}); err == nil {
				return
			}
		}
		time.Sleep(time.Second) // as an application would, before it tries somebody else
	}
}

// wires count what is written, and stand in for WebRTC: a negotiation passes a
// name and hands over the end of a pipe.
type wires struct {
	writes, bytes atomic.Int64

	mu   sync.Mutex
	ends map[string]net.Conn
	next int
}

// Name is "webrtc", for which the others look.
func (w *wires) Name() string { return "webrtc" }

// Negotiate takes one round trip of signals.
func (w *wires) Negotiate(ctx context.Context, role wrtc.Role, s wrtc.Signaler) (wrtc.Conn, error) {
	if role == wrtc.Offerer {
		near, far := memnet.PipeConfig{Delay: growDelay}.Pipe()
		w.mu.Lock()
		w.next++
		name := strconv.Itoa(w.next)
		w.ends[name] = far
		w.mu.Unlock()
		err := s.Send(ctx, wrtc.Signal{Kind: wrtc.Offer, Text: name})
		if err == nil {
			_, err = s.Receive(ctx)
		}
		if err != nil {
			near.Close()
			return nil, err
		}
		return wire{&counted{near, w}}, nil
	}
	offer, err := s.Receive(ctx)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	end := w.ends[offer.Text]
	delete(w.ends, offer.Text)
	w.mu.Unlock()
	if end == nil {
		return nil, fmt.Errorf("no end %q", offer.Text)
	}
	if err := s.Send(ctx, wrtc.Signal{Kind: wrtc.Answer, Text: offer.Text}); err != nil {
		end.Close()
		return nil, err
	}
	return wire{&counted{end, w}}, nil
}

type wire struct{ net.Conn }

// Timing has nothing to tell.
func (wire) Timing() wrtc.Timing { return wrtc.Timing{} }

// counted counts what is written at this end.
type counted struct {
	net.Conn
	wires *wires
}

// Write counts.
func (c *counted) Write(p []byte) (int, error) {
	c.wires.writes.Add(1)
	n, err := c.Conn.Write(p)
	c.wires.bytes.Add(int64(n))
	return n, err
}
