package main

import (
	"time"
)

// meeting is the other half of question 4: how long from GetNewPeer to the
// first byte that came back, beside two bare PeerConnections?
type meeting struct{}

func (meeting) about() result {
	return result{
		Name: "meet",
		Asks: "How long does it take to meet somebody over WebRTC, to the first byte that came back?",
		Notes: []string{
			"With First: the first byte goes along with the request to connect (MeetConfig.First).",
			"exchange: from calling GetNewPeer, with three exchanges linked by TCP. pion: from making two PeerConnections, their descriptions handed over in memory.",
			"pion as it comes: trickled candidates, a channel announced by message. Tuned: all candidates in the description, a channel that both know of, large buffers in the kernel, as package wrtc does. Hasty: SNAP and no HelloVerifyRequest besides.",
		},
		Columns: []column{
			{Name: "median", Unit: "ms"}, {Name: "most", Unit: "ms"},
		},
		Base: ourWebRTC{}.name(),
	}
}

func (meeting) rows(e effort) []row {
	var rows []row
	for _, c := range []contender{ourWebRTC{}, ourWebRTC{first: true}, pionShipped, pionTuned, pionHasty} {
		rows = append(rows, rowFor(c, func() ([]float64, error) {
			each, err := firstBytes(c, line{}, max(e.count/5, 1))
			if err != nil {
				return nil, err
			}
			return []float64{quantile(each, 0.5), quantile(each, 1)}, nil
		}))
	}
	return rows
}

// distantMeeting is the same far away, counted in round trips.
type distantMeeting struct{}

const meetingRTT = 40 * time.Millisecond

func (distantMeeting) about() result {
	return result{
		Name: "meetfar",
		Asks: "How many round trips of 40 ms does it take to meet somebody over WebRTC, to the first byte that came back?",
		Notes: []string{
			"With First: the first byte goes along with the request to connect (MeetConfig.First).",
			"exchange: from calling GetNewPeer, with three exchanges linked by TCP and 40 ms between any two. " +
				"pion: from making two PeerConnections, their descriptions handed over at once.",
			"The first byte's own round trip is one of them.",
		},
		Columns: []column{
			{Name: "least", Unit: "round trips"}, {Name: "median", Unit: "round trips"}, {Name: "p90", Unit: "round trips"},
			{Name: "most", Unit: "ms"}, {Name: "over 1 s", Unit: "%", Plain: true},
		},
		Base: ourWebRTC{}.name(),
	}
}

func (distantMeeting) rows(e effort) []row {
	var rows []row
	for _, c := range []contender{ourWebRTC{}, ourWebRTC{first: true}, pionShipped, pionTuned, pionHasty} {
		rows = append(rows, rowFor(c, func() ([]float64, error) {
			each, err := firstBytes(c, line{delay: meetingRTT / 2}, max(e.count/5, 1))
			if err != nil {
				return nil, err
			}
			over := 0
			for _, ms := range each {
				if ms > 1000 {
					over++
				}
			}
			trips := func(ms float64) float64 { return ms / float64(meetingRTT.Milliseconds()) }
			return []float64{
				trips(quantile(each, 0)), trips(quantile(each, 0.5)), trips(quantile(each, 0.9)),
				quantile(each, 1), 100 * float64(over) / float64(len(each)),
			}, nil
		}))
	}
	return rows
}

// firstBytes makes new ends for each of count set-ups, since who was met before
// is not met again at once, and returns the milliseconds from connecting to the
// first byte that came back.
func firstBytes(c contender, l line, count int) ([]float64, error) {
	var each []float64
	for range count {
		micros, err := setUps(c, l, 1)
		if err != nil {
			return nil, err
		}
		each = append(each, micros[0]/1000)
	}
	return each, nil
}
