package main

// circuitRate is the second part of question 1: how much does a stream carry
// through a peer in the middle?
type circuitRate struct{}

func (circuitRate) about() result {
	r := streamRate{}.about()
	r.Name = "circuit"
	r.Asks = "How much does one stream carry through a peer in the middle, all three linked by TCP?"
	r.Notes = []string{
		"All three in one process; CPU seconds are those of all. Both circuits without limits on bytes and time; " +
			"what is written is encrypted from end to end, and on each link again.",
		"The two ends of exchange's circuit are made of its packages (ourcircuit.go): an exchange moves to WebRTC before it has much to say.",
	}
	r.Base = ourCircuit{}.name()
	return r
}

func (circuitRate) rows(e effort) []row {
	var rows []row
	for _, c := range []contender{ourCircuit{}, libp2pCircuit{libp2pRelayBuffer}, libp2pCircuit{64 << 10}} {
		rows = append(rows, rowFor(c, func() ([]float64, error) { return streamRates(c, e) }))
	}
	return rows
}
