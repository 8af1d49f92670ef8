// Command eclipse simulates networks in which some nodes are hostile and name only each other, and prints the two tables
// of SECURITY.md:
//
//	go run ./fuzz/eclipse                      1,000 nodes, 1,000 rounds
//	go run ./fuzz/eclipse -nodes 200 -rounds 300
//
// Who is asked, met, named and taken in is decided by internal/choice, as in the library; all else is a model, in which
// everything that is allowed works at once. In a round, half a minute say, one honest node in 200 leaves and another comes,
// dials two nodes by chance and looks for peers, as do those who have lost some. A hostile node never leaves, takes in everybody,
// answers last (which was of use once) and with other hostile nodes only, of whom all together name none twice to anybody
// before they have named all. In the first table each also dials 8 honest nodes; in the second one node in 20 is hostile, and
// they all dial one node in 50 each, before it has looked for anybody.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("eclipse", flag.ContinueOnError)
	flags.SetOutput(stderr)
	nodes := flags.Int("nodes", 1000, "how many nodes, at least 100")
	rounds := flags.Int("rounds", 1000, "how many rounds, at least 100")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *nodes < 100 || *rounds < 100 {
		fmt.Fprintln(stderr, "error: at least 100 nodes and 100 rounds are needed")
		return 2
	}
	fmt.Fprint(stdout, networkHead)
	for row := range cases {
		fmt.Fprint(stdout, networkRow(*nodes, *rounds, row))
	}
	fmt.Fprint(stdout, "\n", aimedHead)
	for row := range cases {
		fmt.Fprint(stdout, aimedRow(*nodes, *rounds, row))
	}
	return 0
}
