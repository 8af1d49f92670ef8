package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"time"
)

// pauses watches how long the machine keeps this process waiting: the most that
// a goroutine which sleeps for a millisecond oversleeps. What stalls no longer
// than that was not made to stall by what carries it.
type pauses struct {
	stop chan struct{}
	most chan time.Duration // cap 1: filled at the end
}

func watchPauses() *pauses {
	p := &pauses{make(chan struct{}), make(chan time.Duration, 1)}
	go func() { // ended by longest, which waits
		most := time.Duration(0)
		for {
			began := time.Now()
			select {
			case <-p.stop:
				p.most <- most
				return
			case <-time.After(time.Millisecond):
				most = max(most, time.Since(began)-time.Millisecond)
			}
		}
	}()
	return p
}

// longest ends the watch.
func (p *pauses) longest() time.Duration {
	close(p.stop)
	return <-p.most
}

// overflowed is how many datagrams this machine's UDP sockets had no room for
// so far; 0 where that is not told.
func overflowed() float64 {
	f, err := os.Open("/proc/net/snmp")
	if err != nil {
		return 0
	}
	defer f.Close()
	var names []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || fields[0] != "Udp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "RcvbufErrors" && i < len(fields) {
				n, _ := strconv.ParseFloat(fields[i], 64) // the kernel writes numbers
				return n
			}
		}
	}
	return 0
}
