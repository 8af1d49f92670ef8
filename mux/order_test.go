package mux_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// While bulk data waits for a slow carrier: a small write on another stream goes ahead of all that the carrier is not yet
// taking; one on the same stream does not, nor does its FIN; and bulk streams take turns.
func TestOrder(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.PipeConfig{Buffer: 1000}.Pipe()
		s, err := mux.Client(a, nil)
		if err != nil {
			t.Fatal(err)
		}
		peer := &rawPeer{t, b}
		var streams [4]mux.Stream
		for i := range streams {
			if streams[i], err = s.Open(t.Context(), "s"); err != nil {
				t.Fatal(err)
			}
		}
		const size = 200 << 10
		for _, st := range streams[:2] { // ids 1 and 3
			go func() {
				st.Write(make([]byte, size))
				st.Write([]byte("tail"))
				st.CloseWrite()
			}()
			synctest.Wait()
		}
		go streams[2].Write(make([]byte, 2<<10)) // id 5: not small, waits in line
		synctest.Wait()
		if n, err := streams[3].Write([]byte("small")); n != 5 || err != nil { // id 7: at once
			t.Fatal(n, err)
		}

		position := 0 // bytes of bulk before
		var smallAt, mediumAt int
		written := map[uint32]int{}
		var turns []uint32
		for range 7 * 4 {
			g, err := peer.next()
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case g.kind == data && g.id == 7 && string(g.body) == "small":
				smallAt = position
			case g.kind == data && g.id == 5 && g.length == 2<<10:
				mediumAt = position
			case g.kind == data && g.id <= 3 && g.length > 10:
				written[g.id] += int(g.length)
				turns = append(turns, g.id)
			case g.kind == data && g.id <= 3 && string(g.body) == "tail":
				if written[g.id] != size {
					t.Errorf("tail of %d after %d bytes", g.id, written[g.id])
				}
				written[g.id]++
			case g.kind == window && g.flags == fin:
				if written[g.id] != size+1 {
					t.Errorf("FIN of %d after %d bytes", g.id, written[g.id])
				}
				written[g.id]++
			}
			if g.kind == data {
				position += int(g.length)
			}
			if written[1]+written[3] == 2*(size+2) {
				break
			}
		}
		if written[1] != size+2 || written[3] != size+2 {
			t.Errorf("wrote %v", written)
		}
		// Two frames of 32 KiB may be on their way to the carrier, and two more be queued when the small one comes.
		if smallAt == 0 || smallAt > 65<<10 {
			t.Errorf("small write after %d bytes of bulk", smallAt)
		}
		// Before it in line were the other two, each for one frame.
		if mediumAt == 0 || mediumAt > 6*32<<10+1000 {
			t.Errorf("2 KiB after %d bytes of bulk", mediumAt)
		}
		first3, last1 := slices.Index(turns, 3), 0
		for i, id := range turns {
			if id == 1 {
				last1 = i
			}
		}
		for i := first3; i < last1; i++ {
			if turns[i] == turns[i+1] {
				t.Errorf("stream %d twice in a row: %v", turns[i], turns)
				break
			}
		}
		b.Close()
		s.Close()
	})
}
