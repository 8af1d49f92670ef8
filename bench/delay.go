package main

import (
	"errors"
	"fmt"
	"time"
)

// farAway is question 6: what is left when the other end is far away?
type farAway struct{}

const near40 = 40 * time.Millisecond

var roundTripTimes = []time.Duration{near40, 100 * time.Millisecond}

func farColumn(rtt time.Duration, what string) string { return fmt.Sprintf("%v, %s", rtt, what) }

func (farAway) about() result {
	r := result{
		Name: "delay",
		Asks: "What do one stream and eight carry when a round trip takes 40 or 100 ms?",
		Notes: []string{
			"A line in this process that delays and does not limit, under TCP (delaytcp.go) and under ICE (delayudp.go); it takes CPU time of its own.",
			"32 KiB writes, after the window has had 40 round trips, and 2 s at least, to grow.",
		},
		Base: ours{}.name(),
	}
	for _, rtt := range roundTripTimes {
		r.Columns = append(r.Columns,
			column{Name: farColumn(rtt, "one stream"), Unit: "MiB/s", Higher: true},
			column{Name: farColumn(rtt, "eight"), Unit: "MiB/s", Higher: true})
	}
	return r
}

func (farAway) rows(e effort) []row {
	var rows []row
	for _, c := range []contender{ours{}, libp2pNoise, libp2pTLS, libp2pQUIC, hashicorp{}, plain{}, ourWebRTC{}, pionTuned} {
		rows = append(rows, rowFor(c, func() ([]float64, error) { return atDistance(c, e) }))
	}
	return rows
}

func atDistance(c contender, e effort) ([]float64, error) {
	var out []float64
	for _, rtt := range roundTripTimes {
		rtt = e.far(rtt)
		l := line{delay: rtt / 2}
		warm := max(2*time.Second, 40*rtt)
		if e.quick {
			warm = 0
		}
		rate, _, err := flow(c, l, 32<<10, 1, warm, max(e.time, 4*rtt))
		if err != nil {
			return nil, err
		}
		eight, _, err := flow(c, l, 32<<10, 8, warm, max(e.time, 4*rtt))
		if errors.Is(err, errOneStream) {
			eight, err = nan, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, rate, eight)
	}
	return out, nil
}
