package main

import (
	"math"
	"slices"
	"strconv"
)

// summary is the median of some samples, the least and the most.
type summary struct {
	median, min, max float64
	n                int
}

// summarize leaves out samples that are missing. With none left all is NaN.
func summarize(samples []number) summary {
	var sorted []float64
	for _, s := range samples {
		if !s.missing() {
			sorted = append(sorted, float64(s))
		}
	}
	n := len(sorted)
	if n == 0 {
		return summary{math.NaN(), math.NaN(), math.NaN(), 0}
	}
	slices.Sort(sorted)
	return summary{median: (sorted[(n-1)/2] + sorted[n/2]) / 2, min: sorted[0], max: sorted[n-1], n: n}
}

// quantile returns the least of samples that at least the share q of them does
// not exceed. It sorts them.
func quantile[T ~int64 | ~float64](samples []T, q float64) T {
	slices.Sort(samples)
	i := int(math.Ceil(q*float64(len(samples)))) - 1
	return samples[min(max(i, 0), len(samples)-1)]
}

// formatNumber has so many significant digits, and no exponent.
func formatNumber(f float64, digits int) []byte {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'g', digits, 64), 64)
	return strconv.AppendFloat(nil, rounded, 'f', -1, 64)
}

func parseNumber(b []byte) (float64, error) {
	if string(b) == "null" {
		return math.NaN(), nil
	}
	return strconv.ParseFloat(string(b), 64)
}

// show is for people: three digits, more where they are before the point.
func show(f float64) string {
	if math.IsNaN(f) {
		return "-"
	}
	if f == 0 {
		return "0"
	}
	if math.Abs(f) >= 100 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'f', max(0, 2-int(math.Floor(math.Log10(math.Max(math.Abs(f), 0.01))))), 64)
}

var nan = math.NaN()
