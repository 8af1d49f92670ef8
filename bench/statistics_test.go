package main

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func TestSummarize(t *testing.T) {
	missing := number(math.NaN())
	for name, test := range map[string]struct {
		samples          []number
		median, min, max float64
		n                int
	}{
		"odd":     {[]number{3, 1, 2}, 2, 1, 3, 3},
		"even":    {[]number{4, 1, 2, 3}, 2.5, 1, 4, 4},
		"one":     {[]number{7}, 7, 7, 7, 1},
		"missing": {[]number{missing, 5, missing, 1}, 3, 1, 5, 2},
	} {
		got := summarize(test.samples)
		if want := (summary{test.median, test.min, test.max, test.n}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if got := summarize([]number{missing}); got.n != 0 || !math.IsNaN(got.median) {
		t.Errorf("nothing: %+v", got)
	}
}

// TestRatioIsByRound: the machine was half as fast in the second round, which
// is nothing that one row has over the other.
func TestRatioIsByRound(t *testing.T) {
	a := &rowResult{Samples: [][]number{{100, 50, 100}}}
	b := &rowResult{Samples: [][]number{{200, 100, number(math.NaN())}}}
	if got, want := ratio(b, a, 0), (summary{2, 2, 2, 2}); got != want {
		t.Errorf("ratio %+v, want %+v", got, want)
	}
	if got := ratio(nil, a, 0); got.n != 0 {
		t.Errorf("ratio of nothing: %+v", got)
	}
}

func TestQuantile(t *testing.T) {
	samples := make([]time.Duration, 100)
	for i := range samples {
		samples[i] = time.Duration(100 - i)
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := quantile(samples, q); got != want {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
}

func TestShow(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 0.04321: "0.0432", 0.5: "0.500", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 12345: "12345", math.NaN(): "-",
	} {
		if got := show(x); got != want {
			t.Errorf("%v is shown as %q, want %q", x, got, want)
		}
	}
}

func TestNumberInJSON(t *testing.T) {
	in := []number{1234567, 0.000123456, 0, number(math.NaN())}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := "[1234600,0.00012346,0,null]"; string(b) != want {
		t.Errorf("written as %s, want %s", b, want)
	}
	var out []number
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if len(out) != 4 || out[0] != 1234600 || !out[3].missing() {
		t.Errorf("read as %v", out)
	}
}
