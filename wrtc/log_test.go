//go:build !js

package wrtc

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestPionLogs(t *testing.T) {
	var out bytes.Buffer
	h := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})
	l := loggerFactory{slog.New(h)}.NewLogger("ice")
	l.Tracef("packet %d", 1) // below debug
	l.Debug("100% literal")
	l.Debugf("candidate %d", 2)
	l.Info("i")
	l.Warnf("w%d", 3)
	l.Error("e")
	got := out.String()
	for _, want := range []string{
		`level=DEBUG msg="100% literal" pion=ice`, `level=DEBUG msg="candidate 2" pion=ice`,
		"level=INFO msg=i pion=ice", "level=WARN msg=w3 pion=ice", "level=ERROR msg=e pion=ice",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "packet") {
		t.Error("trace at level debug")
	}
}
