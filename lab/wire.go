//go:build lab

package lab

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// wire does what netem does in a kernel that has none: the ends of the link are two TAPs, and frames are moved from each to the
// other. It ends with the test.
func (l *Lab) wire(space string, s *segment, port string, link Link) {
	l.t.Helper()
	var wg sync.WaitGroup
	var ends [2]*os.File
	for i, to := range []struct{ space, name string }{{space, outer}, {s.space, port}} {
		name := fmt.Sprintf("%s%c%d", l.id, 'a'+i, len(l.nodes))
		tap, err := openTAP(name)
		if err != nil {
			l.t.Fatalf("lab: a TAP device: %v", err)
		}
		ends[i] = tap
		l.run("", "ip", "link", "set", name, "netns", to.space, "name", to.name)
	}
	l.t.Cleanup(func() {
		for _, end := range ends {
			if err := end.Close(); err != nil {
				l.t.Errorf("lab: closing a TAP device: %v", err)
			}
		}
		wg.Wait()
	})
	for i := range ends {
		in, out := ends[i], ends[1-i]
		d := &direction{link: link, out: out, wake: make(chan struct{}, 1), random: rand.New(rand.NewPCG(uint64(len(l.nodes)), uint64(i)))}
		done := make(chan struct{})
		wg.Go(func() { // ended by closing the TAP, waited for by the clean-up
			defer close(done)
			d.take(in)
		})
		wg.Go(func() { d.deliver(done) }) // ended by the one above, waited for likewise
	}
}

// direction is one of the two of a wire.
type direction struct {
	link   Link
	out    *os.File
	random *rand.Rand    // owned by take
	free   time.Time     // owned by take: when the packets before are through, at the link's rate
	wake   chan struct{} // capacity 1: there is a new frame

	mu     sync.Mutex
	frames frames
}

// take reads frames until the device is closed.
func (d *direction) take(in *os.File) {
	buf := make([]byte, 1<<16)
	for {
		n, err := in.Read(buf)
		if err != nil {
			if errors.Is(err, unix.EIO) { // not up yet, or taken down for a while
				time.Sleep(time.Millisecond)
				continue
			}
			return
		}
		if d.random.Float64() < d.link.Loss {
			continue
		}
		due := time.Now()
		if d.link.Rate > 0 {
			if d.free.Before(due) {
				d.free = due
			}
			d.free = d.free.Add(time.Duration(int64(n) * 8 * int64(time.Second) / d.link.Rate))
			due = d.free
		}
		due = due.Add(d.link.Delay)
		if d.link.Jitter > 0 {
			due = due.Add(rand.N(d.link.Jitter))
		}
		d.mu.Lock()
		if len(d.frames) < wirePackets {
			heap.Push(&d.frames, frame{due, append([]byte(nil), buf[:n]...)})
		}
		d.mu.Unlock()
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

// deliver writes each frame when it is due, until done.
func (d *direction) deliver(done <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		d.mu.Lock()
		for len(d.frames) > 0 && !d.frames[0].due.After(time.Now()) {
			f := heap.Pop(&d.frames).(frame)
			_, _ = d.out.Write(f.data) // a link that is down loses it
		}
		if len(d.frames) > 0 {
			timer.Reset(time.Until(d.frames[0].due))
		}
		d.mu.Unlock()
		select {
		case <-d.wake:
		case <-timer.C:
		case <-done:
			return
		}
	}
}

// frames is a heap by due.
type frames []frame

func (f frames) Len() int           { return len(f) }
func (f frames) Less(i, j int) bool { return f[i].due.Before(f[j].due) }
func (f frames) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }

// Push is for package heap.
func (f *frames) Push(x any) { *f = append(*f, x.(frame)) }

// Pop is for package heap.
func (f *frames) Pop() any {
	last := len(*f) - 1
	x := (*f)[last]
	*f = (*f)[:last]
	return x
}

// openTAP makes a TAP device. It stays as long as the file is open, in whatever namespace it is put.
func openTAP(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "/dev/net/tun"), nil
}
