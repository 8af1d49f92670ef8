package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// streamsRate is question 3: how many streams a second can be opened, carry a
// byte there and back, and closed?
type streamsRate struct{}

const together = 16

func (streamsRate) about() result {
	return result{
		Name: "streams",
		Asks: "How many streams a second are opened, carry one byte there and back, and closed?",
		Notes: []string{
			"exchange: Limits.StreamsPerSecond and StreamBurst, which are 100 and 200 by default, are lifted.",
		},
		Columns: []column{
			{Name: "one at a time", Unit: "1/s", Higher: true},
			{Name: fmt.Sprintf("%d at once", together), Unit: "1/s", Higher: true},
		},
		Base: ours{}.name(),
	}
}

func (streamsRate) rows(e effort) []row {
	var rows []row
	for _, c := range []contender{ours{}, libp2pNoise, libp2pTLS, libp2pQUIC, hashicorp{}} {
		rows = append(rows, rowFor(c, func() ([]float64, error) {
			alone, err := streamsPerSecond(c, 1, e.time)
			if err != nil {
				return nil, err
			}
			many, err := streamsPerSecond(c, together, e.time)
			return []float64{alone, many}, err
		}))
	}
	return rows
}

func streamsPerSecond(c contender, lanes int, took time.Duration) (float64, error) {
	s, release, err := connected(c, line{}, echoOne)
	if err != nil {
		return 0, err
	}
	defer release()
	if err := oneByte(s); err != nil { // what is done once is done
		return 0, err
	}
	var done atomic.Int64
	var stop atomic.Bool
	errs := make([]error, lanes)
	var wg sync.WaitGroup
	for lane := range lanes {
		wg.Go(func() { // ended by stop, waited for below
			for !stop.Load() && errs[lane] == nil {
				errs[lane] = oneByte(s)
				done.Add(1)
			}
		})
	}
	time.Sleep(took / 4) // to warm up
	count, began := done.Load(), time.Now()
	time.Sleep(took) // the time that is measured
	count, elapsed := done.Load()-count, time.Since(began)
	stop.Store(true)
	wg.Wait()
	return float64(count) / elapsed.Seconds(), errors.Join(errs...)
}

// echoOne gives back the one byte of a stream.
func echoOne(s stream) {
	defer s.Close()
	p := make([]byte, 1)
	if _, err := io.ReadFull(s, p); err == nil {
		_, _ = s.Write(p) // who opened it will say
	}
}

// oneByte is the life of one short stream.
func oneByte(s session) error {
	c, err := s.open()
	if err != nil {
		return err
	}
	defer c.Close()
	p := []byte{1}
	if _, err := c.Write(p); err != nil {
		return err
	}
	_, err = io.ReadFull(c, p)
	return err
}
