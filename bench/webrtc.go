package main

import (
	"time"
)

// webrtcRate is question 5: how much does a stream over WebRTC carry?
type webrtcRate struct{}

func (webrtcRate) about() result {
	return result{
		Name: "webrtc",
		Asks: "How much does one stream over WebRTC carry, and does it stall?",
		Notes: []string{
			"32 KiB writes. A stall is the longest time in which nothing arrived; a pause the longest that a goroutine of the same process which sleeps for a millisecond overslept, so what the machine makes of it; lost is what UDP sockets of this machine had no room for.",
			"TCP, which has no encryption, is here for what stalls on this machine besides.",
			"pion, tuned: a bare detached channel with the settings of package wrtc, 16 KiB messages and 1 MiB under way; as it comes: with what the kernel gives a UDP socket.",
			"simple-peer: two processes of Node.js with @roamhq/wrtc, in directory interop; their CPU time is not counted.",
		},
		Columns: []column{
			{Name: "32 KiB", Unit: "MiB/s", Higher: true}, {Name: "CPU", Unit: "s/GiB"}, {Name: "longest stall", Unit: "ms"},
			{Name: "longest pause", Unit: "ms", Plain: true}, {Name: "lost", Unit: "datagrams", Plain: true},
			{Name: "64-byte round trip", Unit: "us"},
		},
		Base: ourWebRTC{}.name(),
	}
}

func (webrtcRate) rows(e effort) []row {
	took := 4 * e.time
	var rows []row
	for _, c := range []contender{ourWebRTC{}, pionTuned, pionShipped, libp2pRTC, plain{}} {
		rows = append(rows, rowFor(c, func() ([]float64, error) {
			before := overflowed()
			f, err := flows(c, line{}, 32<<10, 1, took/4, took)
			if err != nil {
				return nil, err
			}
			lost := overflowed() - before
			trip, _, err := roundTrips(c, line{}, false, e.time)
			millis := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
			return []float64{f.rate, f.cost, millis(f.stall), millis(f.pause), lost, trip.mean}, err
		}))
	}
	return append(rows, row{name: "simple-peer", rival: true, once: func() ([]float64, error) { return simplePeer(took) }})
}
