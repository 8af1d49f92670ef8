package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

// example is a result with two columns: one where more is better, one that has
// no ratio.
func example() result {
	return result{
		Name: "stream", Asks: "How fast?", Notes: []string{"A note."},
		Columns: []column{{Name: rateColumn(4 << 10), Unit: "MiB/s", Higher: true}, {Name: "peers", Unit: "count", Plain: true}},
		Base:    ours{}.name(),
		Rows: []rowResult{
			{Name: ours{}.name(), Samples: [][]number{{100, 120, 110}, {1, 1, 1}}},
			{Name: libp2pNoise.label, Samples: [][]number{{50, 40, 60}, {2, 2, 2}}},
			{Name: libp2pTLS.label, Samples: [][]number{{100, number(math.NaN()), 88}, {2, 2, 2}}, Rival: true, Failed: []string{"gone"}},
		},
		When: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Commit: "abc", Load: [2]string{"1 2 3", "4 5 6"},
	}
}

func TestWriteResult(t *testing.T) {
	const want = `
### stream

How fast?

|                  | 4 KiB, MiB/s            | peers, count    |
|------------------|-------------------------|-----------------|
| exchange         | 110 (100 to 120)        | 1.00 (1.00 to 1.00) |
| libp2p TCP+Noise | 50.0 (40.0 to 60.0) ×0.500 | 2.00 (2.00 to 2.00) |
| libp2p TCP+TLS   | 94.0 (88.0 to 100) ×0.900 | 2.00 (2.00 to 2.00) |

- A note.
- libp2p TCP+TLS failed: gone (in 1 of 3 rounds, each tried twice)
- 2026-01-02 03:04 UTC, commit abc, machine 1, load before 1 2 3, after 4 5 6.
`
	r := example()
	var got strings.Builder
	writeResult(&got, &r, ", machine 1")
	squeeze := func(s string) string { // padding is another test's
		s = strings.ReplaceAll(s, "-", "")
		return strings.Join(strings.Fields(s), " ")
	}
	if squeeze(got.String()) != squeeze(want) {
		t.Errorf("written:\n%s\nwant, but for padding:\n%s", got.String(), want)
	}
}

func TestTableLinesUp(t *testing.T) {
	var got strings.Builder
	writeTable(&got, [][]string{{"", "head"}, {"longer", "×1"}})
	const want = "|        | head |\n|--------|------|\n| longer | ×1   |\n"
	if got.String() != want {
		t.Errorf("written:\n%s\nwant:\n%s", got.String(), want)
	}
}

func TestGoals(t *testing.T) {
	r := example()
	var got strings.Builder
	writeGoals(&got, []result{r})
	line := ""
	for l := range strings.Lines(got.String()) {
		if strings.Contains(l, "4 KiB") {
			line = strings.Join(strings.Fields(l), " ")
		}
	}
	// The best of the others is TLS, whose rounds are 1 and 1.25 times slower.
	want := "| stream, 4 KiB writes, against go-libp2p's best over TCP | least 1.20 | 1.12 | libp2p TCP+TLS | no |"
	if !strings.HasPrefix(line, want) {
		t.Errorf("the goal says %q, want %q", line, want)
	}
	r.Rows[0].Samples[0] = []number{130, 130, 130}
	if measured, _ := goals[0].of(&r); !goals[0].met(measured) {
		t.Errorf("%v is not enough", measured)
	}
}
