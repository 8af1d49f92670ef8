// Command dos attacks a real pxp node, in a process of its own, while honest clients measure:
//
//	go run ./fuzz/dos                              every attack of fuzz/attack
//	go run ./fuzz/dos --attack mux/streams,hello   one, and a group
//	go run ./fuzz/dos --list                       what there is
//
// It prints a table; README.md beside fuzz says how to read it. Exit status 1: a bar that holds on any machine was missed
// (the node died, an honest peer was lost, memory above the bound, something left behind, output that a terminal would
// obey). How much slower the honest clients were counts only with --strict, on a machine that does nothing else. It
// needs Linux: /proc, and all of 127.0.0.0/8.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/peer-exchange/exchange/fuzz/attack"
)

// options is the command line.
type options struct {
	attacks  string
	rate     int
	duration time.Duration
	quiet    time.Duration
	recovery time.Duration
	json     bool
	list     bool
	strict   bool
	boundMiB int

	play playOptions // of the attacker's process, which is this program again
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("dos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.attacks, "attack", "", "`names` or groups, with commas between (default all)")
	flags.IntVar(&o.rate, "rate", -1, "actions a second, 0: as many as go (default: the attack's own)")
	flags.DurationVar(&o.duration, "duration", 5*time.Second, "how long each attack lasts")
	flags.DurationVar(&o.quiet, "quiet", 3*time.Second, "how long is measured before it")
	flags.DurationVar(&o.recovery, "recovery", 5*time.Second, "how long a node may take until all is as before")
	flags.BoolVar(&o.json, "json", false, "print one JSON object a line instead of the table")
	flags.BoolVar(&o.list, "list", false, "print the attacks and what they meet, and do nothing")
	flags.BoolVar(&o.strict, "strict", false, "fail also when honest clients were more than three times slower")
	flags.IntVar(&o.boundMiB, "bound", memoryBoundMiB, "memory of the node in `MiB` at most")
	o.play.register(flags)
	if err := flags.Parse(args); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case o.play.name != "":
		err = o.play.run(ctx, o.rate, o.duration, stdout)
	case o.list:
		for _, a := range attack.All() {
			fmt.Fprintf(stdout, "%-22s %s. Meets: %s\n", a.Name, a.Does, a.Meets)
		}
	default:
		err = o.measure(ctx, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return 1
	}
	return 0
}

// chosen returns the attacks that the command line names.
func (o *options) chosen() (chosen []attack.Attack, err error) {
	if o.attacks == "" {
		return attack.All(), nil
	}
	for name := range strings.SplitSeq(o.attacks, ",") {
		inGroup := slices.DeleteFunc(attack.All(), func(a attack.Attack) bool { return !strings.HasPrefix(a.Name, name+"/") })
		if len(inGroup) == 0 {
			a, err := attack.Find(name)
			if err != nil {
				return nil, err
			}
			inGroup = []attack.Attack{a}
		}
		chosen = append(chosen, inGroup...)
	}
	return chosen, nil
}

// measure runs the attacks one after the other, each against a node of its own; before them none, for comparison.
func (o *options) measure(ctx context.Context, stdout, stderr io.Writer) error {
	attacks, err := o.chosen()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "dos")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	lab, err := newLab(ctx, dir, stderr)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(stdout)
	if !o.json {
		printHeader(stdout)
	}
	var missed []string
	baseline := 0
	for _, a := range append([]attack.Attack{{Name: nobody, Rate: 0}}, attacks...) {
		fmt.Fprintf(stderr, "%s: %s\n", a.Name, a.Does)
		row, err := lab.attacked(ctx, a, o)
		if err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
		if a.Name == nobody {
			baseline = row.Goroutines
		}
		row.judge(baseline, o)
		if len(row.Missed) > 0 {
			missed = append(missed, a.Name)
		}
		if !o.json {
			row.print(stdout)
		} else if err := encoder.Encode(row); err != nil {
			return err
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("bars were missed by %s", strings.Join(missed, ", "))
	}
	return nil
}

// nobody is the name of the row without an attack.
const nobody = "(none)"
