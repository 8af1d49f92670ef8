//go:build lab

package lab

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var meetings = flag.Int("meetings", 10, "how often each condition of TestBadLinks is tried; 100 for figures")

// Over links that lose and delay, peers join and meet within the limits of a node, 99 times of 100.
func TestBadLinks(t *testing.T) {
	for _, link := range []Link{
		{Delay: 25 * time.Millisecond, Loss: 0.01},
		{Delay: 25 * time.Millisecond, Loss: 0.05},
		{Delay: 100 * time.Millisecond, Loss: 0.05},
		{Delay: 25 * time.Millisecond, Jitter: 20 * time.Millisecond},
		{Delay: 25 * time.Millisecond, Rate: 1_000_000},
	} {
		t.Run(linkName(link), func(t *testing.T) {
			var mu sync.Mutex
			var took []time.Duration
			var failures []string
			t.Run("runs", func(t *testing.T) {
				for i := range *meetings {
					t.Run(fmt.Sprint(i), func(t *testing.T) {
						t.Parallel()
						d, failure := meetOver(t, link)
						mu.Lock()
						defer mu.Unlock()
						if failure != "" {
							failures = append(failures, failure)
						} else {
							took = append(took, d)
						}
					})
				}
			})
			slices.Sort(took)
			if n := len(took); n > 0 {
				t.Logf("met in %v (median), %v (nine of ten), %v (last); %d of %d failed", took[n/2], took[n*9/10], took[n-1], len(failures), *meetings)
			}
			if len(failures) > max(1, *meetings/100) { // of few runs one may be the one in a hundred
				t.Errorf("%d of %d failed:\n%s", len(failures), *meetings, strings.Join(failures, "\n"))
			}
		})
	}
}

func linkName(k Link) string {
	name := fmt.Sprintf("%v", 2*k.Delay)
	if k.Jitter > 0 {
		name += fmt.Sprintf(" and up to %v more", k.Jitter)
	}
	if k.Loss > 0 {
		name += fmt.Sprintf(", %g%% lost", 100*k.Loss)
	}
	if k.Rate > 0 {
		name += fmt.Sprintf(", %g Mbit a second", float64(k.Rate)/1e6)
	}
	return name
}

// meetOver has two nodes meet of which the one that asks has a bad link. It tells how long the meeting took, or why it failed.
func meetOver(t *testing.T, link Link) (took time.Duration, failure string) {
	t.Helper()
	l := New(t, Topology{Hosts: []Host{{Name: "boot"}, {Name: "a", Link: link}, {Name: "b"}}})
	boot := "tcp://" + l.Addr("boot").String() + ":8000"
	l.Node("boot", "--listen", boot).ID()
	b := l.Node("b", "--bootstrap", boot)
	b.Wait("its bootstrap node", patience, func(e Event) bool { return e.Event == "peer" })
	id := b.ID()
	a := l.Node("a", "--bootstrap", boot, "--target", "2")
	joined, ok := a.Find(patience, func(e Event) bool { return e.Event == "error" || e.Event == "peer" })
	if !ok || joined.Event == "error" {
		return 0, "joining: " + joined.String()
	}
	met, ok := a.Find(patience, func(e Event) bool { return e.Peer == id && (e.Event == "unmet" || e.Event == "peer") })
	if !ok || met.Event == "unmet" {
		return 0, "meeting: " + met.String()
	}
	return met.At.Sub(joined.At).Round(time.Millisecond), ""
}
