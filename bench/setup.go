package main

import (
	"time"
)

// setUp is question 4: how long from dialing to the first byte that came back?
type setUp struct{}

func (setUp) about() result {
	return result{
		Name: "setup",
		Asks: "How long from dialing to the first byte that came back, on loopback?",
		Notes: []string{
			"Hosts and keys are there before. exchange: Connect, and its data stream; libp2p: Connect, NewStream. With First: the first byte goes along with the request to connect (ConnectConfig.First).",
		},
		Columns: []column{{Name: "median", Unit: "us"}, {Name: "p99", Unit: "us"}},
		Base:    ours{}.name(),
	}
}

func (setUp) rows(e effort) []row {
	var rows []row
	for _, c := range []contender{ours{}, ours{first: true}, libp2pNoise, libp2pTLS, libp2pQUIC, hashicorp{}, plain{}, plain{tls: true}} {
		rows = append(rows, rowFor(c, func() ([]float64, error) {
			each, err := setUps(c, line{}, e.count)
			if err != nil {
				return nil, err
			}
			return []float64{quantile(each, 0.5), quantile(each, 0.99)}, nil
		}))
	}
	return rows
}

// distantSetUp is the same far away, counted in round trips.
type distantSetUp struct{}

func (distantSetUp) about() result {
	r := result{
		Name: "setupfar",
		Asks: "How many round trips from dialing to the first byte that came back?",
		Notes: []string{
			"A line in this process that delays and does not limit (delaytcp.go, delayudp.go). The handshake of TCP counts, and the byte's own round trip. Medians of five in a round.",
			"TCP, three round trips: what the line and this machine make of as many as ConnectWith takes, a second byte going there after the first came back.",
		},
		Base: ours{}.name(),
	}
	for _, rtt := range roundTripTimes {
		r.Columns = append(r.Columns, column{Name: rtt.String(), Unit: "round trips"})
	}
	return r
}

func (distantSetUp) rows(e effort) []row {
	var rows []row
	for _, c := range []contender{ours{}, ours{first: true}, libp2pNoise, libp2pTLS, libp2pQUIC, hashicorp{}, plain{}, plain{tls: true}, threeTrips} {
		rows = append(rows, rowFor(c, func() ([]float64, error) {
			var out []float64
			for _, rtt := range roundTripTimes {
				rtt = e.far(rtt)
				each, err := firstBytes(c, line{delay: rtt / 2}, min(e.count, 5))
				if err != nil {
					return nil, err
				}
				out = append(out, quantile(each, 0.5)*float64(time.Millisecond)/float64(rtt))
			}
			return out, nil
		}))
	}
	return rows
}

// setUps connects, moves a byte and disconnects that many times, and returns
// how many microseconds each took.
func setUps(c contender, l line, count int) ([]float64, error) {
	e, err := c.start(l, echoOne)
	if err != nil {
		return nil, err
	}
	defer e.close()
	var each []float64
	for range count {
		began := time.Now()
		s, err := e.connect()
		if err != nil {
			return nil, err
		}
		err = oneByte(s)
		each = append(each, float64(time.Since(began))/float64(time.Microsecond))
		s.close()
		if err != nil {
			return nil, err
		}
	}
	return each, nil
}
