// Bench measures this project beside others that do the same, and says how far
// the goals are met.
//
//	go run .                      # everything, tables on stdout, progress on stderr
//	go run . --only stream,setup  # some of it; --list names what there is
//	go run . --only stream --row exchange --cpuprofile FILE
//	go run . --quick              # one short round: does it work, not how fast it is
//	go run . --json               # the samples
//	go run . --write              # into results.json, RESULTS.md and plots, each as soon as it is there in the place of that of its name
//	go run . --rounds 1           # one round as long as any: what a full run will take
//	go run . report               # RESULTS.md from results.json again
//	go run . plot [DIRECTORY]     # an SVG for each table of results.json
//
// Everything in one table is measured in one run, interleaved: each contender
// once, then each again. It is a module of its own so that what it is compared
// with never reaches users of the library.
//
// A rival that fails is tried once more and then a note in the table. Where a
// row of ours fails the run goes on, and its exit status is 1.
//
// A [contender] makes connected pairs (tcp.go, yamux.go, ours.go, libp2p.go,
// ...), a [measurement] asks one question of several of them (stream.go,
// roundtrip.go, streams.go, setup.go, ...). What was asked, what came out and
// how it is told are apart: run.go, result.go, table.go, goals.go, plot.go.
package main
