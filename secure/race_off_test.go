//go:build !race

package secure

// raceEnabled tells that the race detector runs, under which cryptography is
// ten times slower and allocations are not what they are without it.
const raceEnabled = false
