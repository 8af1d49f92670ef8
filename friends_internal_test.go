package exchange

import "github.com/peer-exchange/exchange/identity"

// NameOnly makes a hostile node of ex: it names only whom f is true for.
func (ex *Exchange) NameOnly(f func(identity.ID) bool) { ex.nameOnly = f }
