package identity

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestKeyFromSeedLength(t *testing.T) {
	for _, n := range []int{0, 31, 33, 64} {
		if key, err := KeyFromSeed(make([]byte, n)); err == nil {
			t.Errorf("%d bytes: %v", n, key)
		}
	}
}

func TestKeyFromSeedCopies(t *testing.T) {
	seed := bytes.Repeat([]byte{7}, SeedSize)
	key, err := KeyFromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	clear(seed)
	if !key.ID().Verify(nil, key.Sign(nil)) || key.ID() != testKey(t, 7).ID() {
		t.Error("the key changed with the caller's seed")
	}
}

func TestNewKeyIsNew(t *testing.T) {
	a, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if a.ID() == b.ID() || a.ID().IsZero() {
		t.Errorf("keys %v and %v", a, b)
	}
	if !a.ID().Verify([]byte("x"), a.Sign([]byte("x"))) {
		t.Error("signature refused")
	}
}

func TestKeyPrintsNoSecret(t *testing.T) {
	key := testKey(t, 0xa7)
	seed := bytes.Repeat([]byte{0xa7}, SeedSize)
	type config struct {
		Public  *Key
		private *Key
		value   Key
	}
	cfg := config{key, key, *key}
	printed := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%08b", "%c", "%U"} {
		printed["pointer "+verb] = fmt.Sprintf(verb, key)
		printed["value "+verb] = fmt.Sprintf(verb, *key)
		if want := "identity.Key(" + key.ID().String() + ")"; printed["pointer "+verb] != want || printed["value "+verb] != want {
			t.Errorf("%s prints %s and %s", verb, printed["pointer "+verb], printed["value "+verb])
		}
		printed["struct "+verb] = fmt.Sprintf(verb, cfg)
		printed["struct pointer "+verb] = fmt.Sprintf(verb, &cfg)
		printed["slice "+verb] = fmt.Sprintf(verb, []any{key, *key, cfg})
	}
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var buf bytes.Buffer
		slog.New(handler(&buf)).Info("m", "key", key, "value", *key, "cfg", cfg, "group", slog.GroupValue(slog.Any("k", key)))
		printed[name] = buf.String()
		if !strings.Contains(buf.String(), key.ID().String()) {
			t.Errorf("%s: no ID in %s", name, &buf)
		}
	}
	b, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	printed["json"] = string(b)
	printed["Println"] = fmt.Sprintln(key, *key)
	printed["error"] = fmt.Errorf("with %v", key).Error()

	// The seed in every form in which Go prints bytes.
	forms := []string{
		hex.EncodeToString(seed[:4]), strings.ToUpper(hex.EncodeToString(seed[:4])), "167 167 167", "0xa7, 0xa7",
		"10100111 10100111", string(seed[:4]), `\xa7\xa7`, text.EncodeToString(seed)[:16], "p6en", "§§§", "p6enp6en",
	}
	for name, s := range printed {
		for _, form := range forms {
			if strings.Contains(s, form) {
				t.Errorf("%s shows the seed: %s", name, s)
			}
		}
	}
	if got, want := fmt.Sprintf("%v %#v", key, *key), "identity.Key("+key.ID().String()+")"; got != want+" "+want {
		t.Errorf("prints as %s", got)
	}
	if got := fmt.Sprint(Key{}); got != "identity.Key(none)" {
		t.Errorf("the zero key prints as %s", got)
	}
}
