package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// One bad second of four does not count, and what came before or after neither.
func TestQuantiles(t *testing.T) {
	began := time.Unix(1000, 0)
	samples := []sample{{began.Add(-time.Second), time.Hour}, {began.Add(4 * time.Second), time.Hour}}
	for i := range 400 {
		took := time.Duration(i%100+1) * time.Millisecond
		if i/100 == 2 {
			took = time.Minute
		}
		samples = append(samples, sample{began.Add(time.Duration(i) * 10 * time.Millisecond), took})
	}
	if got := quantiles(samples, began, began.Add(4*time.Second)); got.P50 != 51 || got.P99 != 100 {
		t.Errorf("%+v, want 51 and 100 ms", got)
	}
	if got := quantiles(nil, began, began.Add(time.Second)); got != (latency{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestJudge(t *testing.T) {
	o := &options{boundMiB: 100}
	for _, tt := range []struct {
		what   string
		row    row
		strict bool
		missed string
	}{
		{"all is well", row{Peak: 100 << 20, Goroutines: 60}, false, ""},
		{"memory", row{Peak: 101 << 20}, false, "MiB"},
		{"goroutines", row{Goroutines: 61}, false, "goroutines"},
		{"slow", row{Before: latency{P99: 1}, During: latency{P99: 4}}, false, ""},
		{"slow, strictly", row{Before: latency{P99: 1}, During: latency{P99: 4}}, true, "4.0 times"},
	} {
		o.strict = tt.strict
		tt.row.judge(50, o)
		if got := verdict(tt.row.Missed); tt.missed == "" && got != "ok" || !strings.Contains(got, tt.missed) {
			t.Errorf("%s: %s", tt.what, got)
		}
	}
}

func TestParse(t *testing.T) {
	stat := []byte("4711 (a) b c) S 1 4711 4711 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 8 0 9")
	if got, err := parseCPU(stat); err != nil || got != 2*time.Second {
		t.Errorf("CPU time %v, %v, want 2 s", got, err)
	}
	if _, err := parseCPU([]byte("1 (x) S")); err == nil {
		t.Error("a short line was taken")
	}
	if got := statusKiB([]byte("VmPeak:\t 9 kB\nVmHWM:\t  4711 kB\nVmRSS:\t 3 kB\n"), "VmHWM:"); got != 4711 {
		t.Errorf("%d KiB, want 4711", got)
	}
	dump := "SIGQUIT: quit\n\ngoroutine 0 gp=0x1 [idle]:\n\ngoroutine 1 gp=0x2 [chan receive]:\nmain.main()\n\n" +
		"goroutine 2 [select]:\nx()\ncreated by runtime.gcenable in goroutine 1\n\ngoroutine 20 [IO wait]:\ny()\ncreated by main.run\n\nrax 0\n"
	if got := goroutines([]byte(dump)); got != 2 {
		t.Errorf("%d goroutines, want 2", got)
	}
}

func TestChosen(t *testing.T) {
	o := options{attacks: "web,mux/pings"}
	chosen, err := o.chosen()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range chosen {
		names = append(names, a.Name)
	}
	if len(names) < 3 || !slices.Contains(names, "web/frame") || names[len(names)-1] != "mux/pings" {
		t.Errorf("chosen %q", names)
	}
	o.attacks = "nothing"
	if _, err := o.chosen(); err == nil {
		t.Error("an attack was chosen that is not there")
	}
}
