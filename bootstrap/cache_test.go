package bootstrap

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/peer-exchange/exchange/identity"
)

var cacheNow = time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)

func mustURL(t testing.TB, s string) URL {
	t.Helper()
	u, err := ParseURL(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestCacheText(t *testing.T) {
	id := anID.String()
	good := "2030-01-02T03:04:05Z " + id + " tcp://h:1\n"
	for name, test := range map[string]struct {
		text    string
		urls    []string // of the entries
		ignored int
	}{
		"empty":               {"", nil, 0},
		"heading only":        {cacheHeading, nil, 0},
		"good":                {cacheHeading + good, []string{"tcp://h:1"}, 0},
		"no last newline":     {strings.TrimSuffix(good, "\n"), []string{"tcp://h:1"}, 0},
		"Windows":             {"\r\n" + strings.ReplaceAll(good, "\n", "\r\n"), []string{"tcp://h:1"}, 0},
		"other zone":          {"2030-01-02T03:04:05+07:00 " + id + " ws://h/p#" + id, []string{"ws://h/p#" + id}, 0},
		"newest first":        {good + "2030-01-02T03:04:06Z " + id + " tcp://h:2\n", []string{"tcp://h:2", "tcp://h:1"}, 0},
		"same URL twice":      {good + "2029-01-02T03:04:06Z " + id + " tcp://H:1\n", []string{"tcp://h:1"}, 0},
		"cut":                 {good + good[:40], []string{"tcp://h:1"}, 1},
		"too few fields":      {"2030-01-02T03:04:05Z tcp://h:1\n" + good, []string{"tcp://h:1"}, 1},
		"too many fields":     {"2030-01-02T03:04:05Z " + id + " tcp://h:1 x\n", nil, 1},
		"not a time":          {"yesterday " + id + " tcp://h:1\n", nil, 1},
		"year out of range":   {"9999-12-31T23:59:59-23:59 " + id + " tcp://h:1\n", nil, 1},
		"not an ID":           {"2030-01-02T03:04:05Z me tcp://h:1\n", nil, 1},
		"not a URL":           {"2030-01-02T03:04:05Z " + id + " http://h:1\n", nil, 1},
		"URL to listen only":  {"2030-01-02T03:04:05Z " + id + " tcp://:1\n", nil, 1},
		"binary":              {"\x00\xff\n\x1b[2J\n" + good + "\x00", []string{"tcp://h:1"}, 3},
		"one long line":       {strings.Repeat("x", maxCacheBytes+1), nil, 1},
		"longer than allowed": {good + strings.Repeat("#\n", maxCacheBytes/2) + "2030-01-02T03:04:06Z " + id + " tcp://h:2\n", []string{"tcp://h:1"}, 1},
	} {
		entries, ignored := parseCache([]byte(test.text), cacheNow)
		var urls []string
		for _, e := range entries {
			urls = append(urls, e.url.String())
		}
		if !slices.Equal(urls, test.urls) || ignored != test.ignored {
			t.Errorf("%s: %q, %d lines ignored; want %q, %d", name, urls, ignored, test.urls, test.ignored)
		}
	}
}

func TestCacheTimeToCome(t *testing.T) {
	entries, _ := parseCache([]byte("2999-01-01T00:00:00Z "+anID.String()+" tcp://h:1"), cacheNow)
	if len(entries) != 1 || !entries[0].last.Equal(cacheNow) {
		t.Errorf("%v, want the time now", entries)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := openCache("", nil)
	longest := strings.Repeat("a", maxURLBytes-len("wss://255.255.255.255:65535/100#")-len(anID.String()))
	for i := range 3 * maxEntries {
		u := mustURL(t, fmt.Sprintf("wss://255.255.255.255:65535/%03d%s#%s", i, longest, anID))
		c.remember(u, anID, cacheNow.Add(time.Duration(i)*time.Second))
	}
	if len(c.entries) != maxEntries || !strings.Contains(c.entries[0].url.Path, "/191") {
		t.Errorf("%d entries, the first is %v; want %d, the newest", len(c.entries), c.entries[0].url, maxEntries)
	}
	if n := len(formatCache(c.entries)); n > maxCacheBytes {
		t.Errorf("file of %d bytes, at most %d are read", n, maxCacheBytes)
	}
}

// logged returns a logger and what it has logged.
func logged() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}

func TestCacheFile(t *testing.T) {
	log, said := logged()
	dir := t.TempDir()
	path := filepath.Join(dir, "peers")
	a, b := mustURL(t, "tcp://a:1"), mustURL(t, "ws://b/p#"+anID.String())
	c := openCache(path, log)
	c.remember(a, anID, cacheNow)
	c.remember(b, anID, cacheNow.Add(time.Minute))
	c.remember(a, anID, cacheNow.Add(time.Hour))
	again := openCache(path, log)
	// The test runs before 2031: times to come are read as now.
	if len(again.entries) != 2 || again.entries[0].url != a || again.entries[1].url != b || again.entries[0].peer != anID {
		t.Errorf("read back: %+v", again.entries)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != cacheHeading+"2031-05-06T08:08:09Z "+anID.String()+" tcp://a:1\n2031-05-06T07:09:09Z "+anID.String()+" ws://b/p#"+anID.String()+"\n" {
		t.Errorf("file: %q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files left in the directory, want 1", len(files))
	}
	if said.Len() > 0 {
		t.Errorf("logged: %s", said)
	}
}

// What stands in the way of the file is logged, and the cache works on in
// memory.
func TestCacheFileInTrouble(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(dir string) (path string)
		says    string
	}{
		"damaged": {func(dir string) string {
			path := filepath.Join(dir, "peers")
			_ = os.WriteFile(path, []byte("rubbish\n\x00\x01\n"), 0o600)
			return path
		}, "damaged"},
		"huge": {func(dir string) string {
			path := filepath.Join(dir, "peers")
			f, _ := os.Create(path)
			_ = f.Truncate(1 << 40) // sparse
			_ = f.Close()
			return path
		}, "damaged"},
		"directory": {func(dir string) string { return dir }, "not a regular file"},
		"no directory": {func(dir string) string {
			return filepath.Join(dir, "missing", "peers")
		}, "not written"},
		"below a file": {func(dir string) string {
			_ = os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)
			return filepath.Join(dir, "file", "peers")
		}, "not written"},
		"device": {func(string) string { return os.DevNull }, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			log, said := logged()
			dir := t.TempDir()
			path := test.prepare(dir)
			c := openCache(path, log)
			c.remember(mustURL(t, "tcp://h:1"), anID, cacheNow)
			if len(c.entries) != 1 {
				t.Errorf("%d entries, want 1", len(c.entries))
			}
			if !strings.Contains(said.String(), test.says) {
				t.Errorf("logged %q, want %q", said, test.says)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".peers.*")); len(left) > 0 {
				t.Errorf("files left: %q", left)
			}
		})
	}
}

// FuzzCache: whatever the file, what is read from it is bounded, can be dialed
// and is read again from what is written.
func FuzzCache(f *testing.F) {
	line := "2030-01-02T03:04:05Z " + anID.String() + " tcp://h:1\n"
	for _, s := range []string{"", line, line + line[:30], cacheHeading + strings.Repeat(line, 3), "\x00\n# \n", "0000-01-01T00:00:00+23:59 " + anID.String() + " ws://h"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, ignored := parseCache(data, cacheNow)
		if len(entries) > maxEntries || len(entries)+ignored > bytes.Count(data, []byte("\n"))+2 {
			t.Fatalf("%d entries, %d ignored", len(entries), ignored)
		}
		for _, e := range entries {
			if e.last.After(cacheNow) || e.peer == (identity.ID{}) || e.url.dialable() != nil {
				t.Errorf("%+v", e)
			}
		}
		text := formatCache(entries)
		again, ignored := parseCache(text, cacheNow)
		if len(text) > maxCacheBytes || ignored != 0 || !slices.Equal(again, entries) {
			t.Errorf("written as %d bytes, %q, and read as %v, %d ignored; want %v", len(text), text, again, ignored, entries)
		}
	})
}
