package attack

import (
	"context"
	"crypto/rand"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
)

// This file is what peers do to how a node finds and introduces others.

var discoveryAttacks = []Attack{
	{"discovery/crowd", "answers queries with peers that do not exist", "UpgradeTime, RequestTime; Candidates", 0, crowd},
	{"discovery/itself", "answers queries with itself, and with who asks", "ErrNoCandidates", 0,
		func(ctx context.Context, p *player) {
			p.answering(ctx, pxp.Res{}, func(r *peer) (named []identity.ID) {
				for range pxp.MaxCandidates / 2 {
					named = append(named, r.key.ID(), p.ID)
				}
				return named
			})
		}},
	{"discovery/dead", "answers queries with tokens that it does not know afterwards", "RemoteError; other candidates", 0,
		func(ctx context.Context, p *player) {
			p.answering(ctx, pxp.Res{Code: pxp.CodeUnknownToken, Reason: Escapes}, func(*peer) (named []identity.ID) {
				for range pxp.MaxCandidates {
					named = append(named, anybody())
				}
				return named
			})
		}},
	{"discovery/churn", "takes places, asks for everybody, and leaves", "Peers, Tokens", 0, churn},
	{"discovery/guess", "asks for circuits by tokens that it guesses", "CodeUnknownToken, RequestsPerSecond", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error {
				_, err := r.relay(ctx, anyToken())
				return err
			})
		}},
	{"discovery/reuse", "uses each token twice", "CodeUnknownToken, CircuitsPerPeer", 0,
		func(ctx context.Context, p *player) {
			p.withTokens(ctx, func(r *peer, token pxp.Token) error {
				if _, err := r.relay(ctx, token); err != nil {
					return err
				}
				_, err := r.relay(ctx, token)
				return err
			})
		}},
	{"discovery/others", "uses tokens that another peer was given", "CodeUnknownToken", 0, others},
	{"discovery/introduce", "introduces askers that do not exist", "Meetings, MeetingsPerPeer", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error {
				_, err := r.request(ctx, func(id uint32) pxp.Message {
					return pxp.Incoming{ID: id, Token: anyToken(), From: anybody()}
				})
				return err
			})
		}},
}

func anyToken() (t pxp.Token) {
	_, _ = rand.Read(t[:]) // never fails
	return t
}

func anybody() (id identity.ID) {
	_, _ = rand.Read(id[:])
	return id
}

// relay asks for a circuit and returns what was answered.
func (r *peer) relay(ctx context.Context, token pxp.Token) (pxp.Res, error) {
	return r.request(ctx, func(id uint32) pxp.Message { return pxp.Relay{ID: id, Token: token} })
}

// tokens asks for peers and returns the tokens for them; none when it has asked too often.
func (r *peer) tokens(ctx context.Context) ([]pxp.Candidate, error) {
	res, err := r.request(ctx, func(id uint32) pxp.Message { return pxp.GetPeers{ID: id, Max: pxp.MaxCandidates} })
	return res.Candidates, err
}

// withTokens has peers of the target do something with each token that they get.
func (p *player) withTokens(ctx context.Context, do func(r *peer, token pxp.Token) error) {
	p.asPeers(ctx, func(r *peer) error {
		candidates, err := r.tokens(ctx)
		if err != nil {
			return err
		}
		for _, c := range candidates {
			if err := do(r, c.Token); err != nil {
				return err
			}
		}
		return nil
	})
}

// others has two peers, of which one asks for tokens and the other uses them.
func others(ctx context.Context, p *player) {
	asker, err := p.join(ctx, 0)
	if err != nil {
		return
	}
	defer asker.leave()
	var tokens []pxp.Candidate
	for len(tokens) == 0 && p.next(ctx) {
		if tokens, err = asker.tokens(ctx); err != nil {
			return
		}
	}
	n := 0
	p.asPeers(ctx, func(r *peer) error {
		n++
		_, err := r.relay(ctx, tokens[n%len(tokens)].Token)
		return err
	})
}

// churn has as many peers as get in, who ask for tokens and leave all at once, wave after wave.
func churn(ctx context.Context, p *player) {
	const wave = 40
	var joined []*peer
	leave := func() {
		for _, r := range joined {
			r.leave()
		}
		joined = nil
	}
	p.each(ctx, 1, func(int) error {
		r, err := p.join(ctx, len(joined))
		if err == nil {
			joined = append(joined, r)
			err = r.say(pxp.GetPeers{ID: r.id(), Max: pxp.MaxCandidates})
		}
		if err != nil || len(joined) == wave {
			leave()
		}
		return err
	})
	leave()
}

// answering has peers that answer queries with whom who names, and requests for circuits with refusal.
func (p *player) answering(ctx context.Context, refusal pxp.Res, who func(r *peer) []identity.ID) {
	p.asPeers(ctx, func(r *peer) error {
		m, err := r.receive(ctx)
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case pxp.GetPeers:
			res := pxp.Res{ID: m.ID}
			for _, id := range who(r) {
				res.Candidates = append(res.Candidates, pxp.Candidate{Peer: id, Token: anyToken()})
			}
			return r.say(res)
		case pxp.Relay:
			res := refusal // each lane's own
			res.ID = m.ID
			return r.say(res)
		case pxp.Ping:
			return r.say(pxp.Res{ID: m.ID})
		}
		return nil
	})
}

// crowd has peers that answer each request: a query with eight who do not exist, a relay request with a yes, and then
// nothing comes.
func crowd(ctx context.Context, p *player) {
	p.answering(ctx, pxp.Res{}, func(*peer) (named []identity.ID) {
		for range pxp.MaxCandidates {
			named = append(named, anybody())
		}
		return named
	})
}
