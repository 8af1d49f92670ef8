package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Exit statuses, besides 0.
const (
	exitFailed = 1
	exitUsage  = 2
	exitSignal = 128 // and the signal's number
)

// run runs the command line args and returns the exit status. It returns when
// nothing that it started is left.
func run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) int {
	root := newRootCommand()
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	return report(stderr, cmd, err)
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "pxp",
		Short: "Peers without a server: every node introduces its peers to each other",
		Long: `pxp runs nodes of the Peer Exchange Protocol. Every node tells its peers about
its other peers and relays the signaling between two of them until they are
connected directly over WebRTC, so a network needs no signaling server.

Begin with: pxp demo`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(newDemoCommand(), newNodeCommand(), newKeyCommand(), newVersionCommand())
	return root
}

// failure is what the run function of a command returns when it failed; any
// other error of a command is about its command line.
type failure struct {
	err  error
	hint string // what the user can do about it; may be empty
	code int
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failed says that err ended a command, and what the user can do about it.
func failed(err error, hint string) error {
	if f := (*failure)(nil); err == nil || errors.As(err, &f) {
		return err
	}
	code := exitFailed
	if i := (interrupted{}); errors.As(err, &i) {
		code, hint = exitSignal+int(i.signal), ""
	}
	return &failure{err: err, hint: hint, code: code}
}

// report prints err for a person and returns the exit status.
func report(stderr io.Writer, cmd *cobra.Command, err error) int {
	if err == nil {
		return 0
	}
	f := (*failure)(nil)
	if !errors.As(err, &f) {
		f = usage(cmd, err)
	}
	fmt.Fprintf(stderr, "error: %s\n", printable(f.Error()))
	if f.hint != "" {
		fmt.Fprintf(stderr, "hint: %s\n", printable(f.hint))
	}
	return f.code
}

// usage is about a command line that cobra or a command refused.
func usage(cmd *cobra.Command, err error) *failure {
	hint := fmt.Sprintf("%s --help lists what it takes", cmd.CommandPath())
	// Cobra adds commands with a similar name, one a line.
	text, rest, _ := strings.Cut(err.Error(), "\n\n")
	if similar := strings.Fields(rest); len(similar) > 0 {
		hint = fmt.Sprintf("did you mean %q? %s", similar[len(similar)-1], hint)
	}
	return &failure{err: errors.New(text), hint: hint, code: exitUsage}
}
