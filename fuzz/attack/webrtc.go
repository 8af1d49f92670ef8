package attack

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// This file is what askers do to a target that takes them for peers to be: the attacker introduces itself, and then signals.

var webrtcAttacks = []Attack{
	{"webrtc/rubbish", "offers descriptions that make no sense", "SignalError, CodeProtocol", 50, rubbish},
	{"webrtc/lines", "names addresses that make no sense, with a description that does", "skipped; 64 ICE candidates", 5,
		func(ctx context.Context, p *player) {
			p.asAskers(ctx, func(a *asker) error {
				return a.offerAnd(ctx, []string{"candidate:", "candidate:1 1 udp 1 256.1.1.1 1 typ host", "candidate:1 1 udp 1 ::g 1 typ host",
					"candidate:1 1 tcp 1 127.0.0.1 9 typ host tcptype active", "candidate:1 1 udp 1 x.local 9 typ host", strings.Repeat("x", 1024), Escapes})
			})
		}},
	{"webrtc/candidates", "names thousands of addresses", "64 ICE candidates, 67 signals: CodeLimit", 5,
		func(ctx context.Context, p *player) {
			p.asAskers(ctx, func(a *asker) error {
				return a.offerAnd(ctx, addresses("candidate:%d 1 udp 1 203.0.113.%d 9 typ host", 3000))
			})
		}},
	{"webrtc/crowded", "names two hundred addresses in one description", "64 ICE candidates: SignalError", 5,
		func(ctx context.Context, p *player) {
			p.asAskers(ctx, func(a *asker) error {
				sdp, err := a.description()
				if err != nil {
					return err
				}
				a.offer(sdp + "a=" + strings.Join(addresses("candidate:%d 1 udp 1 203.0.113.%d 9 typ host", 200), "\r\na=") + "\r\n")
				return nil
			})
		}},
	{"webrtc/third", "names addresses of third parties", "the policy on addresses, 8 packets each", 5, thirdParties},
	{"webrtc/never", "offers, and does not come", "15 s until the channel is open, Meetings", 5,
		func(ctx context.Context, p *player) {
			p.asAskers(ctx, func(a *asker) error { return a.offerAnd(ctx, nil) })
		}},
	{"webrtc/fingerprint", "offers the fingerprint of a certificate that it does not have", "DTLS: the channel does not open", 5,
		func(ctx context.Context, p *player) {
			p.asAskers(ctx, func(a *asker) error {
				return a.connect(ctx, func(sdp string) string {
					i := strings.Index(sdp, "a=fingerprint:sha-256 ") + len("a=fingerprint:sha-256 ")
					return sdp[:i] + strings.Repeat("AB:", 31) + "AB" + sdp[i+95:]
				}, func(*channel) {})
			})
		}},
	{"webrtc/silence", "opens a channel and says nothing", "HandshakeTime", 5,
		func(ctx context.Context, p *player) {
			p.asAskers(ctx, func(a *asker) error { return a.connect(ctx, nil, func(*channel) {}) })
		}},
	{"webrtc/channels", "opens more channels, thousands of them", "8 channels besides", 5,
		func(ctx context.Context, p *player) {
			p.asAskers(ctx, func(a *asker) error { return a.connect(ctx, nil, (*channel).many) })
		}},
	{"webrtc/message", "sends messages of 256 KiB", "65,535 bytes of message", 5,
		func(ctx context.Context, p *player) {
			p.asAskers(ctx, func(a *asker) error {
				return a.connect(ctx, nil, func(c *channel) { c.send(make([]byte, 256<<10)) })
			})
		}},
	{"webrtc/text", "sends text", "binary messages only", 5,
		func(ctx context.Context, p *player) {
			p.asAskers(ctx, func(a *asker) error { return a.connect(ctx, nil, func(c *channel) { c.sendText("hello") }) })
		}},
	{"webrtc/flood", "sends what is no session, as much as goes", "the multiplexer's rules, SCTP's window", 5,
		func(ctx context.Context, p *player) {
			p.asAskers(ctx, func(a *asker) error { return a.connect(ctx, nil, (*channel).flood) })
		}},
}

func addresses(format string, n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf(format, i, 1+i%254))
	}
	return lines
}

// asker is a session of signals with the target, through a circuit whose relay the attacker is too.
type asker struct {
	*member
	signals chan pxp.Upgrade // from the target; capacity 256, more are dropped
}

// asAskers has relays introduce askers to the target again and again, who do something. An asker waits for the end of its
// circuit, which is due.
func (p *player) asAskers(ctx context.Context, do func(a *asker) error) {
	joined := make([]*member, hostilePeers)
	p.each(ctx, hostilePeers, func(lane int) error {
		r := joined[lane]
		if r != nil && r.ended() {
			r.leave()
			r = nil
		}
		if r == nil {
			c, err := p.socket(ctx, lane)
			if err != nil {
				return err
			}
			if r, err = p.joinMember(ctx, c, nil); err != nil {
				return err
			}
			joined[lane] = r
		}
		a, err := p.introduced(ctx, r)
		if err != nil {
			return err
		}
		if err := do(a); err != nil {
			a.leave()
			return err
		}
		if a.over(ctx, 20*time.Second) {
			p.count(func(t *Tally) { t.Ended++ })
		}
		return nil
	})
	for _, r := range joined {
		if r != nil {
			r.leave()
		}
	}
}

// introduced has r introduce somebody new to the target.
func (p *player) introduced(ctx context.Context, r *member) (*asker, error) {
	key, err := identity.NewKey()
	if err != nil {
		return nil, err
	}
	token := anyToken()
	res, err := r.request(ctx, func(id uint32) pxp.Message { return pxp.Incoming{ID: id, Token: token, From: key.ID()} })
	if err == nil && res.Code != pxp.CodeOK {
		err = errRefused
	}
	if err != nil {
		return nil, err
	}
	stream, err := r.stream(ctx, pxp.RelayStream(token))
	if err != nil {
		return nil, err
	}
	m, err := p.dialSession(ctx, stream, key, secure.Dialer)
	if err != nil {
		_ = stream.Close()
		return nil, err
	}
	a := &asker{m, make(chan pxp.Upgrade, 256)}
	m.handle = func(message pxp.Message) {
		if up, ok := message.(pxp.Upgrade); ok {
			select {
			case a.signals <- up:
			default:
			}
		}
	}
	m.start()
	p.count(func(t *Tally) { t.Carried++ })
	return a, nil
}

func (a *asker) signal(kind pxp.UpgradeKind, text string) error {
	return a.say(pxp.Upgrade{ID: 1, Transport: pxp.TransportWebRTC, Kind: kind, Text: text})
}

// offer sends a description. That the target is gone shows later.
func (a *asker) offer(sdp string) { _ = a.signal(pxp.UpgradeOffer, sdp) }

// offerAnd offers a description that makes sense, and names these addresses besides, until the target will not hear more.
func (a *asker) offerAnd(ctx context.Context, lines []string) error {
	sdp, err := a.description()
	if err != nil {
		return err
	}
	a.offer(sdp)
	for _, line := range lines {
		if ctx.Err() != nil || a.signal(pxp.UpgradeCandidate, line) != nil {
			break
		}
	}
	return nil
}

// rubbish offers what is no description, and what is none of a data channel.
func rubbish(ctx context.Context, p *player) {
	n := 0
	good := ""
	bad := []func() string{
		func() string { return "" },
		func() string { return Escapes },
		func() string { return "v=0\r\n" },
		func() string {
			return "v=0\r\n" + strings.Repeat("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", 200)
		},
		func() string { return strings.Repeat("a", pxp.MaxSDP) },
		func() string { return strings.Replace(good, "a=fingerprint:", "a=no-fingerprint:", 1) },
		func() string { return strings.Replace(good, "sha-256", "md5", 1) },
		func() string { return good + "a=fingerprint:sha-256 " + strings.Repeat("AB:", 31) + "AB\r\n" },
		func() string { return strings.Replace(good, "a=ice-pwd:", "a=ice-pwd:"+strings.Repeat("x", 4000), 1) },
		func() string { return strings.Replace(good, "webrtc-datachannel", "99999999999999999999", 1) },
	}
	p.asAskers(ctx, func(a *asker) error {
		p.mu.Lock()
		i := n % len(bad)
		n++
		p.mu.Unlock()
		sdp, err := a.description()
		if err != nil {
			return err
		}
		p.mu.Lock()
		good = sdp
		text := bad[i]()
		p.mu.Unlock()
		a.offer(text)
		return nil
	})
}

// thirdParties names addresses that nobody should be made to send to, and one on this machine that has nothing to do with it, where
// what comes is counted.
func thirdParties(ctx context.Context, p *player) {
	third, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return
	}
	p.lanes(2, func(lane int) {
		if lane == 0 {
			buf := make([]byte, 2048)
			for {
				if _, err := third.Read(buf); err != nil { // closed below
					return
				}
				p.count(func(t *Tally) { t.Packets++ })
			}
		}
		defer func() { _ = third.Close() }()
		lines := []string{fmt.Sprintf("candidate:1 1 udp 2130706431 127.0.0.1 %d typ host", third.LocalAddr().(*net.UDPAddr).Port)}
		for i, to := range []string{"169.254.169.254", "224.0.0.251", "255.255.255.255", "0.0.0.0", "240.0.0.1", "fe80::1", "ff02::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "localhost"} {
			lines = append(lines, fmt.Sprintf("candidate:%d 1 udp 2130706431 %s 9 typ host", i+2, to))
		}
		p.asAskers(ctx, func(a *asker) error { return a.offerAnd(ctx, lines) })
	})
}
