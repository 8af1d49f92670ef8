package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/bootstrap"
	"github.com/peer-exchange/exchange/wrtc"
)

// benchNodeArgument and the version make the test program a node of this module that talks as bench.js does.
const benchNodeArgument = "bench-node-v"

// init is where that happens, since TestMain knows the tests' node only.
func init() {
	if len(os.Args) != 3 || !strings.HasPrefix(os.Args[1], benchNodeArgument) {
		return
	}
	err := runBenchNode(os.Args[1] == benchNodeArgument+"1", os.Args[2])
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// benchConfig has limits that a benchmark does not reach, and WebRTC on loopback alone.
func benchConfig(v1 bool) (*exchange.Config, error) {
	transport, err := wrtc.New(&wrtc.Config{Loopback: true, Interface: func(name string) bool { return name == "lo" }})
	config := &exchange.Config{
		Transport: transport,
		V1:        exchange.V1Refuse,
		Limits:    exchange.Limits{Peers: 1000, UnauthenticatedPerAddress: 128, HandshakesPerSecond: 1e6, HandshakeBurst: 1e6, QueryEvery: time.Millisecond},
	}
	if v1 {
		config.V1 = exchange.V1Only
	}
	return config, err
}

// benchNode is a node for the benchmarks. It ends with its process: its goroutines have no other end.
type benchNode struct {
	ex *exchange.Exchange

	mu      sync.Mutex
	streams []*exchange.Conn // by number, all that ever were
}

func runBenchNode(v1 bool, options string) error {
	var o struct{ Network string }
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return err
	}
	config, err := benchConfig(v1)
	if err != nil {
		return err
	}
	n := &benchNode{}
	if n.ex, err = exchange.New(o.Network, config); err != nil {
		return err
	}
	go func() {
		for l := n.ex.Listener(); ; {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.number(c.(*exchange.Conn))
		}
	}()
	tell("ready", nil)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c goCommand
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		go func() {
			answer, err := n.do(context.Background(), c)
			if err != nil {
				tell("failed", fields{"id": c.ID, "error": err.Error()})
				return
			}
			answer["id"] = c.ID
			tell("done", answer)
		}()
	}
	return errors.New("stdin has ended")
}

func (n *benchNode) number(c *exchange.Conn) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.streams = append(n.streams, c)
	tell("stream", fields{"stream": len(n.streams) - 1})
	return len(n.streams) - 1
}

func (n *benchNode) do(ctx context.Context, c goCommand) (fields, error) {
	done := fields{}
	connected := func(c *exchange.Conn, err error) (fields, error) {
		if err == nil {
			done["stream"] = n.number(c)
		}
		return done, err
	}
	stream := func() *exchange.Conn {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.streams[*c.Stream]
	}
	switch c.Command.Command {
	case "listen":
		l, err := bootstrap.Listen(n.ex, "tcp://127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		done["url"] = l.URL()
		return done, nil
	case "connect":
		return connected(bootstrap.Dial(ctx, n.ex, c.URL))
	case "getNewPeer":
		return connected(n.ex.GetNewPeer(ctx))
	case "disconnect":
		var wg sync.WaitGroup
		for p := range n.ex.Peers() {
			wg.Go(func() { p.Close() })
		}
		wg.Wait()
		return done, nil
	case "flood":
		data, s := make([]byte, c.Chunk), stream()
		for sent := 0; sent < c.Bytes; sent += c.Chunk {
			if _, err := s.Write(data); err != nil {
				return nil, err
			}
		}
		return done, nil
	case "drain":
		got, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(stream(), int64(c.Bytes)), make([]byte, 256<<10))
		if err == nil && got < int64(c.Bytes) {
			err = io.ErrUnexpectedEOF
		}
		return done, err
	case "settled":
		for {
			changed := n.ex.PeersChanged()
			if n.ex.NumPeers() == c.Bytes {
				return done, nil
			}
			<-changed
		}
	case "collect":
		debug.FreeOSMemory()
		return done, nil
	}
	return nil, fmt.Errorf("no command %s", c.Command.Command)
}
