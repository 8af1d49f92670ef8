package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/peer-exchange/exchange/identity"
)

func newKeyCommand() *cobra.Command {
	key := &cobra.Command{
		Use:   "key",
		Short: "Make and show key files",
		Long: `A key file holds a peer's private key. Its public half is the peer ID, by which
others know the peer in every network. Whoever has the file can pass for the
peer: keep it readable by its owner only (mode 0600, as "key new" makes it).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	key.AddCommand(
		&cobra.Command{
			Use:     "new FILE",
			Short:   "Make a new key file and print its peer ID",
			Long:    "Make a new key file and print its peer ID. A file that exists is never overwritten.",
			Example: "  pxp key new alice.key",
			Args:    cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return newKey(cmd.OutOrStdout(), args[0])
			},
		},
		&cobra.Command{
			Use:     "show FILE",
			Short:   "Print the peer ID of a key file, never the key",
			Example: "  pxp key show alice.key",
			Args:    cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return showKey(cmd.OutOrStdout(), args[0])
			},
		},
	)
	return key
}

func newKey(stdout io.Writer, file string) error {
	key, err := identity.NewKey()
	if err != nil {
		return failed(err, "")
	}
	if err := key.Save(file); err != nil {
		hint := ""
		switch {
		case errors.Is(err, fs.ErrExist):
			hint = "choose another name, or remove the file if nobody needs that identity any more"
		case errors.Is(err, fs.ErrNotExist):
			hint = "make its directory first"
		}
		return failed(err, hint)
	}
	_, err = fmt.Fprintln(stdout, key.ID())
	return failed(err, "")
}

func showKey(stdout io.Writer, file string) error {
	key, err := loadKey(file)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, key.ID())
	return failed(err, "")
}

// loadKey is identity.LoadKey with advice.
func loadKey(file string) (*identity.Key, error) {
	key, err := identity.LoadKey(file)
	format := (*identity.KeyFileError)(nil)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, failed(err, fmt.Sprintf("pxp key new %q makes one", file))
	case errors.Is(err, identity.ErrExposed):
		return nil, failed(err, fmt.Sprintf("chmod 600 %q; if others may have read it, make a new key", file))
	case errors.As(err, &format):
		return nil, failed(err, "key files are made by: pxp key new FILE")
	}
	return key, failed(err, "")
}
