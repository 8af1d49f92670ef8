// Command pxp runs nodes of the Peer Exchange Protocol, and shows what it does:
//
//	pxp demo      three nodes in one process: two meet through the third and send a file over WebRTC
//	pxp node      one long-running node of a network
//	pxp key       makes and shows key files, which are peers' identities
//	pxp version   what this is
//
// README.md beside this file has the events that `--json` prints. Exit status: 0
// when done, 1 when it failed, 2 when the command line was wrong, 128 and the
// signal's number when a signal cut it short.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(realMain()) }

func realMain() int {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	return run(ctx, os.Stdin, os.Stdout, os.Stderr, os.Args[1:])
}

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return fmt.Sprintf("interrupted by a signal (%v)", i.signal) }

// untilSignal returns a context that the first SIGINT or SIGTERM ends, with an
// interrupted as cause. From then on these signals do what they do to any
// program, so that the second one ends it at once.
func untilSignal(parent context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	// Ended by the signal or by stop, which waits.
	go func() {
		defer close(done)
		select {
		case s := <-signals:
			signal.Stop(signals)
			number, _ := s.(syscall.Signal)
			cancel(interrupted{number})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-done
		signal.Stop(signals)
	}
}
