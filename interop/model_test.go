package interop

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// model is what a session of version 1 looks like to the original at its far end. It is fed the bytes of both directions, and
// objects to what ends that original's process, costs it the session, or is lost on it. It was written from the record of
// the original, without a look at how this module writes, and is stricter than the original: what no node has to
// send is wrong. A session that does not begin as version 1 does is none of its business, unless it is known to be one.
type model struct {
	what    string // where the session runs, in objections
	circuit bool   // it runs in a circuit of another
	object  func(string)
	begins  func(ours bool, head []byte) // nil, or told once of each side how it begins: as far as that is right, and a byte that is not

	mu           *sync.Mutex // one for a session and those within
	ours, theirs *framesIn
	sent         modelSide // what the node has said
	received     modelSide // what the other end has
	circuits     map[string]*model
	network      string
}

// modelSide is what one end has said.
type modelSide struct {
	channels map[uint64]string // that it has opened: their names
	ended    map[uint64]bool
	line     []byte // of its control stream, as far as it has come
	messages uint64 // but res
	hello    bool
	left     bool                // it has ended its control stream, or has destroyed either half
	asked    map[string][]asked  // requests that are not answered, by nonce; of the other end
	ids      map[string]string   // those of its relay and incoming: which of the two, or "other"
	granted  map[string]struct{} // ids that it has granted
}

type asked struct {
	command, id string
}

func newModel(what string, object func(string)) *model {
	m := &model{what: what, object: object, mu: new(sync.Mutex), circuits: make(map[string]*model)}
	for _, s := range []*modelSide{&m.sent, &m.received} {
		*s = modelSide{
			channels: make(map[uint64]string), ended: make(map[uint64]bool),
			asked: make(map[string][]asked), ids: make(map[string]string), granted: make(map[string]struct{}),
		}
	}
	begins := func(ours bool) func([]byte) {
		return func(head []byte) {
			if m.begins != nil {
				m.begins(ours, head)
			}
		}
	}
	m.ours = &framesIn{frame: m.checkFrame, broken: m.wrong, begins: begins(true)}
	m.theirs = &framesIn{frame: m.noteFrame, broken: func(string, ...any) {}, begins: begins(false)}
	return m
}

// newModel1 returns the model of a session that is one of version 1, so that the node must begin it as such. Told is told how
// either side has begun, and may be nil.
func newModel1(what string, object func(string), told func(ours bool, head string)) *model {
	m := newModel(what, object)
	m.begins = func(ours bool, head []byte) {
		if ours && string(head) != preamble1 {
			m.wrong("begins with %q", head)
		}
		if told != nil {
			told(ours, string(head))
		}
	}
	return m
}

// send is told of bytes that the node has sent, before the other end has them; receive of those that the other end has sent,
// before the node has them.
func (m *model) send(b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ours.feed(b)
}

func (m *model) receive(b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.theirs.feed(b)
}

func (m *model) wrong(format string, args ...any) {
	m.object(m.what + ": " + fmt.Sprintf(format, args...))
}

// longestFrame is far below the 2^31 bytes that the original sets aside when it reads them, and more than a node needs.
const longestFrame = 1 << 20

func (m *model) checkFrame(kind byte, channel uint64, payload []byte) {
	s := &m.sent
	name, open := s.channels[channel]
	switch kind {
	case 0:
		m.checkOpen(channel, string(payload))
	case 2:
		if !open || s.ended[channel] {
			m.wrong("data on channel %d, which is not open", channel)
		} else {
			m.checkData(name, payload)
		}
	case 3:
		if _, theirs := m.received.channels[channel]; !theirs || !m.received.ended[channel] {
			m.wrong("answer to an end of channel %d that was none", channel)
		}
	case 4:
		if !open || s.ended[channel] {
			m.wrong("end of channel %d, which is not open", channel)
		}
		if name == "pxp" && !m.received.left {
			m.wrong("end of the control stream")
		}
		s.ended[channel] = true
	case 5, 6:
		m.wrong("destroy: type %d, channel %d %q", kind, channel, name)
	default:
		m.wrong("frame of type %d", kind)
	}
	if kind > 2 && len(payload) > 0 {
		m.wrong("type %d with %d bytes", kind, len(payload))
	}
}

// checkOpen: the original loses what is opened before it has created the stream, and what follows on it.
func (m *model) checkOpen(channel uint64, name string) {
	s, r := &m.sent, &m.received
	if was, again := s.channels[channel]; again {
		m.wrong("channel %d %q opened again as %q", channel, was, name)
	}
	kind, id, _ := strings.Cut(name, ":")
	made := false
	switch kind {
	case "pxp":
		made = channel == 0 && len(s.channels) == 0 && name == "pxp"
	case "data":
		made = s.hello && r.hello && (m.network == "" || id == m.network)
	case "relay":
		_, granted := s.granted[id]
		made = s.ids[id] != "" || r.ids[id] != "" && granted
	}
	if !made {
		m.wrong("channel %d opened as %q, which the other end has not created", channel, name)
	}
	s.channels[channel] = name
}

func (m *model) checkData(name string, p []byte) {
	if name == "pxp" {
		m.sent.line = append(m.sent.line, p...)
		for {
			end := slices.Index(m.sent.line, '\n')
			if end < 0 {
				return
			}
			m.checkLine(m.sent.line[:end])
			m.sent.line = m.sent.line[end+1:]
		}
	}
	if c := m.within(name); c != nil {
		c.ours.feed(p)
	}
}

// within returns the session in a circuit whose end the node is; nil for a circuit that it only relays, where it passes on
// what others say.
func (m *model) within(name string) *model {
	id, is := strings.CutPrefix(name, "relay:")
	asks, met := m.sent.ids[id] == "relay", m.received.ids[id] == "incoming"
	if !is || asks == met || m.sent.ids[id] != "" && m.received.ids[id] != "" { // originals name no two circuits alike
		return nil
	}
	c := m.circuits[id]
	if c == nil {
		c = newModel(m.what+", in "+name, m.object)
		// Two of this module find out that they are, and the one that asks begins by version 2.
		heads := make(map[bool]string)
		c.begins = func(ours bool, head []byte) {
			heads[ours] = string(head)
			if ours && string(head) != preamble1 && string(head) != preamble2 || heads[true] == preamble2 && heads[false] == preamble1 {
				c.wrong("begins with %q", heads[true])
			}
		}
		c.circuit, c.mu, c.network = true, m.mu, m.network
		m.circuits[id] = c
	}
	return c
}

var (
	goodID = regexp.MustCompile(`^[0-9a-f]{8}$`)

	// killingNonces are events of the original's control stream: an answer with one of these is emitted as that.
	killingNonces = []string{"error", "hello", "getpeers", "relay", "incoming", "upgrade", "connect"}
)

func (m *model) checkLine(line []byte) {
	bad := func(why string, args ...any) { m.wrong("%s: %.200q", fmt.Sprintf(why, args...), line) }
	var message []json.RawMessage
	if err := json.Unmarshal(line, &message); err != nil || !utf8.Valid(line) {
		bad("not JSON")
		return
	}
	var command, nonce string
	if len(message) != 3 || json.Unmarshal(message[0], &command) != nil {
		bad("not a message of three elements")
		return
	}
	args := message[2]
	s := &m.sent
	if command == "res" {
		m.checkRes(message[1], args, bad)
		return
	}
	// In a circuit the original sends its upgrade at once, too.
	if s.hello != (command != "hello") || s.hello && !m.received.hello && command != "upgrade" {
		bad("before its time")
	}
	if json.Unmarshal(message[1], &nonce) != nil || nonce != strconv.FormatUint(s.messages, 36) {
		bad("nonce")
	}
	s.messages++
	switch command {
	case "hello":
		s.hello = true
		m.checkHello(args, bad)
	case "getpeers", "connect":
		var network string
		if json.Unmarshal(args, &network) != nil || m.network != "" && network != m.network {
			bad("args, want the network %q", m.network)
		}
	case "relay", "incoming":
		var ids []string
		// What is asked for is as the other end has named it.
		if json.Unmarshal(args, &ids) != nil || len(ids) != 1 || ids[0] == "" || command == "incoming" && !goodID.MatchString(ids[0]) {
			bad("args")
			return
		}
		if s.ids[ids[0]] == command {
			bad("the same id again")
		}
		s.ids[ids[0]] = command
	case "upgrade":
		m.checkUpgrade(args, bad)
	default:
		bad("unknown command")
	}
}

type objection func(format string, args ...any)

func (m *model) checkHello(args json.RawMessage, bad objection) {
	var parts []json.RawMessage
	var info map[string]any
	var networks []string
	if json.Unmarshal(args, &parts) != nil || len(parts) != 3 || string(parts[0]) != "1" ||
		json.Unmarshal(parts[1], &info) != nil || parts[2][0] != '[' || json.Unmarshal(parts[2], &networks) != nil {
		bad("args")
		return
	}
	if info != nil && info["pxp"] != true {
		bad("connectInfo")
	}
	if len(networks) == 1 {
		m.network = networks[0]
	}
}

func (m *model) checkUpgrade(args json.RawMessage, bad objection) {
	var upgrade struct {
		Transport string
		Signal    struct {
			Type, SDP string
			Candidate *struct {
				Candidate     string
				SDPMLineIndex *int
				SDPMid        *string
			}
		}
	}
	if !m.circuit {
		bad("on a session that is not a circuit's")
	}
	if json.Unmarshal(args, &upgrade) != nil || upgrade.Transport != "webrtc" {
		bad("args")
		return
	}
	signal := upgrade.Signal
	description := (signal.Type == "offer" || signal.Type == "answer") && strings.HasPrefix(signal.SDP, "v=0\r\n")
	candidate := signal.Candidate != nil && signal.Candidate.Candidate != ""
	if description == candidate {
		bad("signal")
	}
}

func (m *model) checkRes(nonce, args json.RawMessage, bad objection) {
	key := nonceText(nonce)
	if slices.Contains(killingNonces, key) {
		bad("nonce")
	}
	waiting := m.received.asked[key]
	// Who asks twice with one nonce cannot know which answer is whose, but for its shape.
	which := slices.IndexFunc(waiting, func(a asked) bool { return (a.command == "getpeers") == (args[0] == '[') })
	if which < 0 && len(waiting) > 0 {
		which = 0
	}
	if which < 0 {
		bad("answer to nothing")
		return
	}
	request := waiting[which]
	m.received.asked[key] = slices.Delete(waiting, which, which+1)
	switch {
	case request.command == "getpeers":
		checkList(args, bad)
	case request.command == "relay", request.command == "incoming", request.command == "connect":
		var why string
		if string(args) != "null" && (json.Unmarshal(args, &why) != nil || why == "") {
			bad("args")
		}
		if string(args) == "null" {
			m.sent.granted[request.id] = struct{}{}
		}
	default:
		bad("answer to %s", request.command)
	}
}

func checkList(args json.RawMessage, bad objection) {
	var parts []json.RawMessage
	if json.Unmarshal(args, &parts) != nil || len(parts) == 0 {
		bad("args")
		return
	}
	var why string
	if len(parts) == 1 && json.Unmarshal(parts[0], &why) == nil && why != "" {
		return
	}
	var candidates []*struct {
		ID, Network string
		ConnectInfo map[string]any
	}
	if len(parts) != 2 || string(parts[0]) != "null" || parts[1][0] != '[' || json.Unmarshal(parts[1], &candidates) != nil {
		bad("args")
		return
	}
	for _, c := range candidates {
		if c == nil || !goodID.MatchString(c.ID) || c.Network == "" || c.ConnectInfo["pxp"] != true {
			bad("candidate %+v", c)
		}
	}
}

// idText is the id that the original sees in the args of relay and incoming.
func idText(args json.RawMessage) string {
	var text string
	var list []any
	switch {
	case json.Unmarshal(args, &text) == nil && text != "":
		return string([]rune(text)[:1])
	case json.Unmarshal(args, &list) == nil && len(list) > 0:
		return jsText(list[0])
	}
	return "undefined"
}

// nonceText is what the original compares nonces by.
func nonceText(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	return jsText(v)
}

// jsText is JavaScript's String(v).
func jsText(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case float64:
		if v == 0 {
			v = 0 // not -0
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		var parts []string
		for _, e := range v {
			if e == nil {
				e = ""
			}
			parts = append(parts, jsText(e))
		}
		return strings.Join(parts, ",")
	case map[string]any:
		return "[object Object]"
	}
	return fmt.Sprint(v)
}

// noteFrame takes note of what the other end says, whatever that is.
func (m *model) noteFrame(kind byte, channel uint64, payload []byte) {
	r := &m.received
	switch kind {
	case 0:
		name := string(payload)
		if name == "pxp" && channel != 0 {
			name = "" // nobody waits for it
		}
		r.left = r.left || r.channels[channel] == "pxp" // it is replaced
		r.channels[channel] = name
		if id, is := strings.CutPrefix(name, "relay:"); is && m.within(name) == nil {
			r.ids[id] = "other" // a circuit that is passed on, or one that has begun too early
		}
	case 2:
		name := r.channels[channel]
		if name == "pxp" {
			r.line = append(r.line, payload...)
			for {
				end := slices.Index(r.line, '\n')
				if end < 0 {
					return
				}
				m.noteLine(r.line[:end])
				r.line = r.line[end+1:]
			}
		}
		if c := m.within(name); c != nil {
			c.theirs.feed(payload)
		}
	case 4, 6:
		r.ended[channel] = r.ended[channel] || kind == 4
		r.left = r.left || r.channels[channel] == "pxp"
	case 5:
		r.left = r.left || m.sent.channels[channel] == "pxp"
	}
}

func (m *model) noteLine(line []byte) {
	var message []json.RawMessage
	var command string
	if json.Unmarshal(line, &message) != nil || len(message) != 3 || json.Unmarshal(message[0], &command) != nil {
		return
	}
	request := asked{command: command}
	r := &m.received
	switch command {
	case "hello":
		r.hello = true
		return
	case "res", "upgrade": // never answered
		return
	case "relay", "incoming":
		request.id = idText(message[2])
		if r.ids[request.id] != "" {
			command = "other" // no original names an id again
		}
		r.ids[request.id] = command
	}
	key := nonceText(message[1])
	r.asked[key] = append(r.asked[key], request)
}

// framesIn reads the bytes of one direction of a session, and passes on what each frame has of its payload as that comes.
type framesIn struct {
	frame  func(kind byte, channel uint64, payload []byte)
	broken func(format string, args ...any)
	begins func(head []byte) // may be nil

	head    []byte // the preamble, then header and length of a frame, as far as they have come
	begun   bool
	off     bool
	kind    byte
	channel uint64
	missing uint64 // bytes of the payload
	inside  bool
	whole   []byte // payload that is passed on as one
}

const preamble1, preamble2 = "#PXP#", "#PXP2"

func (f *framesIn) feed(b []byte) {
	for len(b) > 0 && !f.off {
		switch {
		case !f.begun:
			f.head = append(f.head, b[0])
			b = b[1:]
			if !strings.HasPrefix(preamble1, string(f.head)) {
				f.off = true
			} else if len(f.head) == len(preamble1) {
				f.begun = true
			}
			if (f.off || f.begun) && f.begins != nil {
				f.begins(f.head)
			}
			if f.begun {
				f.head = nil
			}
		case !f.inside:
			f.head = append(f.head, b[0])
			b = b[1:]
			f.header()
		default:
			n := min(uint64(len(b)), f.missing)
			f.payload(b[:n])
			b = b[n:]
		}
	}
}

// header looks whether the header is complete.
func (f *framesIn) header() {
	var values []uint64
	var value uint64
	shift := 0
	for _, c := range f.head {
		if shift > 28 && c > 15 || shift > 35 { // beyond 32 bits the original loses the upper ones of a header
			f.broken("varint % x", f.head)
			f.off = true
			return
		}
		value |= uint64(c&0x7f) << shift
		shift += 7
		if c < 0x80 {
			values = append(values, value)
			value, shift = 0, 0
		}
	}
	if len(values) < 2 {
		return
	}
	f.kind, f.channel, f.missing = byte(values[0]&7), values[0]>>3, values[1]
	f.inside, f.head, f.whole = true, nil, nil
	if f.missing > longestFrame {
		f.broken("frame of %d bytes", f.missing)
	}
	if f.missing == 0 {
		f.payload(nil)
	}
}

func (f *framesIn) payload(p []byte) {
	f.missing -= uint64(len(p))
	f.inside = f.missing > 0
	if f.kind == 1 || f.kind == 2 {
		f.frame(f.kind, f.channel, p)
		return
	}
	f.whole = append(f.whole, p...)
	if !f.inside {
		f.frame(f.kind, f.channel, f.whole)
	}
}
