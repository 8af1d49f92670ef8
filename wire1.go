package exchange

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
)

// wire1 is the control stream of version 1, npm peer-exchange's: lines of JSON
// (PXP §16.5). It translates them to and from the messages of version 2, so that
// one state machine serves both; what version 1 lacks (ping, bye) is left out.
type wire1 struct {
	network string
	info    *v1.ConnectInfo // ours, for hello

	in    io.Reader
	split v1.Splitter
	ready []pxp.Message // decoded, not returned yet; owned by the reader
	bytes int           // of the lines decoded since size was called; the reader's
	met   bool          // their hello has come; the reader's

	mu     sync.Mutex
	sent   uint64                // messages that took a nonce
	asked  map[string]wire1Ask   // our requests that are waited for, by nonce
	asks   uint32                // requests of the remote so far; their ids
	theirs map[uint32]wire1Asked // those without an answer
	named  []string              // ids of candidates, the last that the remote named
}

type wire1Ask struct {
	id   uint32
	list bool // getpeers: the answer must be a list, and that to anything else none
}

type wire1Asked struct {
	nonce   v1.Nonce
	list    bool   // getpeers, whose answers have a form of their own
	refusal string // if not empty, the answer, whatever else it is to be
}

func newWire1(stream io.Reader, network string, info *v1.ConnectInfo) *wire1 {
	return &wire1{in: stream, network: network, info: info, asked: make(map[string]wire1Ask), theirs: make(map[uint32]wire1Asked)}
}

// nobody1 is the agent of a hello that shall not name our network.
const nobody1 = "\x00"

// maxWire1Asked bounds the requests of the remote that wait for an answer. Ours
// are bounded by Limits.Requests.
const maxWire1Asked = 256

// maxWire1Named bounds the ids of candidates that are known again.
const maxWire1Named = 256

func (w *wire1) append(dst []byte, m pxp.Message) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line, err := w.line(m)
	if line == nil || err != nil {
		return dst, err
	}
	return v1.Append(dst, line)
}

// line is the message in version 1's words; nil if it has none.
func (w *wire1) line(m pxp.Message) (v1.Message, error) {
	switch m := m.(type) {
	case pxp.Hello:
		networks := []string{w.network}
		if m.Agent == nobody1 {
			networks = nil
		}
		return v1.Hello{Nonce: w.nonce(), Version: v1.Version, Info: w.info, Networks: networks}, nil
	case pxp.GetPeers:
		return v1.GetPeers{Nonce: w.request(m.ID, true), Network: w.network}, nil
	case pxp.Relay:
		return v1.Relay{Nonce: w.request(m.ID, false), ID: id1(m.Token)}, nil
	case pxp.Incoming:
		return v1.Incoming{Nonce: w.request(m.ID, false), ID: id1(m.Token)}, nil
	case pxp.Connect:
		return v1.Connect{Nonce: w.request(m.ID, false), Network: w.network}, nil
	case pxp.Upgrade:
		signal, ok := signal1(m)
		if !ok {
			return nil, nil
		}
		return v1.Upgrade{Nonce: w.nonce(), Transport: m.Transport, Signal: signal}, nil
	case pxp.Res:
		return w.res(m)
	}
	return nil, nil // ping, bye
}

func (w *wire1) nonce() v1.Nonce {
	n := v1.NewNonce(w.sent)
	w.sent++
	return n
}

func (w *wire1) request(id uint32, list bool) v1.Nonce {
	n := w.nonce()
	w.asked[n.Key()] = wire1Ask{id, list}
	return n
}

// forget is for a request that nobody waits for any more.
func (w *wire1) forget(id uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.asked, func(_ string, asked wire1Ask) bool { return asked.id == id })
}

func (w *wire1) res(m pxp.Res) (v1.Message, error) {
	asked, ok := w.theirs[m.ID]
	if !ok {
		return nil, fmt.Errorf("exchange: answer to request %d, which was not asked or is answered", m.ID)
	}
	delete(w.theirs, m.ID)
	res := v1.Res{Nonce: asked.nonce, List: asked.list, OK: m.Code == pxp.CodeOK}
	if asked.refusal != "" {
		res.OK, res.Error = false, asked.refusal
		return res, nil
	}
	if !res.OK {
		res.Error = m.Code.String()
		if m.Reason != "" {
			res.Error += ": " + m.Reason
		}
		return res, nil
	}
	for _, c := range m.Candidates {
		res.Candidates = append(res.Candidates, v1.Candidate{
			ID: id1(c.Token), Network: w.network,
			Info: &v1.ConnectInfo{PXP: true, Relay: true, WebRTC: true, V2: c.Protocol != v1.Version},
		})
	}
	return res, nil
}

func (w *wire1) next() (pxp.Message, error) {
	buf := make([]byte, 4096)
	for len(w.ready) == 0 {
		n, err := w.in.Read(buf)
		if feedErr := w.split.Feed(buf[:n], w.take); feedErr != nil {
			return nil, feedErr
		}
		if err != nil && len(w.ready) == 0 {
			if err == io.EOF && len(w.split.Rest()) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	m := w.ready[0]
	w.ready = w.ready[1:]
	return m, nil
}

func (w *wire1) more() bool { return len(w.ready) > 0 }

// size counts lines with the first message that comes of them.
func (w *wire1) size() int {
	n := w.bytes
	w.bytes = 0
	return n
}

// take decodes one line and queues what it says.
func (w *wire1) take(line []byte) error {
	w.bytes += len(line)
	m, err := v1.Decode(line)
	var format *v1.FormatError
	if errors.As(err, &format) && format.Command == "upgrade" && format.Field != "nonce" {
		w.ready = append(w.ready, ignored)
		return nil // the original heeds no upgrade where none is due; in a circuit the attempt times out
	}
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	translated, err := w.translate(m)
	if err != nil {
		return err
	}
	w.ready = append(w.ready, translated)
	return nil
}

// ignored stands for what has no meaning here. It counts against the rate of
// requests, as anything does.
var ignored = pxp.Unknown{}

func (w *wire1) translate(m v1.Message) (pxp.Message, error) {
	switch m := m.(type) {
	case v1.Hello:
		return w.hello(m)
	case v1.GetPeers:
		if m.Network != w.network {
			return w.refuse(m.Nonce, true, fmt.Sprintf("Peer requested an unknown network:\"%s\"", m.Network))
		}
		id, err := w.ask(m.Nonce, true)
		return pxp.GetPeers{ID: id, Max: pxp.MaxCandidates}, err
	case v1.Relay:
		id, err := w.ask(m.Nonce, false)
		return pxp.Relay{ID: id, Token: token1(m.ID)}, err
	case v1.Incoming:
		id, err := w.ask(m.Nonce, false)
		return pxp.Incoming{ID: id, Token: token1(m.ID)}, err
	case v1.Connect:
		if m.Network != w.network {
			return w.refuse(m.Nonce, false, fmt.Sprintf("Peer tried to connect to an unknown network:\"%s\"", m.Network))
		}
		id, err := w.ask(m.Nonce, false)
		return pxp.Connect{ID: id}, err
	case v1.Upgrade:
		return upgrade1(m), nil
	case v1.Res:
		asked, ok := w.asked[m.Nonce.Key()]
		if !ok {
			return ignored, nil
		}
		delete(w.asked, m.Nonce.Key())
		return w.answer(asked, m), nil
	}
	return ignored, nil
}

// ask notes a request of the remote and returns its id.
func (w *wire1) ask(nonce v1.Nonce, list bool) (uint32, error) {
	if len(w.theirs) >= maxWire1Asked {
		return 0, &LimitError{Limit: "requests without an answer", Max: maxWire1Asked}
	}
	w.asks++
	w.theirs[w.asks] = wire1Asked{nonce: nonce, list: list}
	return w.asks, nil
}

// refuse notes a request about a network that is not ours. To the state machine,
// which knows no networks, it is one that it does not know.
func (w *wire1) refuse(nonce v1.Nonce, list bool, why string) (pxp.Message, error) {
	id, err := w.ask(nonce, list)
	if err != nil {
		return nil, err
	}
	w.theirs[id] = wire1Asked{nonce: nonce, list: list, refusal: pxp.FitReason(why)}
	return pxp.Unknown{ID: id}, nil
}

func (w *wire1) hello(m v1.Hello) (pxp.Message, error) {
	if w.met {
		return ignored, nil // whatever it says
	}
	w.met = true
	if m.Version != v1.Version {
		return nil, fmt.Errorf("%w: it wants version %d of the protocol", ErrNotPXP, m.Version)
	}
	member := false
	for _, n := range m.Networks {
		member = member || n == w.network
	}
	if !member {
		return nil, ErrWrongNetwork
	}
	if w.ourselves(m.Info) {
		return nil, ErrSelf
	}
	hello := pxp.Hello{Version: v1.Version, Features: []string{featureRelay, featureV1}}
	hello.Accepts = canBeMet(m.Info)
	hello.Features = append(hello.Features, pxp.TransportWebRTC)
	if m.Info != nil && m.Info.V2 {
		hello.Features = append(hello.Features, featureV2)
	}
	return hello, nil
}

// ourselves says whether somebody is who we are, by the number that only we know
// before we tell it.
func (w *wire1) ourselves(info *v1.ConnectInfo) bool {
	return info != nil && info.Node != "" && info.Node == w.info.Node
}

// canBeMet says whether a circuit leads to whoever says this, and an upgrade from
// there.
func canBeMet(info *v1.ConnectInfo) bool {
	return info != nil && info.PXP && info.Relay && info.WebRTC
}

func (w *wire1) answer(asked wire1Ask, m v1.Res) pxp.Message {
	granted := m.Granted()
	if asked.list {
		granted = m.Listed()
	}
	if !granted {
		why := m.Error
		if m.OK { // it is the answer to something else
			why = "invalid response"
		}
		return pxp.Res{ID: asked.id, Code: pxp.CodeRefused, Reason: pxp.FitReason(why)}
	}
	res := pxp.Res{ID: asked.id}
	for _, c := range m.Candidates {
		if c.Network != w.network || len(c.ID) > pxp.TokenSize || !canBeMet(c.Info) || w.ourselves(c.Info) {
			continue // cannot be met
		}
		if len(res.Candidates) == maxKnown {
			break
		}
		if slices.Contains(w.named, c.ID) {
			continue // an original never names one again, and ends when it is asked for one again
		}
		if len(w.named) == maxWire1Named {
			w.named = slices.Delete(w.named, 0, 1)
		}
		w.named = append(w.named, c.ID)
		protocol := uint8(v1.Version)
		if c.Info.V2 {
			protocol = pxp.Version
		}
		res.Candidates = append(res.Candidates, pxp.Candidate{Token: token1(c.ID), Protocol: protocol})
	}
	return res
}

// A candidate of version 1 has a text of 8 hexadecimal digits for an id. It
// travels as a token: its bytes, then zeros.

func id1(token pxp.Token) string { return strings.TrimRight(string(token[:]), "\x00") }

// token1 returns the token for an id, which is no token that was ever given out
// when the id is too long for one.
func token1(id string) (t pxp.Token) {
	if len(id) <= len(t) {
		copy(t[:], id)
	}
	return t
}

// newToken1 shortens a random token to one that version 1 can name.
func newToken1(t pxp.Token) pxp.Token { return token1(hex.EncodeToString(t[:4])) }

// relayStream is the name of a circuit's stream in the session's version.
func (s *session) relayStream(token pxp.Token) string {
	if s.version == v1.Version {
		return "relay:" + id1(token)
	}
	return pxp.RelayStream(token)
}

func signal1(m pxp.Upgrade) (v1.Signal, bool) {
	switch m.Kind {
	case pxp.UpgradeOffer:
		return v1.Signal{Type: "offer", SDP: m.Text}, true
	case pxp.UpgradeAnswer:
		return v1.Signal{Type: "answer", SDP: m.Text}, true
	case pxp.UpgradeCandidate:
		return v1.Signal{Candidate: &v1.ICE{Candidate: m.Text, SDPMid: m.Mid, SDPMLineIndex: m.Line}}, true
	}
	return v1.Signal{}, false // the end of candidates has no word
}

// upgrade1 translates a signal. All of a session belong to one attempt.
func upgrade1(m v1.Upgrade) pxp.Message {
	up := pxp.Upgrade{ID: 1, Transport: m.Transport}
	switch s := m.Signal; {
	case s.Type == "offer":
		up.Kind, up.Text = pxp.UpgradeOffer, s.SDP
	case s.Type == "answer":
		up.Kind, up.Text = pxp.UpgradeAnswer, s.SDP
	case s.Candidate != nil:
		up.Kind, up.Text = pxp.UpgradeCandidate, s.Candidate.Candidate
		up.Mid, up.Line = s.Candidate.SDPMid, s.Candidate.SDPMLineIndex
	}
	return up
}
