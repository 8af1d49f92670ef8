package wrtc

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"testing"
)

// The sockets that a connection runs over have the kernel's buffers enlarged, as far as the kernel allows.
func TestKernelBuffers(t *testing.T) {
	plain, most := plainSocket(t), plainSocket(t)
	check(t, most.SetReadBuffer(kernelBufferBytes))
	check(t, most.SetWriteBuffer(kernelBufferBytes))
	a, b := pair(t, newWebRTC(t, loopback()), newWebRTC(t, loopback()))
	defer closeBoth(a, b)
	for name, option := range map[string]int{"SO_RCVBUF": syscall.SO_RCVBUF, "SO_SNDBUF": syscall.SO_SNDBUF} {
		t.Run(name, func(t *testing.T) {
			before, want := bufferOf(t, plain, option), bufferOf(t, most, option)
			if want <= before {
				t.Skipf("the kernel's maximum, %d bytes, is not above its default, %d", want, before)
			}
			for _, c := range []Conn{a, b} {
				if got := bufferAt(t, c.LocalAddr(), option); got != want {
					t.Errorf("%s has %d bytes, want %d; a plain socket has %d", c.LocalAddr(), got, want, before)
				}
			}
		})
	}
}

func plainSocket(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(t, err)
	t.Cleanup(func() { check(t, c.Close()) })
	return c
}

func bufferOf(t *testing.T, c *net.UDPConn, option int) (size int) {
	t.Helper()
	raw, err := c.SyscallConn()
	check(t, err)
	var failed error
	check(t, raw.Control(func(fd uintptr) { size, failed = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, option) }))
	check(t, failed)
	return size
}

// bufferAt looks among all that this process has open for the UDP socket with that address: pion does not hand it out.
func bufferAt(t *testing.T, addr net.Addr, option int) int {
	t.Helper()
	at, err := netip.ParseAddrPort(addr.String())
	check(t, err)
	open, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	for _, entry := range open {
		fd, err := strconv.Atoi(entry.Name())
		check(t, err)
		if kind, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE); err != nil || kind != syscall.SOCK_DGRAM {
			continue
		}
		if local, err := syscall.Getsockname(fd); err != nil || addrPort(local) != at {
			continue
		}
		size, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, option)
		check(t, err)
		return size
	}
	t.Fatalf("no open UDP socket has the address %s", at)
	return 0
}

func addrPort(sa syscall.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
