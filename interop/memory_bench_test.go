package interop

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/bootstrap"
)

const (
	firstPeers = 10  // make what a node needs once
	idlePeers  = 100 // are measured
)

// BenchmarkIdlePeers is the memory that a node needs for a peer that it has by TCP, with its data stream, where nothing
// goes on: what its process has in memory with 110 such, less what it has with 10, as it is and after its garbage was
// collected. The peers are of this module, in this process, and speak version 1 with the original.
func BenchmarkIdlePeers(b *testing.B) {
	asIs := newSeries("idle peer", "KiB", "%.0f")
	collected := newSeries("idle peer collected", "KiB", "%.0f")
	beside(b, func(ctx context.Context, m *measurement, k kind) error {
		hub, url, err := k.listen(ctx, m)
		if err != nil {
			return err
		}
		if k.name == "js" {
			url += "?v=1"
		}
		var peers []*exchange.Exchange
		defer func() {
			hub.Kill() // else each would take its time to say goodbye
			for _, ex := range peers {
				ex.Close()
			}
		}()
		var before, after [2]int // in KiB: as it is, collected
		for _, step := range []struct {
			count int
			rss   *[2]int
		}{{firstPeers, &before}, {firstPeers + idlePeers, &after}} {
			for len(peers) < step.count {
				config, err := benchConfig(k.name != "v2")
				if err != nil {
					return err
				}
				ex, err := exchange.New("bench", config)
				if err != nil {
					return err
				}
				peers = append(peers, ex)
				if _, err := bootstrap.Dial(ctx, ex, url); err != nil {
					return err
				}
				if _, err := hub.Await(ctx, "data stream", Named("stream")); err != nil {
					return err
				}
			}
			if step.rss[0], err = rss(hub); err != nil {
				return err
			}
			if _, err := hub.Do(ctx, Command{Command: "collect"}); err != nil {
				return err
			}
			if step.rss[1], err = rss(hub); err != nil {
				return err
			}
		}
		asIs.add(k, float64(after[0]-before[1])/idlePeers)
		collected.add(k, float64(after[1]-before[1])/idlePeers)
		return nil
	})
	asIs.report(b)
	collected.report(b)
}

// rss returns how much of a process is in memory, in KiB.
func rss(p *Process) (kib int, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, line, _ := bytes.Cut(status, []byte("VmRSS:"))
	_, err = fmt.Sscanf(string(line), "%d kB", &kib)
	return kib, err
}
