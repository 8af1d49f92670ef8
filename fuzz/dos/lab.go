package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/peer-exchange/exchange/fuzz/attack"
)

// lab runs attacks against a program.
type lab struct {
	program string
	stderr  io.Writer
}

// newLab builds pxp in dir.
func newLab(ctx context.Context, dir string, stderr io.Writer) (*lab, error) {
	l := &lab{program: filepath.Join(dir, "pxp"), stderr: stderr}
	build := exec.CommandContext(ctx, "go", "build", "-o", l.program, "github.com/peer-exchange/exchange/cmd/pxp")
	build.Stderr = stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("building pxp: %w", err)
	}
	return l, nil
}

// visitTime is how long somebody new may take to become a peer and be answered.
const visitTime = 5 * time.Second

// attacked starts a node and its honest clients, attacks, and measures before, during and after.
func (l *lab) attacked(ctx context.Context, a attack.Attack, o *options) (row row, err error) {
	row.Attack, row.Rate, row.Load = a.Name, o.rate, loadAverage()
	if o.rate < 0 {
		row.Rate = a.Rate
	}
	target := 0
	if a.Asks() {
		target = 20 // it asks its peers for more
	}
	n, err := startNode(ctx, l.program, target)
	if err != nil {
		return row, err
	}
	ended := false
	defer func() {
		if !ended {
			n.kill()
		}
	}()
	honest, err := newClients(ctx, n)
	if err != nil {
		return row, err
	}
	defer honest.close()
	pid := n.cmd.Process.Pid
	pause(ctx, 500*time.Millisecond) // for everything to have been done once

	began := time.Now()
	pause(ctx, o.quiet)
	row.Before = honest.between(began, time.Now())
	files, err := descriptors(pid)
	if err != nil {
		return row, err
	}
	if err := forgetPeak(pid); err != nil {
		return row, err
	}
	cpuBefore, err := cpuTime(pid)
	if err != nil {
		return row, err
	}

	began = time.Now()
	if a.Name == nobody {
		pause(ctx, o.duration)
	} else {
		var used time.Duration
		if row.Tally, used, err = played(ctx, a, n, honest.exchanges[0].ID(), o); err != nil {
			return row, err
		}
		row.AttackerCPU = used.Seconds() / o.duration.Seconds()
	}
	over := time.Now()
	row.During = honest.between(began, over)
	if cpuAfter, err := cpuTime(pid); err == nil {
		row.CPU = (cpuAfter - cpuBefore).Seconds() / over.Sub(began).Seconds()
	} else {
		row.miss("the node died")
	}

	row.recovered(ctx, n, honest, files, over, o.recovery)
	for _, ex := range honest.exchanges {
		if why := n.lost(ex.ID()); why != "" {
			row.miss("an honest peer was lost (" + why + ")")
		}
	}
	if err := honest.broken(); err != nil {
		row.miss(err.Error())
	}
	ended = true
	row.Goroutines = n.quit()
	row.LogBytes = n.logBytes
	if n.obeyed != "" {
		row.miss("printed " + n.obeyed)
	}
	return row, ctx.Err()
}

// recovered looks whether all is as before, again and again for so long, and whether somebody new gets in.
func (row *row) recovered(ctx context.Context, n *node, honest *clients, files int, over time.Time, within time.Duration) {
	pid := n.cmd.Process.Pid
	left, newcomer := -1, error(nil)
	for {
		now, err := descriptors(pid)
		if err != nil {
			break
		}
		left = now - files
		if left <= 0 {
			newcomer = visit(ctx, n)
		}
		row.Recovery = time.Since(over).Seconds()
		if left <= 0 && newcomer == nil || time.Since(over) > within || ctx.Err() != nil {
			break
		}
		pause(ctx, 100*time.Millisecond)
	}
	pause(ctx, time.Until(over.Add(2*window))) // enough for a quantile
	row.After = honest.between(over.Add(window), time.Now())
	var err error
	if row.RSS, row.Peak, err = memory(pid); err != nil {
		row.miss("the node died")
	}
	switch {
	case left > 0:
		row.miss(fmt.Sprintf("%d descriptors are left", left))
	case newcomer != nil:
		row.miss("nobody new gets in: " + newcomer.Error())
	}
}

// visit makes a peer of the node for a moment.
func visit(ctx context.Context, n *node) error {
	ctx, cancel := context.WithTimeout(ctx, visitTime)
	defer cancel()
	ex, conn, err := join(ctx, n.tcp)
	if err != nil {
		return err
	}
	defer ex.Close()
	return roundTrip(conn)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
