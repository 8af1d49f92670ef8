package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm wakes a goroutine of a delay line in time. The runtime's own timers are
// up to a millisecond late when nothing else happens, since they wait for whole
// ones, and what ConnectWith does far away sleeps four times; this is a file of the
// kernel's that can be read when it is time, for which the runtime waits as for
// a socket.
type alarm struct {
	fd   int
	file *os.File // nil: there is none, and time.Sleep has to do
}

func newAlarm() *alarm {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return &alarm{}
	}
	return &alarm{fd, os.NewFile(uintptr(fd), "alarm")}
}

// sleepUntil returns then, or at once when that has passed. Only one goroutine
// may sleep.
func (a *alarm) sleepUntil(then time.Time) {
	wait := time.Until(then)
	if wait <= 0 {
		return
	}
	if a.file != nil {
		after := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(wait))}
		if unix.TimerfdSettime(a.fd, 0, &after, nil) == nil {
			var count [8]byte
			_, _ = a.file.Read(count[:]) // if it fails, what is left is slept below
		}
	}
	time.Sleep(time.Until(then))
}

func (a *alarm) close() {
	if a.file != nil {
		a.file.Close()
	}
}
