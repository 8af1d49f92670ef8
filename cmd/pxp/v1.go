package main

import (
	"fmt"

	"github.com/peer-exchange/exchange"
)

// v1Flag is --v1.
type v1Flag exchange.V1Policy

var v1Words = map[string]exchange.V1Policy{"accept": exchange.V1Accept, "refuse": exchange.V1Refuse, "only": exchange.V1Only}

// String implements pflag.Value.
func (f *v1Flag) String() string {
	for word, policy := range v1Words {
		if policy == exchange.V1Policy(*f) {
			return word
		}
	}
	return ""
}

// Set implements pflag.Value.
func (f *v1Flag) Set(word string) error {
	policy, ok := v1Words[word]
	if !ok {
		return fmt.Errorf("want accept, refuse or only")
	}
	*f = v1Flag(policy)
	return nil
}

// Type implements pflag.Value.
func (f *v1Flag) Type() string { return "policy" }
