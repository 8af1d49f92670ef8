package exchange

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/wrtc"
)

// Config configures an [Exchange]. Nil, and the zero value of every field,
// mean the default stated. New copies it; it may be changed afterwards.
type Config struct {
	// Identity is this node's key: its peer ID is the public half.
	// Default: a new key, forgotten at Close.
	Identity *identity.Key

	// Secret makes the network private: only who has the same name and the
	// same secret is let in. Default: none, so that whoever knows (or
	// guesses) the network's name may join.
	Secret []byte

	// Agent names the application and version to peers, 128 bytes at most.
	// Default: "exchange".
	Agent string

	// RefuseIncoming keeps this node from being offered to others: it can
	// still ask for peers and accept sockets, but nobody is introduced to it.
	// Relays that are npm peer-exchange still offer it, in vain: one that is
	// named as not to be met ends the process of who asks.
	RefuseIncoming bool

	// RefuseRelaying keeps this node from introducing its peers to each
	// other. It then answers queries with nobody.
	RefuseRelaying bool

	// V1 says what to do about peers of version 1 of the protocol (npm
	// peer-exchange). Default: V1Accept. They are anonymous, so a network with
	// a Secret refuses them whatever V1 says.
	V1 V1Policy

	// Transport opens the direct connection between two peers that were
	// introduced. Default: wrtc.New(nil), which is WebRTC without STUN servers.
	Transport wrtc.Transport

	// STUNPort, if not 0, tells peers that STUN is answered at this UDP port of the
	// address that they reach this node at, so that they need no other server to
	// find out their outer address. Package wrtc/iceserver answers.
	STUNPort uint16

	// TURN, if not nil, makes credentials for one peer at the TURN server that
	// answers at STUNPort, too (iceserver.Server.Credentials), and says how long
	// they are good, from a second to a day. Each peer of version 2 is sent its own
	// when it joins, and new ones at half of that time; one for whom the username is
	// empty gets none. It must not block.
	TURN func(peer identity.ID) (username, password string, life time.Duration)

	// Limits bounds what peers may cost us.
	Limits Limits

	// Logger receives what is worth knowing to an operator. It never gets
	// secrets or payloads. Default: silent.
	Logger *slog.Logger

	// OnEvent, if not nil, is called for every [Event], one at a time, in
	// the order in which they happen, from a goroutine of the exchange. Events
	// wait for it, up to 1,024; beyond that the oldest StepDone is dropped. It must not
	// call Close or Shutdown, which wait for it.
	OnEvent func(Event)
}

const defaultAgent = "exchange"

func (c *Config) withDefaults() (Config, error) {
	var cfg Config
	if c != nil {
		cfg = *c
	}
	var err error
	if cfg.Limits, err = cfg.Limits.withDefaults(); err != nil {
		return cfg, err
	}
	if cfg.Agent == "" {
		cfg.Agent = defaultAgent
	}
	if len(cfg.Agent) > pxp.MaxAgent || !utf8.ValidString(cfg.Agent) {
		return cfg, fmt.Errorf("exchange: Config.Agent is %q: at most %d bytes of UTF-8 are allowed", cfg.Agent, pxp.MaxAgent)
	}
	if cfg.V1 < V1Accept || cfg.V1 > V1Only || cfg.V1 == V1Only && len(cfg.Secret) > 0 {
		return cfg, fmt.Errorf("exchange: Config.V1 is %d: want V1Accept, V1Refuse or, without a secret, V1Only", cfg.V1)
	}
	if cfg.TURN != nil && cfg.STUNPort == 0 {
		return cfg, errors.New("exchange: Config.TURN needs Config.STUNPort: the port at which the server answers")
	}
	if cfg.Identity == nil {
		if cfg.Identity, err = identity.NewKey(); err != nil {
			return cfg, err
		}
	}
	if cfg.Transport == nil {
		if cfg.Transport, err = wrtc.New(nil); err != nil {
			return cfg, fmt.Errorf("exchange: default transport: %w", err)
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg, nil
}
