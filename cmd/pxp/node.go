package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/bootstrap"
)

// nodeOptions is the command line of pxp node.
type nodeOptions struct {
	network    string
	listen     []string
	bootstrap  []string
	keyFile    string
	secretFile string
	v1         v1Flag
	cacheFile  string
	agent      string
	stun       string
	turn       string // "": not; turnAuto, or the address that others reach this machine at
	target     int
	deadAfter  time.Duration
	loopback   bool
	echo       bool
	json       bool
	verbose    bool

	loopbackSet bool          // --loopback was given
	drainTime   time.Duration // how long the orderly end may take
}

func newNodeCommand() *cobra.Command {
	o := nodeOptions{drainTime: drainTime}
	cmd := &cobra.Command{
		Use:   "node --network NAME [--listen URL]... [--bootstrap URL]...",
		Short: "Run a node of a network until a signal ends it",
		Long: `Node is one node of a network. It listens on every --listen URL, joins the
network at the --bootstrap URLs, introduces its peers to each other, and with
--target looks for more peers until it has so many.

URLs are tcp://HOST:PORT, ws://HOST:PORT/PATH and wss://HOST/PATH. Port 0 in a
--listen URL is a free port. "#" and a peer ID behind a --bootstrap URL says who
must answer there; "?v=1" that it is npm peer-exchange, which has no peer IDs.

A node with a public address answers STUN at the UDP port of its first --listen
URL there: it tells peers behind NATs at which address they are seen, so that they
can meet directly without anybody else's server. Let that port through your
firewall. --stun :PORT says where, also on a machine whose public address is its
router's (forward the port); --stun off turns it off.

With --turn the node also relays packets between its peers and others (TURN, at
the same port, and UDP ports that the system picks), where no direct way is found:
this costs it their traffic, at most 1 MiB/s for each peer and 16 MiB/s for all.
Peers get credentials by themselves. --turn=IP says the public address when it is the router's.

A peer comes with a data stream. What arrives on it is read and thrown away, so
that nobody waits for this node; with --echo it is sent back, and the stream's end is
answered with an end.

SIGTERM and SIGINT (Ctrl-C) make the node say goodbye to its peers and exit with
status 0, within some seconds; a second one ends it at once.

With --json, one JSON object a line on stdout and nothing else there:
  listening  url, peer (our own ID)
  serving    url: STUN is answered there, or ("turn:") also TURN
  ready      everything is set up: peer (our own ID), network
  peer       there is a session with a peer: peer, path ("tcp", "ws", "webrtc",
             "relay"), protocol (1, 2), via (who introduced it), incoming, agent,
             local and remote (addresses; with "webrtc" behind how ICE found them)
  unmet      a peer that was looked for could not be met: peer, via, step, error
  gone       it is over: peer, path, detail, reason: "closed", "dead" (not heard for
             --dead-after), "lost" (the connection broke), "superseded" (there is a
             better path to the same peer), "refused", "protocol", "other"
  error      error, url, hint: something did not work; the node goes on if it can
More events and members may come: ignore those that you do not know. Logs go to
stderr: with --json what an operator should know, else warnings; with -v all.`,
		Example: `  pxp node --network hello --listen tcp://:8000 --listen ws://:8080/pxp
  pxp node --network hello --bootstrap tcp://example.org:8000 --target 4
  pxp key new me.key
  pxp node --network hello --bootstrap ws://example.org:8080/pxp --key me.key --echo --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.loopbackSet = cmd.Flags().Changed("loopback")
			if err := o.check(); err != nil {
				return err
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.network, "network", "", "name of the network (required)")
	flags.StringArrayVar(&o.listen, "listen", nil, "listen at this `URL`; may be repeated")
	flags.StringArrayVar(&o.bootstrap, "bootstrap", nil, "join the network at this `URL`; may be repeated")
	flags.StringVar(&o.keyFile, "key", "", "key `file`: the node's identity (default: a new one, forgotten at the end)")
	flags.StringVar(&o.secretFile, "secret-file", "", "`file` with the network's secret, readable by its owner only; makes the network private")
	flags.Var(&o.v1, "v1", "`policy` for version 1 of the protocol (npm peer-exchange): accept, refuse or only; refuse with a secret")
	flags.IntVar(&o.target, "target", 0, "keep looking for peers until there are so many (0: only those at --bootstrap)")
	flags.BoolVar(&o.echo, "echo", false, "answer every data stream with what it receives")
	flags.BoolVar(&o.json, "json", false, "print events as JSON, one object a line")
	flags.StringVar(&o.cacheFile, "cache", "", "remember good addresses in this `file` and use them too")
	flags.StringVar(&o.agent, "agent", agentName(), "`name` of the application that peers are told")
	flags.StringVar(&o.stun, "stun", stunAuto, "answer STUN at this UDP `address`: auto, off, :PORT or IP:PORT")
	flags.StringVar(&o.turn, "turn", "", "relay for peers by TURN, from the public `IP` address (default: this machine's)")
	flags.Lookup("turn").NoOptDefVal = turnAuto
	flags.BoolVar(&o.loopback, "loopback", false, "offer loopback addresses for WebRTC too (default: if all URLs given are on loopback)")
	flags.DurationVar(&o.deadAfter, "dead-after", 0, "a peer that is silent for this long is gone (default 45s); pinged three times as often")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "log more")
	for _, name := range []string{"listen", "bootstrap", "network", "agent"} {
		// Fails only for a flag that does not exist.
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	return cmd
}

// check finds what is wrong with the command line alone.
func (o *nodeOptions) check() error {
	switch {
	case o.network == "":
		return errors.New("--network NAME is missing")
	case len(o.listen) == 0 && len(o.bootstrap) == 0 && o.cacheFile == "":
		return errors.New("--listen or --bootstrap is missing: the node could meet nobody")
	case o.v1 == v1Flag(exchange.V1Only) && o.secretFile != "":
		return errors.New("--v1=only and --secret-file exclude each other: version 1 has no secrets")
	case o.target < 0:
		return fmt.Errorf("--target %d is negative", o.target)
	case o.checkSTUN() != nil:
		return o.checkSTUN()
	case o.deadAfter != 0 && o.deadAfter < minDeadAfter:
		return fmt.Errorf("--dead-after %v is too short: at least %v", o.deadAfter, minDeadAfter)
	}
	for _, url := range o.urls() {
		if _, err := bootstrap.ParseURL(url); err != nil {
			return err
		}
	}
	return nil
}

// urls returns all that the user gave.
func (o *nodeOptions) urls() []string {
	return slices.Concat(o.listen, o.bootstrap)
}

const (
	minDeadAfter = time.Second
	drainTime    = 5 * time.Second
)

func (o *nodeOptions) run(ctx context.Context, stdout, stderr io.Writer) error {
	out := &output{w: stdout, json: o.json}
	err := o.runNode(ctx, out, newLogs(stderr, !o.json, o.verbose))
	if err == nil {
		err = failed(out.failed(), "")
	}
	if f, ok := errors.AsType[*failure](err); ok {
		out.emitError(f)
	}
	return err
}

func (o *nodeOptions) limits() exchange.Limits {
	return exchange.Limits{KeepAlive: o.deadAfter / 3, DeadAfter: o.deadAfter}
}
