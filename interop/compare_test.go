package interop

import (
	"context"
	"testing"
	"time"
)

// TestNetworksCompared is for comparison and says in its log what became of them: eight originals, and four of them with four
// Go nodes, that seek in the same ways. It fails for nothing that they do.
func TestNetworksCompared(t *testing.T) {
	for name, kinds := range map[string][]language{"8 originals": eightOriginals, "4 Go nodes and 4 originals": fourAndFour} {
		for _, how := range []string{"once", "again"} {
			t.Run(name+" seek "+how, func(t *testing.T) {
				t.Parallel()
				needOriginal(t)
				ctx := limited(t)
				n := newNetwork(ctx, t, how, kinds...)
				for _, m := range n.members {
					if err := n.join(ctx, m); err != nil {
						t.Logf("%s: %v", m.name, err)
					}
					if how == "once" && m.language.name == js.name && m != n.members[0] {
						n.rest(ctx, m)
					}
				}
				if how == "again" {
					<-time.After(compareTime)
				} else {
					<-time.After(restTime)
				}
				t.Log(n)
			})
		}
	}
}

// compareTime is how long networks are left alone that seek again and again; restTime what sessions that a meeting ends
// may need to end.
const (
	compareTime = 20 * time.Second
	restTime    = time.Second
)

// rest waits until one has been answered, if ever, and what comes of that has come.
func (n *network) rest(ctx context.Context, m *member) {
	answered, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, _ = m.Await(answered, "answer", Named("sought")) // an original may never get one
	<-time.After(restTime)
}
