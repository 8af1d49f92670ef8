package attack

import (
	"context"
	"time"
)

// This file is what peers do to the multiplexer of version 2, frame by frame.

var muxAttacks = []Attack{
	{"mux/streams", "opens streams and resets them", "StreamsPerSecond, StreamBurst", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error {
				_, err := r.open("x", frame(kindWindow, flagRST, 0, 0))
				return err
			})
		}},
	{"mux/names", "opens streams of one name and leaves them", "Streams, StreamsPerSecond", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error {
				_, err := r.open("data")
				return err
			})
		}},
	{"mux/nameless", "opens streams and never says their names", "Streams, 10 s for a name", 200,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error {
				r.writing.Lock()
				defer r.writing.Unlock()
				r.streams++
				_, err := r.conn.Write(dataFrame(flagSYN, firstID+2*(r.streams-1), []byte{255}))
				return err
			})
		}},
	{"mux/unread", "sends what is echoed and never reads it", "StreamWindow", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error {
				r.quiet.Store(true)
				_, err := r.fill(8 << 10)
				return err
			})
		}},
	{"mux/grow", "has its windows grown, and stops to read", "SessionBytes, ExchangeBytes", 0, grow},
	{"mux/overrun", "sends more than it was allowed", "StreamWindow: LimitError", 0,
		func(ctx context.Context, p *player) {
			full := dataFrame(0, dataID, make([]byte, 32<<10))
			p.asPeers(ctx, func(r *peer) error {
				r.quiet.Store(true)
				return r.send(full)
			})
		}},
	{"mux/giant", "announces a frame of 4 GiB", "64 KiB in a frame: LimitError", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.send(frame(kindData, 0, dataID, 1<<32-1)) })
		}},
	{"mux/closed", "sends data on a stream that it has ended", "ProtocolError", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error {
				return r.send(frame(kindWindow, flagFIN, dataID, 0), dataFrame(0, dataID, []byte("more")))
			})
		}},
	{"mux/dead", "sends data for streams that were reset", "what a stream was allowed: LimitError", 0,
		func(ctx context.Context, p *player) {
			full := dataFrame(0, firstID, make([]byte, 32<<10))
			p.asPeers(ctx, func(r *peer) error {
				if r.streams == 0 {
					_, err := r.open("x", frame(kindWindow, flagRST, 0, 0))
					return err
				}
				return r.send(full)
			})
		}},
	{"mux/unopened", "sends frames for streams that nobody opened", "ProtocolError", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.send(frame(kindWindow, 0, 99999, 1)) })
		}},
	{"mux/parity", "opens streams with ids of the other side", "ProtocolError", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.send(opening(100, "x")) })
		}},
	{"mux/alive", "answers no keepalive, and lives on by frames without data", "DeadAfter: any byte counts; Peers", 5,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.send(dataFrame(0, dataID, nil)) })
		}},
	{"mux/pongs", "answers pings that nobody has sent", "100 pings in a burst, 10 a second: LimitError", 500,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.send(frame(kindPing, flagACK, 0, 7)) })
		}},
	{"mux/closing", "says again and again that it closes, and stays", "no streams are opened to it", 20,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.send(frame(kindGoAway, 0, 0, 0)) })
		}},
	{"mux/pings", "pings the multiplexer", "100 pings in a burst, 10 a second: LimitError", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.send(frame(kindPing, flagSYN, 0, 7)) })
		}},
	{"mux/windows", "allows more and more, byte by byte", "the carrier: a frame for a frame", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.send(frame(kindWindow, 0, dataID, 1)) })
		}},
	{"mux/empty", "sends frames without data", "the carrier: a frame for a frame", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.send(dataFrame(0, dataID, nil)) })
		}},
}

// fill sends n bytes on the data stream if the target allows it, and says whether it did.
func (r *peer) fill(n int) (bool, error) {
	if r.credit[dataID].Load() < int64(n) {
		return false, nil
	}
	r.credit[dataID].Add(-int64(n))
	return true, r.send(dataFrame(0, dataID, make([]byte, n)))
}

// growingPeers are enough to use up all that windows may grow by, with places left for others.
const growingPeers = 30

// grow makes the target believe that the line is long, so that it enlarges the window of a stream which it reads well;
// then reads nothing, so that the target, which echoes, does not read either, and sends all that it may.
func grow(ctx context.Context, p *player) {
	const growTime = 2 * time.Second
	p.pong = 20 * time.Millisecond
	p.lanes(growingPeers, func(lane int) {
		for ctx.Err() == nil {
			r, err := p.join(ctx, lane)
			if err != nil {
				if !p.next(ctx) {
					return
				}
				continue
			}
			began := time.Now()
			for err == nil && p.next(ctx) && !r.ended() {
				r.quiet.Store(time.Since(began) > growTime)
				var sent bool
				if sent, err = r.fill(32 << 10); err == nil && !sent {
					select { // for the target to allow more
					case <-time.After(5 * time.Millisecond):
					case <-ctx.Done():
					}
				}
			}
			r.leave()
		}
	})
}
