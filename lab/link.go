//go:build lab

package lab

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// connect joins a namespace, by its interface outer, to a segment, where the other end has the name port.
func (l *Lab) connect(space string, s *segment, port string, link Link) {
	l.t.Helper()
	switch {
	case link == Link{}:
		l.veth(space, s, port)
	case hasNetem():
		l.veth(space, s, port)
		for dev, in := range map[string]string{outer: space, port: s.space} {
			l.run("", "tc", append([]string{"-n", in, "qdisc", "add", "dev", dev, "root", "netem"}, link.netem()...)...)
		}
	default:
		l.wire(space, s, port, link)
	}
	l.run(fmt.Sprintf("link set %s master %s up\n", port, s.bridge), "ip", "-n", s.space, "-batch", "-")
}

func (l *Lab) veth(space string, s *segment, port string) {
	l.t.Helper()
	l.run("", "ip", "link", "add", outer, "netns", space, "type", "veth", "peer", "name", port, "netns", s.space)
}

// hasNetem says whether the kernel has netem.
var hasNetem = sync.OnceValue(func() bool {
	const add, del = "qdisc add dev lo root netem", "qdisc del dev lo root"
	if exec.Command("tc", strings.Fields(add)...).Run() != nil {
		return false
	}
	return exec.Command("tc", strings.Fields(del)...).Run() == nil
})

// netem is the link in the words of tc.
func (k Link) netem() []string {
	var args []string
	add := func(format string, values ...any) {
		args = append(args, strings.Fields(fmt.Sprintf(format, values...))...)
	}
	if k.Delay > 0 || k.Jitter > 0 {
		// netem's jitter goes to both sides of the delay.
		add("delay %dus %dus", (k.Delay + k.Jitter/2).Microseconds(), (k.Jitter / 2).Microseconds())
	}
	if k.Loss > 0 {
		add("loss %g%%", 100*k.Loss)
	}
	if k.Rate > 0 {
		add("rate %dbit", k.Rate)
	}
	add("limit %d", wirePackets)
	return args
}

// wirePackets is how many packets a link holds in each direction; those beyond are lost.
const wirePackets = 1000

// frame is on its way until due.
type frame struct {
	due  time.Time
	data []byte
}
