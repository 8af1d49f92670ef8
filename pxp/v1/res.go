package v1

// Res answers a request (PXP §16.5.7). Its shape depends on what was asked, and does not say what that was:
//
//	                      granted                                      refused
//	relay incoming connect  ["res",nonce,null]                         ["res",nonce,"why"]
//	getpeers                ["res",nonce,[null,[{candidate},...]]]     ["res",nonce,["why"]]
//
// So List has to be set by who answers, and looked at by who asked: [Res.Granted] for relay, incoming and connect,
// [Res.Listed] for getpeers.
type Res struct {
	// Nonce is that of the request, as it came.
	Nonce Nonce

	// List: the shape is that of an answer to getpeers, an array.
	List bool

	// OK: granted. With List there are candidates, be it none.
	OK bool

	// Error says why not, for people. Not empty when it is sent, not to be trusted when it was received.
	Error string

	// Candidates are the answer to getpeers, with List and OK; at most [MaxCandidates]. Decoded, an empty list is nil.
	Candidates []Candidate
}

// Candidate is a peer's peer that is offered.
type Candidate struct {
	// ID is for [Relay], at the peer that sent the [Res], for 15 s. Random, 8 hexadecimal digits from an original. Not
	// empty.
	ID string

	// Network is the one that was asked for. Not empty.
	Network string

	// Info is what the candidate said in its hello. Nil when it does not want to be met: then it must be left alone,
	// and must not be sent, since an original that picks it dies.
	Info *ConnectInfo
}

// Granted reports whether m grants a relay, an incoming or a connect. When not, Error says why as far as it is known.
func (m Res) Granted() bool { return m.OK && !m.List }

// Listed reports whether m answers a getpeers with candidates, be it none.
func (m Res) Listed() bool { return m.OK && m.List }

// Command returns "res".
func (Res) Command() string { return commandRes }

func (m Res) encode(e *encoder) {
	e.head(m.Nonce)
	switch {
	case !m.OK:
		if len(m.Candidates) > 0 {
			e.failf("candidates", "there are some, and an error")
		}
		if m.List {
			e.raw("[")
		}
		e.name("error", m.Error)
		if m.List {
			e.raw("]")
		}
	case m.Error != "":
		e.failf("error", "there is one, and OK")
	case m.List:
		e.raw("[null,[")
		e.candidates(m.Candidates)
		e.raw("]]")
	case len(m.Candidates) > 0:
		e.failf("candidates", "there are some, and no List")
	default:
		e.raw("null")
	}
	e.raw("]")
}

func (e *encoder) candidates(candidates []Candidate) {
	if n := len(candidates); n > MaxCandidates {
		e.failf("candidates", "%d, limit %d", n, MaxCandidates)
		return
	}
	for i, c := range candidates {
		if i > 0 {
			e.raw(",")
		}
		e.raw(`{"id":`)
		e.name("candidates.id", c.ID)
		e.raw(`,"network":`)
		e.name("candidates.network", c.Network)
		e.raw(`,"connectInfo":`)
		if c.Info == nil {
			e.failf("candidates.connectInfo", "none")
		}
		e.info(c.Info)
		e.raw("}")
	}
}

func decodeRes(d *decoder, nonce Nonce, args value) Message {
	m := Res{Nonce: nonce}
	if reserved(nonce.Key()) {
		d.failf("nonce", "that of no request")
		return nil
	}
	switch {
	case !args.truthy():
		m.OK = true
	case args.kind != isArray:
		m.Error = d.text("error", args)
	case args.at(0).truthy():
		m.List = true
		m.Error = d.text("error", args.at(0))
	case args.at(1).kind != isArray:
		m.List = true
		m.Error = "invalid response"
	default:
		m.List, m.OK = true, true
		d.candidates(&m, args.list[1].list)
	}
	return m
}

// candidates reads what is not null in the place of a candidate as the original does: one of them that has no id or no
// network spoils the answer.
func (d *decoder) candidates(m *Res, list []value) {
	if n := len(list); n > MaxCandidates {
		d.failf("candidates", "%d, limit %d", n, MaxCandidates)
		return
	}
	for _, v := range list {
		if v.nothing() {
			d.failf("candidates", "%v, want an object", v.kind)
			return
		}
		id, network := v.get("id"), v.get("network")
		if !id.truthy() || !network.truthy() {
			m.OK, m.Error, m.Candidates = false, "invalid candidate", nil
			return
		}
		m.Candidates = append(m.Candidates, Candidate{
			ID:      d.text("candidates.id", id),
			Network: d.text("candidates.network", network),
			Info:    decodeInfo(v.get("connectInfo")),
		})
	}
}
