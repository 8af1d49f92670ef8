package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// demoOptions is the command line of pxp demo.
type demoOptions struct {
	file    string
	size    byteSize
	timeout time.Duration
	json    bool
	verbose bool
}

const defaultDemoSize = 64 << 20

func newDemoCommand() *cobra.Command {
	o := demoOptions{size: defaultDemoSize}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show it: two nodes meet through a third, and send a file over WebRTC",
		Long: `Demo runs three nodes in this process, each with sockets of its own on loopback.
A listens on TCP and on WebSocket. B joins A by TCP, C joins A by WebSocket. Then
C asks for a new peer, meets B over WebRTC while A relays their signaling, and B
sends C a file over that connection: real ICE, DTLS and SCTP between two UDP
sockets. C compares the SHA-256 of the bytes that arrived with what B announced.

Nothing leaves this machine, and nothing is left on it. Exit status: 0 only if the
hashes agree, 130 after Ctrl-C.

With --json, one JSON object a line on stdout and nothing else there:
  node       a node has started: node ("A", "B", "C"), peer (its ID)
  file       what will be sent: file, bytes, sha256
  listening  node, url
  peer       node has a peer: peer, name, path, protocol, incoming, via
  step       a step of a meeting is done: node, step, ms, peer, via, error. The
             steps: handshake; query, circuit, gather, ice, dtls, channel,
             connect; first-byte
  met        two nodes have met: node, peer, name, path, via, ms (in all)
  progress   bytes, of, percent
  received   bytes, ms, mib_per_second, sha256 (of what arrived), announced, expected
  gone       node has lost a peer before the end: peer, name, reason, detail
  done       ok (true), sha256, relayed_bytes (signaling through A), ms
  error      error, hint: the demo failed; nothing follows`,
		Example: `  pxp demo
  pxp demo --file video.mp4
  pxp demo --json --size 1MiB`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("file") && cmd.Flags().Changed("size") {
				return fmt.Errorf("--file and --size exclude each other: a file has its own size")
			}
			if o.timeout < 0 {
				return fmt.Errorf("--timeout %v is negative", o.timeout)
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.file, "file", "", "send this file (default: pseudo-random bytes made on the spot)")
	flags.Var(&o.size, "size", "how many bytes to make, as in 500KiB or 1GiB")
	flags.DurationVar(&o.timeout, "timeout", 0, "give up after this time (default 1m and 1s for each MiB)")
	flags.BoolVar(&o.json, "json", false, "print events as JSON, one object a line")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "log what the nodes do to stderr")
	return cmd
}

func (o *demoOptions) run(ctx context.Context, stdout, stderr io.Writer) error {
	log := noLogs
	if o.verbose {
		log = newLogs(stderr, true, true)
	}
	start := time.Now()
	out := &output{w: stdout, json: o.json}
	out.prefix = func() string { return fmt.Sprintf("%6.2f s  ", time.Since(start).Seconds()) }
	err := runDemo(ctx, o, out, log)
	if err == nil {
		err = failed(out.failed(), "")
	}
	if f, ok := errors.AsType[*failure](err); ok {
		out.emitError(f)
	}
	return err
}

// demoTimeout is how long the demo may take when the user does not say.
func demoTimeout(bytes int64) time.Duration {
	return time.Minute + time.Duration(bytes>>20)*time.Second
}
