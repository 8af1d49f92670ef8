package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/peer-exchange/exchange/bootstrap"
	"github.com/peer-exchange/exchange/fuzz/attack"
	"github.com/peer-exchange/exchange/identity"
)

// playOptions say whom to attack. The attacker has a process of its own, so that it does not slow down who measures.
type playOptions struct {
	name, tcp, web, node, victim string
}

func (p *playOptions) register(flags *flag.FlagSet) {
	flags.StringVar(&p.name, "play", "", "of the attacker's process: the `attack`")
	flags.StringVar(&p.tcp, "play-tcp", "", "of the attacker's process: the node's `URL`")
	flags.StringVar(&p.web, "play-web", "", "of the attacker's process: the node's `URL` of WebSockets")
	flags.StringVar(&p.node, "play-node", "", "of the attacker's process: the node's `ID`")
	flags.StringVar(&p.victim, "play-victim", "", "of the attacker's process: the `ID` of a peer of it")
}

// run is the attacker's process: it attacks and prints what came of it.
func (p *playOptions) run(ctx context.Context, rate int, duration time.Duration, stdout io.Writer) error {
	a, err := attack.Find(p.name)
	if err != nil {
		return err
	}
	target := attack.Target{Network: network}
	if target.ID, err = identity.ParseID(p.node); err != nil {
		return err
	}
	if target.Victim, err = identity.ParseID(p.victim); err != nil {
		return err
	}
	tcp, err := bootstrap.ParseURL(p.tcp)
	if err != nil {
		return err
	}
	web, err := bootstrap.ParseURL(p.web)
	if err != nil {
		return err
	}
	target.Dial, target.DialWeb, target.Path = dialer(tcp.Port), dialer(web.Port), web.Path
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	tally, err := a.Run(ctx, target, rate)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(tally)
}

// dialer dials a port of this machine; the attacker's addresses are 127.1.0.0/16.
func dialer(port uint16) func(context.Context, int) (net.Conn, error) {
	return func(ctx context.Context, address int) (net.Conn, error) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(address>>8), byte(address))}}
		return d.DialContext(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	}
}

// played runs an attack in a process of its own and returns what came of it.
func played(ctx context.Context, a attack.Attack, n *node, victim identity.ID, o *options) (attack.Tally, time.Duration, error) {
	var tally attack.Tally
	self, err := os.Executable()
	if err != nil {
		return tally, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.duration+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "--play", a.Name, "--play-tcp", n.tcp.String(), "--play-web", n.web.String(),
		"--play-node", n.id.String(), "--play-victim", victim.String(), "--rate", fmt.Sprint(o.rate), "--duration", o.duration.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return tally, 0, fmt.Errorf("the attacker: %w", err)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return tally, used, json.Unmarshal(out, &tally)
}
