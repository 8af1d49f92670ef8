package bootstrap

import (
	"os"
	"strconv"
	"syscall"
	"testing"
)

// TestNoDelay: what is written goes out at once, at both ends of each kind of socket (TCP_NODELAY).
func TestNoDelay(t *testing.T) {
	overSockets(t, func(t *testing.T, url, _ string) {
		a, b := newNode(t, testNetwork), newNode(t, testNetwork)
		before := connectedTCP(t)
		mustMeet(t, b, mustListen(t, a, url).URL(), a)
		found := 0
		for fd, noDelay := range connectedTCP(t) {
			if _, old := before[fd]; old {
				continue
			}
			found++
			if !noDelay {
				t.Errorf("socket %d waits for company", fd)
			}
		}
		if found < 2 {
			t.Errorf("found %d sockets, want both ends", found)
		}
	})
}

// connectedTCP returns the TCP connections of this process by file descriptor, and whether each has TCP_NODELAY.
func connectedTCP(t *testing.T) map[int]bool {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[int]bool)
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if _, err := syscall.Getpeername(fd); err != nil {
			continue
		}
		if v, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY); err == nil {
			found[fd] = v != 0
		}
	}
	return found
}
