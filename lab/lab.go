//go:build lab

package lab

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

// Lab is a network that stands until its test ends. Its methods may be called from any goroutine.
type Lab struct {
	t        testing.TB
	id       string // prefix of its namespaces
	segments map[string]*segment
	nodes    map[string]*node
}

// segment is a network: the internet, or what is behind a NAT. It is a bridge in a namespace.
type segment struct {
	space  string
	bridge string
	prefix string // the first three numbers of its addresses
	last   int    // the last number given
	router bool   // prefix.1 leads out of it
}

// node is a host or a NAT.
type node struct {
	space string // its namespace
	addr  netip.Addr
	lan   *segment // of a NAT
}

var labs atomic.Int64

// internet is the name of the segment with public addresses.
const internet = ""

// outer is the interface of each node to the segment that it is in.
const outer = "eth0"

// New builds a lab. It is taken down, and the processes in it are killed, when the test ends.
func New(t testing.TB, top Topology) *Lab {
	t.Helper()
	l := &Lab{
		t:        t,
		id:       fmt.Sprintf("l%d", labs.Add(1)),
		segments: make(map[string]*segment),
		nodes:    make(map[string]*node),
	}
	t.Cleanup(func() {
		for _, n := range l.nodes {
			l.run("", "ip", "netns", "del", n.space)
		}
		if s := l.segments[internet]; s != nil {
			l.run("", "ip", "netns", "del", s.space)
		}
	})
	space := l.space("internet")
	l.segments[internet] = &segment{space: space, bridge: "br0", prefix: "203.0.113"}
	l.bridge(l.segments[internet])
	for _, n := range top.NATs {
		l.addNAT(n)
	}
	for _, h := range top.Hosts {
		l.addHost(h)
	}
	return l
}

// Addr returns the address of a host, or the outer one of a NAT.
func (l *Lab) Addr(name string) netip.Addr { return l.node(name).addr }

func (l *Lab) node(name string) *node {
	l.t.Helper()
	n := l.nodes[name]
	if n == nil {
		l.t.Fatalf("lab: no node %q", name)
	}
	return n
}

// space makes a namespace.
func (l *Lab) space(name string) string {
	l.t.Helper()
	space := l.id + "-" + name
	l.run("", "ip", "netns", "add", space)
	l.run("link set lo up\n", "ip", "-n", space, "-batch", "-")
	for _, set := range []string{"ipv6/conf/default/disable_ipv6=1", "ipv6/conf/all/disable_ipv6=1"} {
		l.sysctl(space, set)
	}
	return space
}

// sysctl sets a value below /proc/sys/net in a namespace.
func (l *Lab) sysctl(space, set string) {
	l.t.Helper()
	file, value, _ := strings.Cut(set, "=")
	l.run(value, "ip", "netns", "exec", space, "tee", "/proc/sys/net/"+file)
}

func (l *Lab) bridge(s *segment) {
	l.t.Helper()
	l.run(fmt.Sprintf("link add %s type bridge\nlink set %s up\n", s.bridge, s.bridge), "ip", "-n", s.space, "-batch", "-")
}

// add puts a node into the segment that it is behind.
func (l *Lab) add(name, behind string, link Link) *node {
	l.t.Helper()
	s := l.segments[behind]
	if s == nil || l.nodes[name] != nil {
		l.t.Fatalf("lab: node %q: its name is not new, or there is no NAT %q before it", name, behind)
	}
	n := &node{space: l.space(name)}
	l.nodes[name] = n
	s.last++
	n.addr = netip.MustParseAddr(fmt.Sprintf("%s.%d", s.prefix, s.last))
	l.connect(n.space, s, "p-"+name, link)
	script := fmt.Sprintf("addr add %v/24 dev %s\nlink set %s up\n", n.addr, outer, outer)
	if s.router {
		script += fmt.Sprintf("route add default via %s.1\n", s.prefix)
	}
	l.run(script, "ip", "-n", n.space, "-batch", "-")
	return n
}

func (l *Lab) addHost(h Host) {
	l.t.Helper()
	n := l.add(h.Name, h.Behind, h.Link)
	if h.Firewall {
		l.rules(n.space, firewallRules)
	}
}

func (l *Lab) addNAT(n NAT) {
	l.t.Helper()
	added := l.add(n.Name, n.Behind, n.Link)
	lan := &segment{space: added.space, bridge: "lan0", prefix: n.LAN, last: 1, router: true}
	if lan.prefix == "" {
		lan.prefix = "192.168.1"
	}
	added.lan = lan
	l.segments[n.Name] = lan
	l.bridge(lan)
	l.run(fmt.Sprintf("addr add %s.1/24 dev %s\n", lan.prefix, lan.bridge), "ip", "-n", added.space, "-batch", "-")
	l.sysctl(added.space, "ipv4/ip_forward=1")
	l.rules(added.space, natRules(n.Kind, lan.prefix+".2"))
}

// rules gives a namespace nftables rules.
func (l *Lab) rules(space, rules string) {
	l.t.Helper()
	l.run(rules, "ip", "netns", "exec", space, "nft", "-f", "-")
}

// run runs a command that must succeed.
func (l *Lab) run(stdin string, name string, args ...string) {
	l.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil {
		l.t.Fatalf("lab: %s: %v\n%s%s", cmd, err, stdin, out.String())
	}
}
