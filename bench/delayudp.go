package main

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// delayUDP is a long line between sockets on loopback. Each that takes part
// gets a second address, which is what others are told: what they send there
// arrives at the socket after delay, from the sender's second address. So two
// ends of ICE see nothing but second addresses of each other, as through a
// router.
type delayUDP struct {
	delay time.Duration
	wg    sync.WaitGroup

	mu     sync.Mutex
	second map[netip.AddrPort]*net.UDPConn // by real address
	over   bool
}

func newDelayUDP(delay time.Duration) *delayUDP {
	return &delayUDP{delay: delay, second: make(map[netip.AddrPort]*net.UDPConn)}
}

// candidateLine finds address and port of ICE candidates, wherever they stand.
var candidateLine = regexp.MustCompile(`(candidate:\S+ \d+ (?i:udp) \d+ )(127\.\d+\.\d+\.\d+) (\d+)`)

// through puts second addresses into all candidates of a description, or a
// candidate.
func (d *delayUDP) through(text string) string {
	return candidateLine.ReplaceAllStringFunc(text, func(line string) string {
		part := candidateLine.FindStringSubmatch(line)
		ip, err := netip.ParseAddr(part[2])
		port, err2 := strconv.ParseUint(part[3], 10, 16)
		if err != nil || err2 != nil || port == 0 {
			return line
		}
		c := d.of(netip.AddrPortFrom(ip, uint16(port)))
		if c == nil {
			return line
		}
		return part[1] + "127.0.0.1 " + strconv.Itoa(c.LocalAddr().(*net.UDPAddr).Port)
	})
}

// of returns the second socket of an address, a new one if need be.
func (d *delayUDP) of(real netip.AddrPort) *net.UDPConn {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.second[real]; c != nil || d.over {
		return c
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil
	}
	_ = c.SetReadBuffer(4 << 20) // with less, more is lost: no error
	_ = c.SetWriteBuffer(4 << 20)
	d.second[real] = c
	late := make(chan packet, maxLate)
	d.wg.Go(func() { d.read(c, late) })       // ended by close, which waits
	d.wg.Go(func() { d.deliver(real, late) }) // ends after read
	return c
}

// maxLate bounds the packets that are under way to one socket. More are lost,
// as on any line.
const maxLate = 1 << 16

type packet struct {
	data []byte
	from *net.UDPConn // the sender's second socket
	due  time.Time
}

func (d *delayUDP) read(c *net.UDPConn, late chan<- packet) {
	defer close(late)
	buf := make([]byte, 64<<10)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		sender := d.of(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		if sender == nil {
			continue
		}
		select {
		case late <- packet{append([]byte(nil), buf[:n]...), sender, time.Now().Add(d.delay)}:
		default:
		}
	}
}

func (d *delayUDP) deliver(to netip.AddrPort, late <-chan packet) {
	clock := newAlarm()
	defer clock.close()
	for p := range late {
		clock.sleepUntil(p.due)
		_, _ = p.from.WriteToUDPAddrPort(p.data, to) // nobody there: lost
	}
}

func (d *delayUDP) close() {
	d.mu.Lock()
	d.over = true
	for _, c := range d.second {
		c.Close()
	}
	d.mu.Unlock()
	d.wg.Wait()
}
