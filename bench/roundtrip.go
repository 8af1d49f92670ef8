package main

import (
	"io"
	"sync"
	"time"
)

// roundTrip is question 2: how long do 64 bytes take there and back, alone and
// beside a stream that takes all it can get?
type roundTrip struct{}

func (roundTrip) about() result {
	return result{
		Name: "roundtrip",
		Asks: "How long do 64 bytes take there and back, on an idle session and beside a stream of 32 KiB writes?",
		Columns: []column{
			{Name: "idle mean", Unit: "us"}, {Name: "idle p50", Unit: "us"}, {Name: "idle p99", Unit: "us"},
			{Name: "beside bulk p50", Unit: "us"}, {Name: "beside bulk p99", Unit: "us"},
			{Name: "the bulk", Unit: "MiB/s", Higher: true},
		},
		Base: ours{}.name(),
	}
}

func (roundTrip) rows(e effort) []row {
	var rows []row
	for _, c := range []contender{ours{}, libp2pNoise, libp2pTLS, libp2pQUIC, hashicorp{}, plain{}, plain{tls: true}} {
		rows = append(rows, rowFor(c, func() ([]float64, error) {
			idle, _, err := roundTrips(c, line{}, false, e.time)
			if err != nil {
				return nil, err
			}
			out := []float64{idle.mean, idle.p50, idle.p99}
			if _, one := c.(plain); one {
				return out, nil
			}
			busy, rate, err := roundTrips(c, line{}, true, e.time)
			return append(out, busy.p50, busy.p99, rate), err
		}))
	}
	return rows
}

// latency is in microseconds.
type latency struct{ mean, p50, p99 float64 }

const pingBytes = 64

// roundTrips measures for as long as took, and the MiB/s that the stream beside
// it moved, if there is one.
func roundTrips(c contender, l line, bulk bool, took time.Duration) (latency, float64, error) {
	s, release, err := connected(c, l, serveByFirstByte)
	if err != nil {
		return latency{}, 0, err
	}
	var beside sync.WaitGroup
	defer beside.Wait()
	defer release()
	ping, err := s.open()
	if err != nil {
		return latency{}, 0, err
	}
	p := make([]byte, pingBytes)
	p[0] = asEcho
	trip := func() error {
		if _, err := ping.Write(p); err != nil {
			return err
		}
		_, err := io.ReadFull(ping, p)
		return err
	}
	if err := trip(); err != nil {
		return latency{}, 0, err
	}
	var written counter
	if bulk {
		out, err := s.open()
		if err != nil {
			return latency{}, 0, err
		}
		beside.Go(func() { // ended by release, waited for above
			p := make([]byte, 32<<10)
			p[0] = asSink
			for {
				n, err := out.Write(p)
				if written.add(n); err != nil {
					return
				}
			}
		})
	}
	for warm := time.Now().Add(took / 4); time.Now().Before(warm); {
		if err := trip(); err != nil {
			return latency{}, 0, err
		}
	}
	var each []time.Duration
	bytes, began := written.get(), time.Now()
	for last := began; last.Sub(began) < took; {
		if err := trip(); err != nil {
			return latency{}, 0, err
		}
		now := time.Now()
		each = append(each, now.Sub(last))
		last = now
	}
	elapsed := time.Since(began)
	rate := float64(written.get()-bytes) / (1 << 20) / elapsed.Seconds()
	micros := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	mean := micros(elapsed) / float64(len(each))
	return latency{mean, micros(quantile(each, 0.50)), micros(quantile(each, 0.99))}, rate, nil
}
