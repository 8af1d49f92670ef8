package attack

import (
	"context"

	"github.com/peer-exchange/exchange/pxp"
)

// This file is text that is meant for the terminals and logs of others.

// Escapes is what the attacks on names put into them: it clears a terminal, sets its title, ends a line and begins
// another that looks like an event, and turns the direction of writing.
const Escapes = "\x1b[2J\x1b]0;owned\x07\r\n{\"event\":\"ready\"}\n\u009b31m\u202e\u2028\x00\x7f"

var nameAttacks = []Attack{
	{"names/agent", "runs a program whose name is control characters", "replaced in events and logs", 20,
		func(ctx context.Context, p *player) {
			p.each(ctx, 2, func(lane int) error {
				r, err := p.joinAs(ctx, lane, Escapes)
				if err != nil {
					return err
				}
				r.leave()
				return nil
			})
		}},
	{"names/bye", "says goodbye in control characters", "replaced in events and logs", 20,
		func(ctx context.Context, p *player) {
			p.each(ctx, 2, func(lane int) error {
				r, err := p.join(ctx, lane)
				if err != nil {
					return err
				}
				_ = r.say(pxp.Bye{Code: pxp.CodeInternal, Reason: Escapes})
				r.over(ctx)
				return nil
			})
		}},
	{"names/streams", "opens streams whose names are control characters", "reset", 50,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error {
				_, err := r.open(Escapes)
				return err
			})
		}},
	{"names/magic", "begins with control characters", "quoted in logs", 50,
		func(ctx context.Context, p *player) {
			p.each(ctx, 2, func(lane int) error {
				c, err := p.socket(ctx, lane)
				if err != nil {
					return err
				}
				_, err = c.Write([]byte("\x1b[2J\x07"))
				p.refused(ctx, c)
				return err
			})
		}},
}
