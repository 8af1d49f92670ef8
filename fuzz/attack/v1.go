package attack

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/peer-exchange/exchange/pxp"
)

// This file is what peers of version 1 do, which has no identities, no encryption and no flow control.

var v1Attacks = []Attack{
	{"v1/nested", "sends arrays in arrays in arrays, as deep as a line is long", "MaxNesting", 0,
		func(ctx context.Context, p *player) {
			p.asPeers1(ctx, func(r *peer1) error { return r.say(`["x",` + strings.Repeat("[", 60000)) })
		}},
	{"v1/line", "sends a line without an end", "MaxLine", 0,
		func(ctx context.Context, p *player) {
			p.asPeers1(ctx, func(r *peer1) error { return r.write(0, bytes.Repeat([]byte(" "), 16<<10)) })
		}},
	{"v1/values", "sends lines of as many values as fit", "MaxValues", 0,
		func(ctx context.Context, p *player) {
			p.asPeers1(ctx, func(r *peer1) error { return r.say(`["x",[` + strings.Repeat("0,", 30000) + `0]]`) })
		}},
	{"v1/unknown", "sends commands that do not exist", "RequestsPerSecond, DeadAfter", 0,
		func(ctx context.Context, p *player) {
			p.asPeers1(ctx, func(r *peer1) error { return r.say(`["x","1",null]`) })
		}},
	{"v1/upgrades", "sends signals where no circuit is", "RequestsPerSecond, DeadAfter", 0,
		func(ctx context.Context, p *player) {
			p.asPeers1(ctx, func(r *peer1) error {
				return r.say(`["upgrade","1",{"transport":"webrtc","signal":{"type":"offer","sdp":"x"}}]`)
			})
		}},
	{"v1/unread", "sends what is echoed and never reads it", "4 MiB of a stream, ExchangeBytes; 30 s", 0,
		func(ctx context.Context, p *player) {
			p.asPeers1(ctx, func(r *peer1) error {
				r.stop.Do(func() { close(r.deaf) })
				return r.write(1, make([]byte, 32<<10))
			})
		}},
	{"v1/giant", "announces a frame of 1 GiB and sends it slowly", "4 MiB of a stream", 200,
		func(ctx context.Context, p *player) {
			p.asPeers1(ctx, func(r *peer1) error {
				if !r.begun {
					r.begun = true
					return r.send(binary.AppendUvarint(binary.AppendUvarint(nil, 1<<3|frame1Data), 1<<30))
				}
				return r.send(make([]byte, 1<<10))
			})
		}},
	{"v1/streams", "opens streams of many names", "StreamsPerSecond, Streams", 0,
		func(ctx context.Context, p *player) {
			p.asPeers1(ctx, func(r *peer1) error {
				r.streams++
				open := frame1(r.streams+1, frame1Open, []byte(strconv.Itoa(r.streams)))
				return r.send(append(open, frame1(r.streams+1, frame1Data, []byte("x"))...))
			})
		}},
	{"v1/dead", "sends data on channels that nobody opened", "thrown away: as the original does", 0,
		func(ctx context.Context, p *player) {
			p.asPeers1(ctx, func(r *peer1) error { return r.write(77, make([]byte, 8<<10)) })
		}},
}

// Types of multiplex's frames.
const (
	frame1Open = 0
	frame1Data = 2
)

func frame1(channel int, kind byte, payload []byte) []byte {
	b := binary.AppendUvarint(nil, uint64(channel)<<3|uint64(kind))
	b = binary.AppendUvarint(b, uint64(len(payload)))
	return append(b, payload...)
}

// peer1 is a hostile peer of version 1. Channel 0 is its control stream, channel 1 its data stream.
type peer1 struct {
	p       *player
	socket  net.Conn
	streams int
	begun   bool

	deaf chan struct{} // closed: nothing more is read
	stop sync.Once
	done chan struct{} // closed when reading has ended
}

func (r *peer1) send(b []byte) error {
	_, err := r.socket.Write(b)
	return err
}

func (r *peer1) write(channel int, b []byte) error { return r.send(frame1(channel, frame1Data, b)) }

func (r *peer1) say(line string) error { return r.write(0, []byte(line+"\n")) }

// join1 makes a peer of version 1 of the target.
func (p *player) join1(ctx context.Context, address int) (*peer1, error) {
	socket, err := p.socket(ctx, address)
	if err != nil {
		return nil, err
	}
	r := &peer1{p: p, socket: socket, deaf: make(chan struct{}), done: make(chan struct{})}
	if err := r.open(ctx); err != nil {
		p.count(func(t *Tally) { t.Failed++ })
		p.drop(socket)
		return nil, err
	}
	p.count(func(t *Tally) { t.Peers++ })
	go r.read(ctx) // ended with the socket by leave, which waits
	return r, nil
}

func (r *peer1) open(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = r.socket.Close() })
	defer stop()
	_ = r.socket.SetDeadline(time.Now().Add(handshakeTime))
	defer func() { _ = r.socket.SetDeadline(time.Time{}) }()
	if err := r.send(append([]byte(pxp.Magic1), frame1(0, frame1Open, []byte(pxp.ControlStream))...)); err != nil {
		return err
	}
	if err := r.say(`["hello","0",[1,{"pxp":true,"relay":true,"webrtc":true},["` + r.p.Network + `"]]]`); err != nil {
		return err
	}
	if err := r.until(`["hello"`); err != nil {
		return err
	}
	if err := r.send(frame1(1, frame1Open, []byte("data:"+r.p.Network))); err != nil {
		return err
	}
	if err := r.say(`["connect","1","` + r.p.Network + `"]`); err != nil {
		return err
	}
	return r.until(`["res","1",null]`)
}

// until reads until that text has come.
func (r *peer1) until(text string) error {
	var got []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(got, []byte(text)) {
		n, err := r.socket.Read(buf)
		if err != nil {
			return err
		}
		if got = append(got, buf[:n]...); len(got) > 1<<20 {
			return errors.New("attack: too much before " + text)
		}
	}
	return nil
}

// read throws away what the target says.
func (r *peer1) read(ctx context.Context) {
	defer close(r.done)
	buf := make([]byte, 32<<10)
	for {
		select {
		case <-r.deaf:
			return
		default:
		}
		if _, err := r.socket.Read(buf); err != nil {
			if ctx.Err() == nil && err == io.EOF {
				r.p.count(func(t *Tally) { t.Ended++ })
			}
			return
		}
	}
}

func (r *peer1) leave() {
	r.p.drop(r.socket)
	<-r.done
}

// asPeers1 is asPeers for version 1.
func (p *player) asPeers1(ctx context.Context, do func(r *peer1) error) {
	joined := make([]*peer1, hostilePeers)
	p.each(ctx, hostilePeers, func(lane int) (err error) {
		if joined[lane] == nil {
			if joined[lane], err = p.join1(ctx, lane); err != nil {
				return err
			}
		}
		if err := do(joined[lane]); err != nil {
			joined[lane].leave()
			joined[lane] = nil
			return err
		}
		return nil
	})
	for _, r := range joined {
		if r != nil {
			r.leave()
		}
	}
}
