package main

import (
	"io"
	"log/slog"
)

// logs are the loggers of a command. They write to stderr.
type logs struct {
	node      *slog.Logger
	keeper    *slog.Logger // of package bootstrap, whose errors are events too
	transport *slog.Logger // of WebRTC, which has much to say that is no news
}

var noLogs = logs{slog.New(slog.DiscardHandler), slog.New(slog.DiscardHandler), slog.New(slog.DiscardHandler)}

// newLogs returns loggers for a command. One that tells people what happens on
// stdout does not tell the same again on stderr: only warnings are logged.
// Verbose logs everything.
func newLogs(stderr io.Writer, forPeople, verbose bool) logs {
	level := func(least slog.Level) *slog.Logger {
		return slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: least}))
	}
	switch {
	case verbose:
		return logs{level(slog.LevelDebug), level(slog.LevelDebug), level(slog.LevelInfo)}
	case forPeople:
		return logs{level(slog.LevelWarn), level(slog.LevelError), level(slog.LevelError)}
	}
	return logs{level(slog.LevelInfo), level(slog.LevelInfo), level(slog.LevelError)}
}

// with adds the name of a node.
func (l logs) with(node string) logs {
	return logs{l.node.With("node", node), l.keeper.With("node", node), l.transport.With("node", node)}
}
