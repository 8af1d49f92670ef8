//go:build !js

package wrtc

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"regexp"
	"strings"
	"sync"
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

// A password that pion prints, in whatever words, does not reach the log; what stands around it does.
func TestPionLogsNoPassword(t *testing.T) {
	for in, want := range map[string]string{
		`Started agent: isControlling? true, remoteUfrag: "abcd", remotePwd: "S3CRETS3CRET"`: `Started agent: isControlling? true, remoteUfrag: "abcd", remotePwd: (hidden)`,
		`localPwd: "S3CRET\"S3CRET", next: 1`:                                                `localPwd: (hidden), next: 1`,
		`a=ice-pwd:S3CRET more`:                                                              `a=ice-pwd:(hidden) more`,
		`{Username:u Password:S3CRET URL:x}`:                                                 `{Username:u Password:(hidden) URL:x}`,
		`credential = S3CRET, user = u`:                                                      `credential = (hidden), user = u`,
		`100% of 3 passwords were fine`:                                                      `100% of 3 passwords were fine`,
	} {
		var out bytes.Buffer
		loggerFactory{slog.New(slog.NewJSONHandler(&out, nil))}.NewLogger("ice").Infof("%s", in)
		var got struct{ Msg string }
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Msg != want {
			t.Errorf("%q is logged as %q, %v; want %q", in, got.Msg, err, want)
		}
	}
}

// Neither ICE's passwords nor those of servers are in a log of all that pion says, with servers that do not answer.
func TestLogsHoldNoPasswords(t *testing.T) {
	const credential, user = "S3CRETcredential", "user-of-the-server"
	var mu sync.Mutex
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: levelTrace}))
	cfg := &Config{Logger: logger, ICEServers: []ICEServer{{URLs: []string{"turn:10.0.0.99:3478?transport=udp"}, Username: user, Credential: credential}}}
	passwords := []string{credential}
	inLabs(t, cfg, func(t *testing.T, l *lab) {
		sa, sb := wires()
		for _, s := range []*wire{sa, sb} {
			s.change = func(s Signal) []Signal {
				if m := regexp.MustCompile(`a=ice-pwd:(\S+)`).FindStringSubmatch(s.Text); m != nil {
					mu.Lock()
					passwords = append(passwords, m[1])
					mu.Unlock()
				}
				return []Signal{s}
			}
		}
		ra, rb := both(t.Context(), l.a, l.b, sa, sb)
		if ra.err != nil || rb.err != nil {
			t.Fatal(ra.err, rb.err)
		}
		closeBoth(ra.conn, rb.conn)
	})
	if len(passwords) != 5 || !strings.Contains(out.String(), "remoteUfrag") {
		t.Errorf("%d passwords, %d bytes of log", len(passwords), out.Len())
	}
	for _, p := range passwords {
		if strings.Contains(out.String(), p) {
			t.Errorf("the log has the password %q", p)
		}
	}
}
