package v1

import "math"

// Upgrade carries one signal of simple-peer on a session through a circuit (PXP §16.5.5). It is never answered.
//
//	["upgrade",nonce,{"transport":"webrtc","signal":{...}}]
//
// The original ignores it on all other sessions, and closes the session when the first one has a transport that it does not
// know.
type Upgrade struct {
	// Nonce is counted as a request's, although there is no answer.
	Nonce Nonce

	// Transport is [TransportWebRTC]. Decoded, it is empty when it was no string; the original looks at that of the
	// first upgrade only, and only where it answers.
	Transport string

	// Signal is what the other end's WebRTC has to be given.
	Signal Signal
}

// Signal is a description, an ICE candidate, or both at once, which an original takes and never sends.
type Signal struct {
	// Type is "offer" or "answer" with SDP, else empty.
	Type string

	// SDP is a session description, not empty with Type.
	SDP string

	// Candidate is an ICE candidate, or nil.
	Candidate *ICE
}

// ICE is an ICE candidate as RTCIceCandidate has it.
type ICE struct {
	// Candidate is the line "candidate:…". Empty, there are no more: some browsers say so, the original on Node.js never.
	Candidate string

	// SDPMid names the media section; empty when it was null or missing.
	SDPMid string

	// SDPMLineIndex counts the media sections from 0; 0 when it was null or missing.
	SDPMLineIndex uint16
}

// Command returns "upgrade".
func (Upgrade) Command() string { return commandUpgrade }

func (m Upgrade) encode(e *encoder) {
	e.head(m.Nonce)
	e.raw(`{"transport":`)
	e.str("transport", m.Transport)
	e.raw(`,"signal":{`)
	s := m.Signal
	switch {
	case s.Type != "" || s.SDP != "":
		if !isDescription(s.Type) {
			e.failf("signal.type", "want offer or answer")
		}
		e.raw(`"type":`)
		e.str("signal.type", s.Type)
		e.raw(`,"sdp":`)
		e.name("signal.sdp", s.SDP)
		if s.Candidate != nil {
			e.raw(",")
		}
	case s.Candidate == nil:
		e.failf("signal", "neither sdp nor candidate") // ends the process of an original
		return
	}
	if c := s.Candidate; c != nil {
		e.raw(`"candidate":{"candidate":`)
		e.str("signal.candidate.candidate", c.Candidate)
		e.raw(`,"sdpMLineIndex":`)
		e.int(int(c.SDPMLineIndex))
		e.raw(`,"sdpMid":`)
		e.str("signal.candidate.sdpMid", c.SDPMid)
		e.raw("}")
	}
	e.raw("}}]")
}

func decodeUpgrade(d *decoder, nonce Nonce, args value) Message {
	if args.nothing() {
		d.failf("args", "%v, want an object", args.kind)
		return nil
	}
	m := Upgrade{Nonce: nonce}
	if transport := args.get("transport"); transport.kind == isString {
		m.Transport = transport.str
	}
	signal := args.get("signal")
	if signal.kind == isString { // simple-peer takes JSON in JSON
		signal, _ = parse([]byte(signal.str))
	}
	if signal.kind != isObject {
		d.failf("signal", "%v, want an object", signal.kind)
		return nil
	}
	candidate, sdp := signal.get("candidate"), signal.get("sdp")
	if candidate.truthy() {
		m.Signal.Candidate = d.ice(candidate)
	}
	if sdp.truthy() {
		m.Signal.SDP = d.str("signal.sdp", sdp)
		m.Signal.Type = d.str("signal.type", signal.get("type"))
		if !isDescription(m.Signal.Type) {
			d.failf("signal.type", "want offer or answer")
		}
	}
	if m.Signal == (Signal{}) {
		d.failf("signal", "neither sdp nor candidate")
	}
	return m
}

func isDescription(signalType string) bool { return signalType == "offer" || signalType == "answer" }

// ice reads what the original hands to RTCIceCandidate. That takes more than this (a number in the place of a string, for
// one), but no implementation of WebRTC prints such.
func (d *decoder) ice(v value) *ICE {
	if v.kind != isObject {
		d.failf("signal.candidate", "%v, want an object", v.kind)
		return nil
	}
	var c ICE
	if line := v.get("candidate"); line.kind != isMissing {
		c.Candidate = d.str("signal.candidate.candidate", line)
	}
	if mid := v.get("sdpMid"); !mid.nothing() {
		c.SDPMid = d.str("signal.candidate.sdpMid", mid)
	}
	if index := v.get("sdpMLineIndex"); !index.nothing() {
		n := index.number
		if index.kind != isNumber || n < 0 || n > math.MaxUint16 || n != math.Trunc(n) {
			d.failf("signal.candidate.sdpMLineIndex", "want an integer, limit 0 to %d", math.MaxUint16)
			return nil
		}
		c.SDPMLineIndex = uint16(n)
	}
	return &c
}

// str returns a string that has to be one.
func (d *decoder) str(field string, v value) string {
	if v.kind != isString {
		d.failf(field, "%v, want a string", v.kind)
	}
	return v.str
}
