package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/peer-exchange/exchange/pxp"
)

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program and of the protocol it speaks",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "pxp %s (protocol %d, %s %s/%s)\n",
				programVersion(), pxp.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return failed(err, "")
		},
	}
}

// programVersion is the module's version and, when built inside a repository,
// its commit.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	if version == "" {
		version = "(devel)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && version == "(devel)" {
			version += " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return version
}

// agentName is what nodes tell their peers about the program.
func agentName() string { return "pxp " + programVersion() }
