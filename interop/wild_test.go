package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestWildPeers: peers that say anything, in any order, what original or hostile peers might say and what they cannot, do
// not lead a Go node to send what ends an original (its tap would tell), whether they ask it, are asked by it, are
// introduced by it or meet it through each other. An original beside them keeps its session.
func TestWildPeers(t *testing.T) {
	heard := &heardOf{commands: make(map[string]int)}
	t.Run("seeds", func(t *testing.T) {
		for seed := range uint64(4) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				needOriginal(t)
				runWild(limited(t), t, seed, heard)
			})
		}
	})
	t.Log(heard.commands)
	for _, reached := range []string{
		"res list", "res refused", "res null", "getpeers", "relay", "incoming", "within: hello", "within: upgrade offer",
		"within: upgrade answer",
	} {
		if heard.commands[reached] == 0 && !t.Failed() && Missing(".") == nil {
			t.Errorf("nobody ever heard %q from a Go node: the test does not test what it should", reached)
		}
	}
}

const wildSessions, wildSteps = 25, 25

func runWild(ctx context.Context, t *testing.T, seed uint64, heard *heardOf) {
	ours := golang.start(ctx, t, Options{Name: "ours", Network: "n", Echo: true, More: map[string]any{"limits": map[string]any{
		"QueryEvery": time.Nanosecond, "RequestsPerSecond": 1 << 20, "RequestBurst": 1 << 20, "UnauthenticatedPerAddress": 128,
		"RequestTime": time.Second, "UpgradeTime": time.Second, "CircuitTime": 5 * time.Second,
	}}})
	at := do(ctx, t, ours, Command{Command: "listen", Transport: "tcp"}).URL
	witness := js.start(ctx, t, Options{Name: "witness", Network: "n", RefuseIncoming: true})
	link, err := join(ctx, witness, at)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}

	asking, done := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { // ends with asking
		for asking.Err() == nil {
			_, _ = ours.Begin(Command{Command: "getNewPeer"}).Wait(asking)
		}
	})
	var peers sync.WaitGroup
	for i := range uint64(3) {
		peers.Go(func() { // after its sessions; the test waits
			r := rand.New(rand.NewPCG(seed, i))
			for range wildSessions {
				if err := wildSession(ctx, u.Host, r, heard); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	peers.Wait()
	done()
	wg.Wait()
	unharmed(ctx, t, []relayed{link})
	allAlive(t, ours)
}

// heardOf is what all wild peers have heard, and what they may use of that.
type heardOf struct {
	mu       sync.Mutex
	commands map[string]int
	upgrades []string // args
}

func (h *heardOf) count(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commands[what]++
}

// wild is a session of a peer that says anything.
type wild struct {
	c     net.Conn
	r     *rand.Rand
	heard *heardOf

	sent  int // nonces
	opens uint64

	mu      sync.Mutex
	pending []wildRequest // of the node
	ids     []string      // of candidates and circuits
	answers map[string]chan struct{}
}

type wildRequest struct{ nonce, command string }

func wildSession(ctx context.Context, addr string, r *rand.Rand, heard *heardOf) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	w := &wild{c: c, r: r, heard: heard, opens: 1, sent: 1, answers: make(map[string]chan struct{})}
	ended := make(chan struct{})
	go func() { // ends with c, wildSession waits
		defer close(ended)
		w.listen()
	}()
	defer func() { <-ended }()
	defer c.Close()

	w.write(begun1 + line1(wildHello(r)))
	if r.IntN(4) > 0 {
		w.line("connect", `"n"`)
	}
	for range wildSteps {
		w.step()
		if r.IntN(5) > 0 {
			continue
		}
		// Wait for what has come of all that.
		select {
		case <-w.line("getpeers", `"n"`):
		case <-ended:
			return nil
		case <-time.After(time.Second): // it may have gone deaf to us
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func wildHello(r *rand.Rand) string {
	if r.IntN(8) > 0 {
		return hello1
	}
	return fmt.Sprintf(`["hello",%s,%s]`, pick(r, `"0"`, `0`, `null`), pick(r,
		`[1,null,["n"]]`, `[1,{"webrtc":false},["n"]]`, `[1,{},["n","constructor"]]`, `[1,{"pxp":true},["m"]]`, `[2,null,["n"]]`,
		`null`, `[]`, `[1,null,"n"]`, `[1,{"pxp":true,"relay":true,"webrtc":true,"v2":true},["n"]]`))
}

// write says bytes. That it fails shows where the reading ends.
func (w *wild) write(s string) { _, _ = w.c.Write([]byte(s)) }

// line sends a request with a good nonce. The channel is closed when it is answered.
func (w *wild) line(command, args string) <-chan struct{} {
	nonce := fmt.Sprintf(`"w%d"`, w.sent)
	w.sent++
	answered := make(chan struct{})
	w.mu.Lock()
	w.answers[nonce] = answered
	w.mu.Unlock()
	w.write(line1(fmt.Sprintf(`[%q,%s,%s]`, command, nonce, args)))
	return answered
}

// oddNonces are those that end an original which gets an answer to them, and others.
var oddNonces = []string{
	`"error"`, `"connect"`, `"relay"`, `"incoming"`, `"hello"`, `"getpeers"`, `"upgrade"`, `"res"`, `7`, `-0`, `1e3`, `7.5`, `null`,
	`true`, `""`, `"\ud800"`, `["error"]`, `{"toString":1}`, `"constructor"`, `[[["7"]]]`, `{}`,
}

var oddArgs = []string{`null`, `[]`, `"x"`, `""`, `{}`, `7`, `[null]`, `[{"toString":1}]`, `{"toString":1}`, `["n"]`, `[["n"]]`, `"m"`, `true`}

func (w *wild) id() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.ids) == 0 || w.r.IntN(6) == 0 {
		id := fmt.Sprintf("%08x", w.r.Uint32())
		w.ids = append(w.ids, id)
		return id
	}
	return pick(w.r, w.ids...)
}

// step says one thing. What ends the session is rarer.
func (w *wild) step() {
	r := w.r
	switch n := r.IntN(100); {
	case n < 40:
		w.answer()
	case n < 55:
		w.line("relay", fmt.Sprintf(`[%q]`, w.id()))
	case n < 67:
		id := w.id()
		w.line("incoming", fmt.Sprintf(`[%q]`, id))
		w.circuit(id)
	case n < 75:
		w.circuit(w.id())
	case n < 80:
		w.line("connect", `"n"`)
	case n < 84: // a data stream, or another channel
		name := pick(r, "data:n", "data:m", "", "pxp", "relay:"+w.id())
		w.write(frame1(0, w.opens, name) + frame1(2, w.opens, "data"))
		w.opens++
	case n < 90: // ends, destroys and answers of anything but the control stream, and what means nothing
		w.write(frame1(pick[byte](r, 1, 2, 3, 4, 4, 4, 5, 6, 7), 1+r.Uint64N(w.opens+3), pick(r, "", "", "why")))
	case n < 95:
		command := pick(r, "getpeers", "relay", "incoming", "upgrade", "connect", "hello", "res")
		w.write(line1(fmt.Sprintf(`[%q,%s,%s]`, command, pick(r, oddNonces...), pick(r, oddArgs...))))
	case n < 98:
		w.write(line1(fmt.Sprintf(`[%q,%s,%s]`, pick(r, "getpeers", "connect"), pick(r, oddNonces...), `"n"`)))
	default:
		w.write(pick(r, frame1(6, 0, ""), frame1(5, 0, ""), frame1(4, 0, ""), frame1(0, 0, "pxp"), frameHead(2, 1, 1<<40), frameHead(2, 0, 1<<31),
			strings.Repeat("\x80", 101), line1("hello"), line1("null")+line1("null"), line1(`["ping","1",null]`), line1(`["error","1",null]`), line1(`[]`)))
	}
}

// answer answers a request of the node, if there is one, in one way or another.
func (w *wild) answer() {
	w.mu.Lock()
	if len(w.pending) == 0 {
		w.mu.Unlock()
		return
	}
	request := w.pending[0]
	w.pending = w.pending[1:]
	w.mu.Unlock()
	good := `null`
	var id string
	if request.command == "getpeers" {
		id = w.id()
		candidate := fmt.Sprintf(`{"id":%q,"network":"n","connectInfo":{"pxp":true,"relay":true,"webrtc":true}}`, id)
		good = fmt.Sprintf(`[null,[%s,%s]]`, candidate, pick(w.r, candidate, `{"id":"0123abcd","network":"n","connectInfo":null}`, `{"id":"4567abcd","network":"n"}`))
	} else if request.command != "connect" {
		id = request.command
	}
	args := good
	if w.r.IntN(5) == 0 {
		args = pick(w.r, `null`, `false`, `"why"`, `["why"]`, `[true]`, `[null,[]]`, `[null,[null]]`, `{}`, `7`, `{"toString":1}`)
	}
	w.write(line1(fmt.Sprintf(`["res",%s,%s]`, request.nonce, args)))
	if strings.HasPrefix(id, "relay ") || strings.HasPrefix(id, "incoming ") {
		_, id, _ = strings.Cut(id, " ")
		w.circuit(id)
	}
}

// circuit says something in a circuit, whose end or middle the node may be.
func (w *wild) circuit(id string) {
	channel := w.opens
	w.opens++
	inner := begun1 + line1(wildHello(w.r))
	w.heard.mu.Lock()
	upgrade := offer1
	if len(w.heard.upgrades) > 0 {
		upgrade = pick(w.r, w.heard.upgrades...)
	}
	w.heard.mu.Unlock()
	for range w.r.IntN(4) {
		args := upgrade
		if w.r.IntN(4) == 0 {
			args = pick(w.r, `null`, `{}`, `{"transport":"webrtc","signal":{}}`, `{"transport":"pigeon","signal":{}}`, offer1,
				`{"transport":"webrtc","signal":{"candidate":null}}`, `{"transport":"webrtc","signal":{"candidate":{"candidate":""}}}`)
		}
		inner += line1(fmt.Sprintf(`["upgrade","u%d",%s]`, w.r.IntN(9), args))
	}
	if w.r.IntN(4) == 0 {
		inner += pick(w.r, line1(`["getpeers","error","n"]`), line1(`["getpeers","g","n"]`), line1(`["relay","r",["0123abcd"]]`), line1(`["connect","c","n"]`),
			frame1(6, 0, ""), frame1(4, 0, ""), "junk")
	}
	w.write(frame1(0, channel, "relay:"+id) + frame1(2, channel, inner))
	if w.r.IntN(6) == 0 {
		w.write(frame1(pick[byte](w.r, 4, 6), channel, ""))
	}
}

// listen hears what the node says until that ends.
func (w *wild) listen() {
	in := w.hearing("")
	buffer := make([]byte, 64<<10)
	for {
		n, err := w.c.Read(buffer)
		in.feed(buffer[:n])
		if err != nil {
			return
		}
	}
}

// hearing hears one session, or one within its circuits.
func (w *wild) hearing(where string) *framesIn {
	names, within := make(map[uint64]string), make(map[uint64]*framesIn)
	var line []byte
	return &framesIn{broken: func(string, ...any) {}, frame: func(kind byte, channel uint64, payload []byte) {
		switch {
		case kind == 0:
			names[channel] = string(payload)
			if id, is := strings.CutPrefix(names[channel], "relay:"); is && where == "" {
				within[channel] = w.hearing("within: ")
				w.mu.Lock()
				w.ids = append(w.ids, id)
				w.mu.Unlock()
			}
		case kind == 2 && names[channel] == "pxp":
			line = append(line, payload...)
			for end := slices.Index(line, '\n'); end >= 0; end = slices.Index(line, '\n') {
				w.hear(where, line[:end])
				line = line[end+1:]
			}
		case kind == 2 && within[channel] != nil:
			within[channel].feed(payload)
		}
	}}
}

func (w *wild) hear(where string, line []byte) {
	var message []json.RawMessage
	var command string
	if json.Unmarshal(line, &message) != nil || len(message) != 3 || json.Unmarshal(message[0], &command) != nil {
		return // the tap tells
	}
	nonce, args := string(message[1]), string(message[2])
	switch {
	case where != "" && command == "upgrade":
		w.heard.mu.Lock()
		w.heard.upgrades = append(w.heard.upgrades, args)
		w.heard.mu.Unlock()
		for _, kind := range []string{"offer", "answer", "candidate"} {
			if strings.Contains(args, fmt.Sprintf(`"signal":{"type":%q`, kind)) || strings.Contains(args, fmt.Sprintf(`"signal":{%q`, kind)) {
				w.heard.count(where + "upgrade " + kind)
			}
		}
	case command == "res":
		w.hearAnswer(where, nonce, args)
	default:
		w.heard.count(where + command)
	}
	if where != "" || command == "res" || command == "hello" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []string
	if (command == "relay" || command == "incoming") && json.Unmarshal(message[2], &ids) == nil && len(ids) == 1 {
		command += " " + ids[0]
	}
	w.pending = append(w.pending, wildRequest{nonce, command})
}

func (w *wild) hearAnswer(where, nonce, args string) {
	var list [2]json.RawMessage
	var candidates []Candidate
	switch {
	case args == "null":
		w.heard.count(where + "res null")
	case json.Unmarshal([]byte(args), &list) == nil && json.Unmarshal(list[1], &candidates) == nil && len(candidates) > 0:
		w.heard.count(where + "res list")
	case strings.Contains(args, `"`):
		w.heard.count(where + "res refused")
	}
	if where != "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range candidates {
		w.ids = append(w.ids, c.ID)
	}
	if answered := w.answers[nonce]; answered != nil {
		delete(w.answers, nonce)
		close(answered)
	}
}
