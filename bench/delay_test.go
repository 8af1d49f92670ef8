package main

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestDelayTCP: a round trip for the handshake, another for the byte.
func TestDelayTCP(t *testing.T) {
	const delay = 5 * time.Millisecond
	each, err := setUps(plain{}, line{delay: delay}, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, micros := range each {
		if least := float64((4 * delay).Microseconds()); micros < least {
			t.Errorf("the first byte came back after %v us, which is less than %v", micros, least)
		}
	}
}

func TestDelayUDP(t *testing.T) {
	const delay = 5 * time.Millisecond
	hub := newDelayUDP(delay)
	defer hub.close()
	var ends [2]*net.UDPConn
	var told [2]netip.AddrPort
	for i := range ends {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		ends[i] = c
		real := c.LocalAddr().(*net.UDPAddr).AddrPort()
		line := "a=candidate:1 1 udp 2130706431 127.0.0.1 " + strings.TrimPrefix(real.String(), "127.0.0.1:") + " typ host\r\n"
		field := strings.Fields(hub.through(line))
		told[i] = netip.MustParseAddrPort(field[4] + ":" + field[5])
		if told[i] == real {
			t.Fatalf("%q was left as it is", line)
		}
	}
	began := time.Now()
	if _, err := ends[0].WriteToUDPAddrPort([]byte("x"), told[1]); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	n, from, err := ends[1].ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < delay {
		t.Errorf("arrived after %v, sooner than %v", took, delay)
	}
	if string(buf[:n]) != "x" || from != told[0] {
		t.Errorf("%q from %v, want x from %v", buf[:n], from, told[0])
	}
}

func TestDelayUDPLeavesOthersAlone(t *testing.T) {
	hub := newDelayUDP(time.Millisecond)
	defer hub.close()
	for _, text := range []string{
		"a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host",
		"a=candidate:1 1 tcp 2130706431 127.0.0.1 9 typ host",
		"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n",
	} {
		if got := hub.through(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
