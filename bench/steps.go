package main

import (
	"errors"
	"sync"
	"time"

	"github.com/peer-exchange/exchange"
)

// meetingSteps is where the time of question 4 goes: what does each step of
// GetNewPeer take?
type meetingSteps struct{}

var steps = []exchange.Step{
	exchange.StepQuery, exchange.StepCircuit, exchange.StepGather, exchange.StepICE, exchange.StepDTLS,
	exchange.StepChannel, exchange.StepConnect,
}

func (meetingSteps) about() result {
	r := result{
		Name: "steps",
		Asks: "Where does the time of GetNewPeer go?",
		Notes: []string{
			"As exchange.StepDone tells it to who asks; what is left to the total is between the steps, waiting for the other end's description and for the first byte to come back.",
			"40 ms is the round trip between any two of the three. Medians of each step in a round.",
		},
	}
	for _, s := range steps {
		r.Columns = append(r.Columns, column{Name: string(s), Unit: "ms", Plain: true})
	}
	r.Columns = append(r.Columns, column{Name: "total", Unit: "ms", Plain: true})
	return r
}

func (meetingSteps) rows(e effort) []row {
	count := max(e.count/10, 1)
	return []row{
		{name: "on loopback", once: func() ([]float64, error) { return stepTimes(line{}, count) }},
		{name: "40 ms", once: func() ([]float64, error) { return stepTimes(line{delay: meetingRTT / 2}, count) }},
	}
}

func stepTimes(l line, count int) ([]float64, error) {
	each := make([][]float64, len(steps)+1)
	for range count {
		took, err := meetOnce(l)
		if err != nil {
			return nil, err
		}
		for i := range each {
			each[i] = append(each[i], took[i])
		}
	}
	var out []float64
	for _, samples := range each {
		out = append(out, quantile(samples, 0.5))
	}
	return out, nil
}

// meetOnce returns the milliseconds of each step, and of all to the first byte
// that came back.
func meetOnce(l line) ([]float64, error) {
	millis := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	var mu sync.Mutex
	done := make(map[exchange.Step]float64)
	e, err := newTrio(l, echoOne, func(ev exchange.Event) {
		if step, ok := ev.(exchange.StepDone); ok {
			mu.Lock()
			done[step.Step] += millis(step.Took)
			mu.Unlock()
		}
	})
	if err != nil {
		return nil, err
	}
	began := time.Now()
	s, err := e.connect()
	if err == nil {
		err = oneByte(s)
	}
	took := millis(time.Since(began))
	if s != nil {
		s.close()
	}
	e.close() // waits for the events
	if err != nil {
		return nil, err
	}
	var out []float64
	for _, step := range steps {
		ms, ok := done[step]
		if !ok {
			return nil, errors.New("no word of the step " + string(step))
		}
		out = append(out, ms)
	}
	return append(out, took), nil
}
