package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/bootstrap"
	"github.com/peer-exchange/exchange/wrtc"
)

// goNodeArgument makes the test program a node of this module that talks as peer.js does.
const goNodeArgument = "go-node"

// goNode is such a node. It ends with its process: its goroutines have no other end.
type goNode struct {
	ex   *exchange.Exchange
	says string
	tap  bool
	trap *trap

	asking context.Context // of getNewPeer
	giveUp context.CancelFunc

	mu      sync.Mutex
	echo    bool
	peers   []*exchange.Peer // by number, all that ever were
	named   map[string]*exchange.Peer
	streams []*goStream // likewise
}

// runGoNode runs a node until stdin ends.
func runGoNode(options string) error {
	var o struct {
		Network        string
		Echo           bool
		AllowIncoming  bool
		V1             exchange.V1Policy
		Limits         exchange.Limits
		Then           string // giveUp or close, there
		Trap           string // see trap
		RefuseRelaying bool
		Says           string // see peer.js
		Tap            bool   // see tap
	}
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return err
	}
	transport, err := wrtc.New(&wrtc.Config{Loopback: true, Interface: func(name string) bool { return name == "lo" }})
	if err != nil {
		return err
	}
	n := &goNode{says: o.Says, named: make(map[string]*exchange.Peer), tap: o.Tap, echo: o.Echo, trap: newTrap(o.Trap)}
	n.asking, n.giveUp = context.WithCancel(context.Background())
	n.ex, err = exchange.New(o.Network, &exchange.Config{
		Transport: trapped{transport, n.trap, n.tap, false}, RefuseIncoming: !o.AllowIncoming, V1: o.V1, Limits: o.Limits, OnEvent: n.happened,
		RefuseRelaying: o.RefuseRelaying,
	})
	if err != nil {
		return err
	}
	switch o.Then {
	case "giveUp":
		n.trap.then = n.giveUp
	case "close":
		n.trap.then = func() { go n.ex.Close() } // ends with the process
	}
	tell("ready", nil)
	go n.accept()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c goCommand
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		go n.obey(c)
	}
	return n.ex.Close()
}

// goCommand is a Command as it is read.
type goCommand struct {
	Command
	Stream *int `json:"stream"`
}

type fields map[string]any

var telling sync.Mutex

func tell(event string, f fields) {
	if f == nil {
		f = fields{}
	}
	f["event"] = event
	line, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	telling.Lock()
	defer telling.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

func (n *goNode) obey(c goCommand) {
	answer, err := n.do(c)
	if err != nil {
		tell("failed", fields{"id": c.ID, "error": err.Error(), "is": namesOf(err)})
		return
	}
	if answer == nil {
		answer = fields{}
	}
	answer["id"] = c.ID
	tell("done", answer)
}

func (n *goNode) do(c goCommand) (fields, error) {
	ctx := context.Background()
	switch c.Command.Command {
	case "listen":
		l, err := bootstrap.Listen(n.ex, c.Transport+"://127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		url := l.URL()
		if n.tap {
			if url, err = tapListener(url); err != nil {
				return nil, err
			}
		}
		tell("listening", fields{"url": url})
		return fields{"url": url}, nil
	case "connect":
		url := c.URL
		if n.tap {
			var err error
			if url, err = tapDialer(url); err != nil {
				return nil, err
			}
		}
		return n.connected(bootstrap.Dial(ctx, n.ex, url))
	case "open":
		return n.connected(n.peer(c.Peer).Reopen(ctx))
	case "getNewPeer":
		return n.connected(n.ex.GetNewPeer(n.asking))
	case "giveUp":
		n.giveUp()
		return nil, nil
	case "release":
		n.trap.release()
		return nil, nil
	case "seek":
		n.ex.Maintain(c.Count)
		return nil, nil
	case "steady":
		return n.steady(), nil
	case "settle":
		return n.settle(c.Count), nil
	case "shutdown":
		ctx, cancel := context.WithTimeout(ctx, shutdownTime)
		defer cancel()
		_ = n.ex.Shutdown(ctx) // says that data streams are open still
		return nil, nil
	case "peers":
		numbers := []int{}
		for p := range n.ex.Peers() {
			numbers = append(numbers, n.number(p))
		}
		return fields{"peers": numbers}, nil
	case "disconnect":
		return nil, n.peer(c.Peer).Close()
	case "close":
		return nil, n.ex.Close()
	case "echo":
		if c.Stream == nil {
			n.mu.Lock()
			n.echo = c.On
			n.mu.Unlock()
			return nil, nil
		}
	}
	if c.Stream == nil {
		return nil, fmt.Errorf("no command %s", c.Command.Command)
	}
	n.mu.Lock()
	s := n.streams[*c.Stream]
	n.mu.Unlock()
	return s.do(c)
}

// number returns the number of a peer. The first time it is asked for the peer's it tells of it.
func (n *goNode) number(p *exchange.Peer) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, known := range n.peers {
		if known == p {
			return i
		}
	}
	n.peers = append(n.peers, p)
	tell("peer", describe(p, len(n.peers)-1))
	return len(n.peers) - 1
}

func (n *goNode) peer(number int) *exchange.Peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.peers[number]
}

func describe(p *exchange.Peer, number int) fields {
	carrier := p.Path().Carrier
	return fields{
		"peer": number, "carrier": carrier, "incoming": p.Incoming(), "relayed": carrier == exchange.CarrierRelay,
		"protocol": p.Protocol(),
	}
}

func (n *goNode) happened(event exchange.Event) {
	switch e := event.(type) {
	case exchange.PeerJoined:
		n.number(e.Peer)
	case exchange.StepDone:
		if e.Err != nil {
			tell("step", fields{"phase": string(e.Step), "error": e.Err.Error(), "is": namesOf(e.Err)})
		}
	case exchange.PeerLeft:
		tell("disconnect", fields{"peer": n.number(e.Peer), "error": e.Err.Error(), "is": namesOf(e.Err)})
	}
}

func (n *goNode) accept() {
	l := n.ex.Listener()
	for {
		c, err := l.Accept()
		if errors.Is(err, exchange.ErrClosed) {
			return
		}
		if err != nil {
			panic(err)
		}
		n.add(c.(*exchange.Conn))
	}
}

func (n *goNode) connected(c *exchange.Conn, err error) (fields, error) {
	if err != nil {
		return nil, err
	}
	s := n.add(c)
	about := describe(c.Peer(), s.peer)
	about["stream"] = s.number
	return about, nil
}

func (n *goNode) add(c *exchange.Conn) *goStream {
	peer := n.number(c.Peer())
	n.mu.Lock()
	defer n.mu.Unlock()
	s := newGoStream(c, len(n.streams), peer, n.echo)
	n.streams = append(n.streams, s)
	tell("stream", fields{"stream": s.number, "peer": peer})
	go s.read(n.says, func(theirs string) { n.once(c.Peer(), theirs) })
	return s
}

// once ends the session with a peer that there is one with already. A peer of version 1 has no identity by which the
// exchange could tell: an application that knows its peers by another name has to.
func (n *goNode) once(p *exchange.Peer, name string) {
	n.mu.Lock()
	was := n.named[name]
	if was == nil || !slices.Contains(slices.Collect(n.ex.Peers()), was) {
		n.named[name], was = p, nil
	}
	n.mu.Unlock()
	if was != nil && was != p {
		_ = p.Close() // it may be gone already
	}
}
