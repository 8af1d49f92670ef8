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
		rows = append(rows, row{c.name(), func() ([]float64, error) { return streamRates(c, e) }})
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

// flow writes to that many streams of a fresh session as fast as they take it,
// and measures what arrives after warm, for as long as took: MiB/s and CPU
// seconds a GiB.
func flow(c contender, l line, size, streams int, warm, took time.Duration) (rate, cost float64, err error) {
	var arrived atomic.Int64
	s, release, err := connected(c, l, func(s stream) {
		buf := make([]byte, 128<<10)
		for {
			n, err := s.Read(buf)
			arrived.Add(int64(n))
			if err != nil {
				s.Close()
				return
			}
		}
	})
	if err != nil {
		return 0, 0, err
	}
	var writers sync.WaitGroup
	defer writers.Wait()
	defer release()
	for range streams {
		out, err := s.open()
		if err != nil {
			return 0, 0, err
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
	waitFor(10*time.Second, func() bool { return arrived.Load() > 0 })
	time.Sleep(warm)
	before, cpu, began := arrived.Load(), cpuTime(), time.Now()
	time.Sleep(took)
	if !waitFor(10*time.Second, func() bool { return arrived.Load() > before }) {
		return 0, 0, errors.New("nothing arrived in 10 s")
	}
	bytes, cpu, elapsed := arrived.Load()-before, cpuTime()-cpu, time.Since(began)
	return float64(bytes) / (1 << 20) / elapsed.Seconds(), cpu.Seconds() / (float64(bytes) / (1 << 30)), nil
}
