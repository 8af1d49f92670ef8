package mux

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "data:my network", "höhle/1", strings.Repeat("x", 255), "\u00a0"} {
		b := appendName(nil, name)
		if got, n, err := parseName(append(b, "rest"...)); got != name || n != len(b) || err != nil {
			t.Errorf("%q: got %q, %d, %v", name, got, n, err)
		}
		for i := range b { // a prefix is not enough to tell
			if got, n, err := parseName(b[:i]); got != "" || n != 0 || err != nil {
				t.Errorf("%q cut to %d: got %q, %d, %v", name, i, got, n, err)
			}
		}
	}
	for _, name := range []string{"", strings.Repeat("x", 256), "\x00", "a\nb", "\x7f", "\u0080", "\u009f", "\xff", "a\xc3"} {
		var nameErr *NameError
		if err := checkName(name); !errors.As(err, &nameErr) || nameErr.Name != name {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if _, n, err := parseName([]byte{0}); err == nil || n != 1 {
		t.Errorf("empty name: %d, %v", n, err)
	}
}

func FuzzName(f *testing.F) {
	f.Add([]byte("\x03abc and data"))
	f.Add([]byte{0})
	f.Add([]byte{255})
	f.Add([]byte("\x02\xc3\xa9"))
	f.Fuzz(func(t *testing.T, b []byte) {
		name, n, err := parseName(b)
		switch {
		case n > len(b) || n > 1+maxNameBytes:
			t.Fatalf("took %d of %d bytes", n, len(b))
		case n == 0 && (name != "" || err != nil):
			t.Fatalf("undecided, yet %q, %v", name, err)
		case n > 0 && err == nil && string(appendName(nil, name)) != string(b[:n]):
			t.Fatalf("%q is not what was read", name)
		case n > 0 && (err == nil) != (checkName(name) == nil):
			t.Fatalf("%q: %v", name, err)
		}
	})
}
