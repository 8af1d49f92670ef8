package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/bootstrap"
)

const (
	honestClients = 4 // every fourth by WebSocket
	messageBytes  = 64
	interval      = 10 * time.Millisecond // between two round trips of a client
	patience      = 20 * time.Second      // for one round trip
	window        = time.Second           // of time, for which a quantile is taken
)

// clients are honest peers of a node that measure round trips of small messages over their data streams.
type clients struct {
	exchanges []*exchange.Exchange
	measuring sync.WaitGroup
	stop      context.CancelFunc

	mu      sync.Mutex
	samples []sample
	err     error // the first that went wrong
}

type sample struct {
	at   time.Time
	took time.Duration
}

// newClients connects them.
func newClients(ctx context.Context, n *node) (*clients, error) {
	ctx, stop := context.WithCancel(ctx)
	c := &clients{stop: stop}
	for i := range honestClients {
		url := n.tcp
		if i%4 == 3 {
			url = n.web
		}
		ex, conn, err := join(ctx, url)
		if err != nil {
			c.close()
			return nil, err
		}
		c.exchanges = append(c.exchanges, ex)
		c.measuring.Go(func() { c.measure(ctx, conn) }) // ended by close, which waits
	}
	return c, nil
}

// join makes a peer of the node.
func join(ctx context.Context, url bootstrap.URL) (*exchange.Exchange, *exchange.Conn, error) {
	ex, err := exchange.New(network, &exchange.Config{Agent: "honest", RefuseIncoming: true})
	if err != nil {
		return nil, nil, err
	}
	conn, err := bootstrap.Dial(ctx, ex, url.String())
	if err != nil {
		ex.Close()
		return nil, nil, err
	}
	return ex, conn, nil
}

func (c *clients) measure(ctx context.Context, conn *exchange.Conn) {
	for turn := time.NewTicker(interval); ; {
		select {
		case <-turn.C:
		case <-ctx.Done():
			turn.Stop()
			return
		}
		began := time.Now()
		err := roundTrip(conn)
		c.mu.Lock()
		if err != nil && c.err == nil && ctx.Err() == nil {
			c.err = err
		}
		c.samples = append(c.samples, sample{began, time.Since(began)})
		c.mu.Unlock()
		if err != nil {
			turn.Stop()
			return
		}
	}
}

func roundTrip(conn *exchange.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	var message [messageBytes]byte
	if _, err := conn.Write(message[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, message[:]); err != nil {
		return fmt.Errorf("a round trip of an honest client: %w", err)
	}
	return nil
}

// close ends the clients and waits.
func (c *clients) close() {
	c.stop()
	for _, ex := range c.exchanges {
		ex.Close()
	}
	c.measuring.Wait()
}

// broken returns why a client could not go on.
func (c *clients) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// latency is a quiet minute's or an attack's quantiles in milliseconds: the median of those of its windows, so that one
// bad second of a busy machine does not count.
type latency struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
}

func (c *clients) between(from, to time.Time) latency {
	c.mu.Lock()
	defer c.mu.Unlock()
	return quantiles(c.samples, from, to)
}

func quantiles(samples []sample, from, to time.Time) latency {
	var p50s, p99s []float64
	for ; from.Before(to); from = from.Add(window) {
		var took []float64
		for _, s := range samples {
			if !s.at.Before(from) && s.at.Before(from.Add(window)) && s.at.Before(to) {
				took = append(took, float64(s.took)/float64(time.Millisecond))
			}
		}
		if len(took) > 0 {
			p50s, p99s = append(p50s, quantile(took, 0.5)), append(p99s, quantile(took, 0.99))
		}
	}
	return latency{quantile(p50s, 0.5), quantile(p99s, 0.5)}
}

// quantile returns the value below which that part of the values lies; 0 of none.
func quantile(values []float64, part float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(int(part*float64(len(values))), len(values)-1)]
}
