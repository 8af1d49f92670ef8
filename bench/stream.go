package main

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// streamRate is question 1: how much does one stream carry, and at what cost?
type streamRate struct{}

var writeSizes = []int{4 << 10, 32 << 10, 128 << 10}

func rateColumn(size int) string { return fmt.Sprintf("%d KiB", size>>10) }

func costColumn(size int) string { return rateColumn(size) + " CPU" }

func (streamRate) about() result {
	r := result{
		Name: "stream",
		Asks: "How much does one stream carry over TCP on loopback, by size of write, and at what cost?",
		Notes: []string{
			"Both ends in one process; CPU seconds are those of both. Bytes are counted where they are read.",
			"QUIC is not TCP; it is here because it is what libp2p prefers.",
		},
		Base: ours{}.name(),
	}
	for _, size := range writeSizes {
		r.Columns = append(r.Columns, column{Name: rateColumn(size), Unit: "MiB/s", Higher: true})
	}
	for _, size := range writeSizes {
		r.Columns = append(r.Columns, column{Name: costColumn(size), Unit: "s/GiB"})
	}
	return r
}

func (streamRate) rows(e effort) []row {
	var rows []row
	for _, c := range []contender{ours{}, libp2pNoise, libp2pTLS, libp2pQUIC, hashicorp{}, plain{}, plain{tls: true}} {
		rows = append(rows, rowFor(c, func() ([]float64, error) { return streamRates(c, e) }))
	}
	return rows
}

// streamRates returns MiB/s for each size of write, then CPU seconds a GiB.
func streamRates(c contender, e effort) ([]float64, error) {
	var rates, costs []float64
	for _, size := range writeSizes {
		rate, cost, err := flow(c, line{}, size, 1, e.time/4, e.time)
		if err != nil {
			return nil, err
		}
		rates, costs = append(rates, rate), append(costs, cost)
	}
	return append(rates, costs...), nil
}

// flow is flows without the stall.
func flow(c contender, l line, size, streams int, warm, took time.Duration) (rate, cost float64, err error) {
	f, err := flows(c, l, size, streams, warm, took)
	return f.rate, f.cost, err
}

// flowing is what a stream carried: MiB/s, CPU seconds a GiB, the longest time
// without anything, and the longest that the machine kept all waiting.
type flowing struct {
	rate, cost   float64
	stall, pause time.Duration
}

// flows writes to that many streams of a fresh session as fast as they take it,
// and measures what arrives after warm, for as long as took.
func flows(c contender, l line, size, streams int, warm, took time.Duration) (flowing, error) {
	var arrived arrivals
	s, release, err := connected(c, l, func(s stream) {
		defer s.Close()
		buf := make([]byte, 128<<10)
		for {
			n, err := s.Read(buf)
			arrived.add(n)
			if err != nil {
				return
			}
		}
	})
	if err != nil {
		return flowing{}, err
	}
	var writers sync.WaitGroup
	defer writers.Wait()
	defer release()
	for range streams {
		out, err := s.open()
		if err != nil {
			return flowing{}, err
		}
		writers.Go(func() { // ended by release, waited for above
			p := make([]byte, size)
			for {
				if _, err := out.Write(p); err != nil {
					return
				}
			}
		})
	}
	waitFor(10*time.Second, func() bool { return arrived.bytes.Load() > 0 })
	time.Sleep(warm)
	before, cpu, began := arrived.bytes.Load(), cpuTime(), time.Now()
	arrived.watch()
	machine := watchPauses()
	time.Sleep(took) // the time that is measured
	stall, pause := arrived.longest(), machine.longest()
	if !waitFor(10*time.Second, func() bool { return arrived.bytes.Load() > before }) {
		return flowing{}, errors.New("nothing arrived in 10 s")
	}
	bytes, cpu, elapsed := arrived.bytes.Load()-before, cpuTime()-cpu, time.Since(began)
	return flowing{
		rate:  float64(bytes) / (1 << 20) / elapsed.Seconds(),
		cost:  cpu.Seconds() / (float64(bytes) / (1 << 30)),
		stall: stall,
		pause: pause,
	}, nil
}

// arrivals counts bytes, and the time between them.
type arrivals struct {
	bytes atomic.Int64

	mu    sync.Mutex
	last  time.Time
	worst time.Duration
}

func (a *arrivals) add(n int) {
	a.bytes.Add(int64(n))
	now := time.Now()
	a.mu.Lock()
	a.worst = max(a.worst, now.Sub(a.last))
	a.last = now
	a.mu.Unlock()
}

// watch forgets the stalls so far.
func (a *arrivals) watch() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last, a.worst = time.Now(), 0
}

func (a *arrivals) longest() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(a.worst, time.Since(a.last))
}
