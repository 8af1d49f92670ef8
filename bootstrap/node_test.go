package bootstrap

import (
	"testing"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
)

const testNetwork = "bootstrap test"

// node returns an exchange in a network of that name, closed when the test
// ends.
func newNode(tb testing.TB, network string, options ...func(*exchange.Config)) *exchange.Exchange {
	tb.Helper()
	cfg := &exchange.Config{}
	for _, o := range options {
		o(cfg)
	}
	ex, err := exchange.New(network, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { ex.Close() })
	return ex
}

func withKey(key *identity.Key) func(*exchange.Config) {
	return func(c *exchange.Config) { c.Identity = key }
}

func newKey(tb testing.TB) *identity.Key {
	tb.Helper()
	key, err := identity.NewKey()
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// acceptConn returns the next data stream of ex.
func acceptConn(tb testing.TB, ex *exchange.Exchange) *exchange.Conn {
	tb.Helper()
	c, err := ex.Listener().Accept()
	if err != nil {
		tb.Fatal(err)
	}
	return c.(*exchange.Conn)
}
