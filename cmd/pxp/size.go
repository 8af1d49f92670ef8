package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteSize is a flag's value: a number of bytes such as "500", "64MiB" or
// "1.5GiB". K, M, G and T without more mean KiB and so on; kB, MB, GB and
// TB are powers of 1000.
type byteSize int64

// maxByteSize bounds what can be asked for.
const maxByteSize = 1 << 40

var byteUnits = map[string]float64{
	"": 1, "b": 1,
	"k": 1 << 10, "kib": 1 << 10, "kb": 1e3,
	"m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
	"g": 1 << 30, "gib": 1 << 30, "gb": 1e9,
	"t": 1 << 40, "tib": 1 << 40, "tb": 1e12,
}

// Set parses a flag.
func (b *byteSize) Set(s string) error {
	digits := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if digits < 0 {
		digits = len(s)
	}
	unit, known := byteUnits[strings.ToLower(strings.TrimSpace(s[digits:]))]
	n, err := strconv.ParseFloat(s[:digits], 64)
	if err != nil || !known {
		return fmt.Errorf("a size is a number and a unit, as in 64MiB or 500KiB")
	}
	n = math.Round(n * unit)
	if n > maxByteSize {
		return fmt.Errorf("at most %s", formatBytes(maxByteSize))
	}
	*b = byteSize(n)
	return nil
}

// String is shown as the default in help.
func (b *byteSize) String() string { return strings.ReplaceAll(formatBytes(int64(*b)), " ", "") }

// Type is shown in help.
func (b *byteSize) Type() string { return "size" }
