//go:build !js

package wrtc

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"

	"github.com/pion/logging"
)

// loggerFactory gives pion's messages to slog, level by level (trace below Debug), with the scope as attribute and without passwords.
type loggerFactory struct{ log *slog.Logger }

func (f loggerFactory) NewLogger(scope string) logging.LeveledLogger {
	return pionLogger{f.log.With("pion", scope)}
}

type pionLogger struct{ log *slog.Logger }

func (l pionLogger) write(level slog.Level, msg string, args []any) {
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	if len(args) > 0 {
		msg = fmt.Sprintf(msg, args...)
	}
	l.log.Log(context.Background(), level, passwords.ReplaceAllString(msg, "${1}(hidden)"))
}

// passwords finds what pion says of a password: ice logs the other end's when an agent starts.
var passwords = regexp.MustCompile(`(?i)((?:pwd|passwd|password|credential)["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|[^\s,;)}]+)`)

// levelTrace is below Debug: pion traces every packet.
const levelTrace = slog.LevelDebug - 4

func (l pionLogger) Trace(msg string)          { l.write(levelTrace, msg, nil) }
func (l pionLogger) Tracef(f string, a ...any) { l.write(levelTrace, f, a) }
func (l pionLogger) Debug(msg string)          { l.write(slog.LevelDebug, msg, nil) }
func (l pionLogger) Debugf(f string, a ...any) { l.write(slog.LevelDebug, f, a) }
func (l pionLogger) Info(msg string)           { l.write(slog.LevelInfo, msg, nil) }
func (l pionLogger) Infof(f string, a ...any)  { l.write(slog.LevelInfo, f, a) }
func (l pionLogger) Warn(msg string)           { l.write(slog.LevelWarn, msg, nil) }
func (l pionLogger) Warnf(f string, a ...any)  { l.write(slog.LevelWarn, f, a) }
func (l pionLogger) Error(msg string)          { l.write(slog.LevelError, msg, nil) }
func (l pionLogger) Errorf(f string, a ...any) { l.write(slog.LevelError, f, a) }
