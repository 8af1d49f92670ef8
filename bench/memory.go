package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/bootstrap"
	"github.com/peer-exchange/exchange/wrtc"
)

// memory is question 7: what does a peer that does nothing cost?
type memory struct{}

func (memory) about() result {
	return result{
		Name: "memory",
		Asks: "What does one of many peers that do nothing cost who accepts them?",
		Notes: []string{
			"Who accepts is a process of its own, those who dial another. Differences before and after, after a garbage collection, by runtime.MemStats; not what the kernel holds.",
			"exchange: the data stream of each peer is open.",
		},
		Columns: []column{
			{Name: "heap and stack", Unit: "KiB"}, {Name: "heap", Unit: "KiB"}, {Name: "stack", Unit: "KiB"},
			{Name: "goroutines", Unit: "count"}, {Name: "peers", Unit: "count", Plain: true},
		},
		Base: memoryKinds[0].name,
	}
}

// memoryKind is one way of having peers.
type memoryKind struct {
	name   string
	many   int
	accept func(many int) (address string, have func() int, err error)
	dial   func(address string, many int) error
}

var memoryKinds = []memoryKind{
	{"exchange", 1000, ourAccept("tcp://127.0.0.1:0"), ourDial},
	{"exchange WebSocket", 1000, ourAccept("ws://127.0.0.1:0/"), ourDial},
	{"exchange WebRTC", 100, ourAccept("tcp://127.0.0.1:0"), ourMeet},
	{libp2pNoise.label, 1000, libp2pNoise.accept, libp2pNoise.dial},
	{libp2pTLS.label, 1000, libp2pTLS.accept, libp2pTLS.dial},
	{libp2pQUIC.label, 1000, libp2pQUIC.accept, libp2pQUIC.dial},
}

func (memory) rows(e effort) []row {
	var rows []row
	for i, k := range memoryKinds {
		many := k.many
		if e.quick {
			many = 4
		}
		rows = append(rows, row{name: k.name, rival: strings.HasPrefix(k.name, "libp2p"), once: func() ([]float64, error) { return memoryOf(i, many) }})
	}
	return rows
}

// Commands of this program, to itself.
const (
	memoryAccept = "memory-accept" // KIND MANY
	memoryDial   = "memory-dial"   // KIND MANY ADDRESS
)

// memoryOf has a process of its own measure.
func memoryOf(kind, many int) ([]float64, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.Command(self, memoryAccept, strconv.Itoa(kind), strconv.Itoa(many))
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, err
	}
	var sample []float64
	return sample, json.Unmarshal(out, &sample)
}

// memoryCommand is what those processes do.
func memoryCommand(args []string, out io.Writer) error {
	if len(args) < 3 {
		return errors.New("which kind, how many?")
	}
	index, err := strconv.Atoi(args[1])
	if err != nil || index < 0 || index >= len(memoryKinds) {
		return fmt.Errorf("no kind %q", args[1])
	}
	many, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	kind := memoryKinds[index]
	if args[0] == memoryAccept {
		return kind.measure(args[1:], many, out)
	}
	if len(args) != 4 {
		return errors.New("where to?")
	}
	if err := kind.dial(args[3], many); err != nil {
		return err
	}
	fmt.Fprintln(out, "connected")
	_, err = io.Copy(io.Discard, os.Stdin) // until who accepts is done, or gone
	return err
}

func (k memoryKind) measure(args []string, many int, out io.Writer) error {
	address, have, err := k.accept(many)
	if err != nil {
		return err
	}
	before := inUse()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dialer := exec.Command(self, append(append([]string{memoryDial}, args...), address)...)
	dialer.Stderr = os.Stderr
	done, err := dialer.StdinPipe()
	if err != nil {
		return err
	}
	said, err := dialer.StdoutPipe()
	if err != nil {
		return err
	}
	if err := dialer.Start(); err != nil {
		return err
	}
	_, err = bufio.NewReader(said).ReadString('\n')
	if err == nil && !waitFor(10*time.Second, func() bool { return have() >= many }) {
		err = fmt.Errorf("only %d of %d are there", have(), many)
	}
	if err == nil {
		time.Sleep(time.Duration(min(20*many, 2000)) * time.Millisecond) // what is done once a peer is there is done
		after := inUse()
		n := float64(many)
		heap, stack := (after.heap-before.heap)/1024/n, (after.stack-before.stack)/1024/n
		err = json.NewEncoder(out).Encode([]float64{heap + stack, heap, stack, (after.goroutines - before.goroutines) / n, float64(have())})
	}
	return errors.Join(err, done.Close(), dialer.Wait())
}

type use struct{ heap, stack, goroutines float64 }

func inUse() use {
	runtime.GC()
	runtime.GC() // what finalizers and pools let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return use{float64(m.HeapAlloc), float64(m.StackInuse), float64(runtime.NumGoroutine())}
}

// ourAccept makes an exchange that listens on url. It lives as long as the
// process.
func ourAccept(url string) func(many int) (string, func() int, error) {
	return func(many int) (string, func() int, error) {
		ex, err := loopbackExchange(exchange.Config{Limits: manyPeers(many)})
		if err != nil {
			return "", nil, err
		}
		l, err := bootstrap.Listen(ex, url)
		if err != nil {
			return "", nil, err
		}
		return l.URL(), ex.NumPeers, nil
	}
}

// manyPeers makes room for twice as many, as fast as they come, and for the windows of their streams.
func manyPeers(many int) exchange.Limits {
	return exchange.Limits{Peers: 2*many + 8, ExchangeBytes: 4 << 30, HandshakesPerSecond: plenty, HandshakeBurst: plenty}
}

func loopbackExchange(cfg exchange.Config) (*exchange.Exchange, error) {
	transport, err := wrtc.New(&wrtc.Config{Loopback: true, Interface: isLoopback})
	if err != nil {
		return nil, err
	}
	cfg.Transport = transport
	return exchange.New(network, &cfg)
}

func ourDial(address string, many int) error {
	for range many {
		ex, err := loopbackExchange(exchange.Config{})
		if err != nil {
			return err
		}
		if _, err := bootstrap.Dial(context.Background(), ex, address); err != nil {
			return err
		}
	}
	return nil
}

// ourMeet has a node in the middle introduce nobody but the one at address to
// many others.
func ourMeet(address string, many int) error {
	middle, err := loopbackExchange(exchange.Config{Limits: manyPeers(many)})
	if err != nil {
		return err
	}
	if _, err := bootstrap.Dial(context.Background(), middle, address); err != nil {
		return err
	}
	l, err := bootstrap.Listen(middle, "tcp://127.0.0.1:0")
	if err != nil {
		return err
	}
	for range many {
		ex, err := loopbackExchange(exchange.Config{RefuseIncoming: true})
		if err != nil {
			return err
		}
		if _, err := bootstrap.Dial(context.Background(), ex, l.URL()); err != nil {
			return err
		}
		if _, err := ex.GetNewPeer(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

func (c libp2pHost) accept(int) (string, func() int, error) {
	h, err := c.host(c.address)
	if err != nil {
		return "", nil, err
	}
	return h.Addrs()[0].String() + "/p2p/" + h.ID().String(), func() int { return len(h.Network().Peers()) }, nil
}

func (c libp2pHost) dial(address string, many int) error {
	at, err := multiaddr.NewMultiaddr(address)
	if err != nil {
		return err
	}
	to, err := peer.AddrInfoFromP2pAddr(at)
	if err != nil {
		return err
	}
	for range many {
		var h host.Host
		if h, err = c.host(""); err != nil {
			return err
		}
		if err := h.Connect(context.Background(), *to); err != nil {
			return err
		}
	}
	return nil
}
