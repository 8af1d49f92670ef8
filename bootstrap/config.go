package bootstrap

import (
	"fmt"
	"log/slog"
	"time"
)

const (
	defaultMinBackoff = time.Second
	defaultMaxBackoff = time.Minute
)

// Config configures a [Keeper]. Nil, and the zero value of every field, mean
// the default stated. Join copies it.
type Config struct {
	// Seeds are the URLs of nodes to begin with ([ParseURL]). Default: none,
	// so that only the cache is dialed. Two URLs with ?v=1 of one node make two
	// peers of it: version 1 has no identity to see that by.
	Seeds []string

	// Cache is the file that remembers peers that were reached, across
	// restarts. It is made if missing, readable by its owner only. A file that
	// cannot be read or written is logged and costs nothing but the memory.
	// Default: none.
	Cache string

	// MinBackoff and MaxBackoff bound the time between two attempts at one
	// seed. Default: 1 s and 60 s.
	MinBackoff, MaxBackoff time.Duration

	// Logger receives what is worth knowing to an operator. Default: silent.
	Logger *slog.Logger

	// OnError, if not nil, is called for every attempt that failed, one at a
	// time, with the seed's URL; a seed that is the wrong one (another
	// network, another identity than pinned, ourselves, no node of this
	// protocol) is reported once, until it was reached. The Keeper waits for
	// it. It must not call Close.
	OnError func(url string, err error)
}

func (c *Config) withDefaults() (Config, error) {
	var cfg Config
	if c != nil {
		cfg = *c
	}
	if cfg.MinBackoff < 0 || cfg.MaxBackoff < 0 {
		return cfg, fmt.Errorf("bootstrap: Config.MinBackoff (%v) and Config.MaxBackoff (%v) must not be negative", cfg.MinBackoff, cfg.MaxBackoff)
	}
	if cfg.MinBackoff == 0 {
		cfg.MinBackoff = defaultMinBackoff
	}
	if cfg.MaxBackoff == 0 {
		cfg.MaxBackoff = max(defaultMaxBackoff, cfg.MinBackoff)
	}
	if cfg.MaxBackoff < cfg.MinBackoff {
		return cfg, fmt.Errorf("bootstrap: Config.MaxBackoff (%v) is below Config.MinBackoff (%v)", cfg.MaxBackoff, cfg.MinBackoff)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg, nil
}
