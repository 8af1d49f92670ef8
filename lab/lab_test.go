//go:build lab

package lab

import (
	"testing"
	"time"
)

// patience is for what a busy machine does sooner or later.
const patience = 90 * time.Second

// Two nodes, one of them behind a NAT, and the other not, meet by way of a third.
func TestOneNAT(t *testing.T) {
	t.Parallel()
	l := New(t, Topology{
		NATs:  []NAT{{Name: "nat", Kind: PortRestricted}},
		Hosts: []Host{{Name: "boot"}, {Name: "home", Behind: "nat"}, {Name: "open"}},
	})
	boot := "tcp://" + l.Addr("boot").String() + ":8000"
	l.Node("boot", "--listen", boot).ID()
	open := l.Node("open", "--bootstrap", boot)
	open.Wait("its bootstrap node", patience, func(e Event) bool { return e.Event == "peer" })
	home := l.Node("home", "--bootstrap", boot, "--target", "2")
	met := home.Wait("the other peer", patience, func(e Event) bool { return e.Event == "peer" && e.Peer == open.ID() })
	if met.Path != "webrtc" {
		t.Errorf("met by %q", met.Path)
	}
}
