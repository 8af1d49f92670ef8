package bootstrap

import (
	"bytes"
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/peer-exchange/exchange/identity"
)

const (
	maxEntries    = 64
	maxCacheBytes = 64 << 10 // of the file; maxEntries of the longest URLs take less
)

const cacheHeading = "# Peers that were reached: when, who, where. Written by package bootstrap; may be deleted.\n"

// entry is a line of the cache: a URL by which a peer was reached.
type entry struct {
	last time.Time // UTC, whole seconds
	peer identity.ID
	url  URL
}

// cache remembers the entries that were reached last, newest first, and keeps
// them in a file if it has one.
type cache struct {
	path    string // "": none
	log     *slog.Logger
	entries []entry
}

// openCache reads the file. What is wrong with it is logged.
func openCache(path string, log *slog.Logger) *cache {
	c := &cache{path: path, log: log}
	if path == "" {
		return c
	}
	data, err := readCache(path)
	if err != nil {
		log.Warn("peer cache not read", "file", path, "error", err)
		return c
	}
	var ignored int
	if c.entries, ignored = parseCache(data, time.Now()); ignored > 0 {
		log.Warn("peer cache is damaged: lines ignored", "file", path, "lines", ignored)
	}
	return c
}

// remember puts an entry first and writes the file.
func (c *cache) remember(u URL, peer identity.ID, now time.Time) {
	e := entry{last: now.UTC().Truncate(time.Second), peer: peer, url: u}
	c.entries = newest(append([]entry{e}, c.entries...))
	if c.path == "" {
		return
	}
	if err := writeCache(c.path, formatCache(c.entries)); err != nil {
		c.log.Warn("peer cache not written", "file", c.path, "error", err)
	}
}

// newest sorts entries and drops those of a URL but the newest, and those above
// maxEntries.
func newest(entries []entry) []entry {
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(b.last.Compare(a.last))
	})
	seen := make(map[URL]bool)
	entries = slices.DeleteFunc(entries, func(e entry) bool {
		again := seen[e.url]
		seen[e.url] = true
		return again
	})
	return entries[:min(len(entries), maxEntries)]
}

// parseCache returns the entries in data and the number of lines that are none.
// Of data only the first maxCacheBytes count. Times after now become now.
func parseCache(data []byte, now time.Time) (entries []entry, ignored int) {
	if len(data) > maxCacheBytes {
		data = data[:maxCacheBytes]
		data = data[:bytes.LastIndexByte(data, '\n')+1] // the last line is cut
		ignored++
	}
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		e, err := parseEntry(string(line))
		if err != nil {
			ignored++
			continue
		}
		if e.last.After(now) {
			e.last = now.UTC().Truncate(time.Second)
		}
		entries = append(entries, e)
	}
	return newest(entries), ignored
}

func parseEntry(line string) (entry, error) {
	fields := bytes.Fields([]byte(line))
	if len(fields) != 3 {
		return entry{}, fmt.Errorf("%d fields, want 3", len(fields))
	}
	last, err := time.Parse(time.RFC3339, string(fields[0]))
	if err != nil {
		return entry{}, err
	}
	if year := last.UTC().Year(); year < 0 || year > 9999 {
		return entry{}, fmt.Errorf("year %d", year)
	}
	peer, err := identity.ParseID(string(fields[1]))
	if err != nil {
		return entry{}, err
	}
	u, err := ParseURL(string(fields[2]))
	if err == nil {
		err = u.dialable()
	}
	return entry{last.UTC().Truncate(time.Second), peer, u}, err
}

// formatCache returns the text of a file with those entries.
func formatCache(entries []entry) []byte {
	var b bytes.Buffer
	b.WriteString(cacheHeading)
	for _, e := range entries {
		fmt.Fprintf(&b, "%s %s %s\n", e.last.Format(time.RFC3339), e.peer, e.url)
	}
	return b.Bytes()
}
