package attack

import "log/slog"

// Talker is a transport that talks and never gets through, for the exchange that is attacked.
var Talker = talker{}

// Noticing is a handler that hands on the errors that are logged.
func Noticing(f func(error)) slog.Handler { return noticing{f} }
