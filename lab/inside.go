//go:build lab

package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// In calls f on a thread that is in the network of a host or a NAT: sockets that it opens, and processes that it starts, belong there. f
// must do so itself, not in other goroutines.
func (l *Lab) In(name string, f func()) {
	l.t.Helper()
	space := "/run/netns/" + l.node(name).space
	failed := make(chan error)
	go func() { failed <- within(space, f) }() // waited for below
	if err := <-failed; err != nil {
		l.t.Fatalf("lab: entering %s: %v", name, err)
	}
}

// within calls f in a network namespace, by its file. Its goroutine must end with it.
func within(space string, f func()) error {
	runtime.LockOSThread() // for good: the thread, which is somewhere else now, ends with the goroutine
	file, err := os.Open(space)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	f()
	return nil
}

// Listen opens a UDP socket at a port of a host; 0 is any. It has room for some thousand packets. It is closed when the test ends.
func (l *Lab) Listen(host string, port int) net.PacketConn {
	l.t.Helper()
	var c net.PacketConn
	var err error
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var refused error
		err := raw.Control(func(fd uintptr) {
			refused = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
		})
		return errors.Join(err, refused)
	}}
	l.In(host, func() { c, err = config.ListenPacket(l.t.Context(), "udp4", fmt.Sprintf("%v:%d", l.Addr(host), port)) })
	if err != nil {
		l.t.Fatalf("lab: listening in %s: %v", host, err)
	}
	l.t.Cleanup(func() { _ = c.Close() }) // a test may have closed it
	return c
}
