package mux_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// Recordings of the original, peer-exchange@2.2.0, see spec/vectors/v1.
const vectorsDir = "../spec/vectors/v1/"

// recordings are the files that hold both sides of a session.
var recordings = []string{"a-tcp-echo.json", "a2-tcp-reopen.json", "b-C-A.json", "b-B-A.json", dataChannel}

// dataChannel holds both ends of one, each as a session of its own. The recording of a WebSocket has no frames but
// WebSocket's, and what is in these has the shape of the ones above: pxp/v1 reads it for its messages.
const dataChannel = "b-C-B-datachannel.json"

const magicBytes = 5 // "#PXP#", with which each stream begins

type recording struct {
	Stream map[string]string // by direction, hex
	Frames []struct {
		Dir     string
		Magic   string
		Hex     string
		Channel int32
		Type    int
	}
	Inner map[string]struct {
		Messages []struct{ Dir, Line string }
	}
}

func loadVectors(t testing.TB, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(vectorsDir + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func loadRecording(t testing.TB, file string) (r recording) {
	t.Helper()
	if file != dataChannel {
		loadVectors(t, file, &r)
		return r
	}
	var ends struct {
		B struct {
			recording
			Chunks []struct{ Dir, Hex string } // messages of the channel
		}
	}
	loadVectors(t, file, &ends)
	r = ends.B.recording
	r.Stream = make(map[string]string)
	for _, c := range ends.B.Chunks {
		r.Stream[c.Dir] += c.Hex
	}
	return r
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recorded is one stream of a recording as its reader should see it.
type recorded struct {
	channel int32
	name    string
	data    []byte
	ended   bool
}

// streamsOf returns the streams that frames carry, in order of their opens.
func streamsOf(t testing.TB, frames []mFrame) (streams []*recorded) {
	t.Helper()
	at := make(map[int32]*recorded)
	for _, f := range frames {
		switch f.kind {
		case mOpen:
			at[f.channel] = &recorded{f.channel, string(f.payload), nil, false}
			streams = append(streams, at[f.channel])
		case mData:
			at[f.channel].data = append(at[f.channel].data, f.payload...)
		case mEnd:
			at[f.channel].ended = true
		case mEndBack, mDestroy, mDestroyBack:
		default:
			t.Fatalf("frame of type %d", f.kind)
		}
	}
	return streams
}

// What the original sent, our session reads: whether the streams are opened before or after, and however it is cut.
func TestMultiplexReadsRecordings(t *testing.T) {
	for _, file := range recordings {
		r := loadRecording(t, file)
		for dir, text := range r.Stream {
			sent := unhex(t, text)[magicBytes:]
			frames, rest := parseMultiplex(sent)
			if len(rest) > 0 || len(frames) == 0 {
				t.Fatalf("%d frames and %d bytes", len(frames), len(rest))
			}
			for order, cfg := range map[string]memnet.PipeConfig{
				"after":           {Buffer: 1 << 20},
				"before":          {Buffer: 1 << 20},
				"before, by byte": {Buffer: 1 << 20, MaxRead: 1},
			} {
				t.Run(file+"/"+dir+"/"+order, func(t *testing.T) {
					a, b := cfg.Pipe()
					defer a.Close()
					s, err := mux.Multiplex(b, nil)
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					early := make(map[string]mux.Stream)
					streams := streamsOf(t, frames)
					if strings.HasPrefix(order, "before") {
						for _, want := range streams {
							if early[want.name] == nil { // of the same name only one at a time
								early[want.name] = mustOpen(t, s, want.name)
							}
						}
					}
					mustWriteText(t, a, string(sent))
					for _, want := range streams {
						st := early[want.name]
						delete(early, want.name)
						if st == nil {
							st = mustOpen(t, s, want.name)
						}
						mustReadRecorded(t, st, want, r, dir)
					}
				})
			}
		}
	}
}

// mustReadRecorded reads one stream, and when it carries a relayed session, its control stream too.
func mustReadRecorded(t *testing.T, st mux.Stream, want *recorded, r recording, dir string) {
	t.Helper()
	if inner, ok := r.Inner[want.name]; ok {
		mustReadText(t, st, "#PXP#")
		carrier := justRead{st, make(chan struct{})}
		s, err := mux.Multiplex(carrier, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		control := mustOpen(t, s, "pxp")
		close(carrier.opened)
		var lines strings.Builder
		for _, message := range inner.Messages {
			if message.Dir == dir {
				lines.WriteString(strings.TrimSuffix(message.Line, "\n") + "\n")
			}
		}
		if lines.Len() == 0 {
			t.Fatal("no messages")
		}
		mustReadText(t, control, lines.String())
		return
	}
	mustReadText(t, st, string(want.data))
	if want.ended {
		st.CloseWrite()
		mustReadErr(t, st, io.EOF)
	}
}

// justRead is a carrier that nothing is written to, and that is not read before the first stream is open.
type justRead struct {
	net.Conn
	opened chan struct{}
}

func (r justRead) Read(p []byte) (int, error) {
	<-r.opened
	return r.Conn.Read(p)
}

func (justRead) Write(p []byte) (int, error) { return len(p), nil }

// In the part of either side, doing what it did in that order, our session sends the very bytes that the original sent,
// but for its destroy frames.
func TestMultiplexRepeatsRecordings(t *testing.T) {
	for _, file := range recordings {
		r := loadRecording(t, file)
		for dir, text := range r.Stream {
			t.Run(file+"/"+dir, func(t *testing.T) {
				s, peer := multiplexRaw(t, nil)
				var want []byte
				destroys := 0
				ours, theirs := make(map[int32]mux.Stream), make(map[int32]string)
				byName := make(map[string]mux.Stream)
				for _, f := range r.Frames {
					if f.Magic != "" {
						continue
					}
					raw := unhex(t, f.Hex)
					frames, _ := parseMultiplex(raw)
					if len(frames) != 1 || frames[0].channel != f.Channel || frames[0].kind != f.Type {
						t.Fatalf("frame %s is not as described", f.Hex)
					}
					payload := string(frames[0].payload)
					switch {
					case f.Type == mDestroy || f.Type == mDestroyBack: // with the original what it answers to is still on the way
						if f.Dir == dir {
							destroys++
						}
						continue
					case f.Dir != dir:
						if f.Type == mOpen {
							theirs[f.Channel] = payload
						}
						peer.send(raw)
						continue
					case f.Type == mOpen:
						for len(ours) < int(f.Channel) { // streams that were created and never written to
							ours[int32(len(ours))] = mustOpen(t, s, "never written")
						}
						ours[f.Channel] = mustOpen(t, s, payload)
						byName[payload] = ours[f.Channel]
					case f.Type == mData:
						mustWriteText(t, ours[f.Channel], payload)
					case f.Type == mEnd:
						if err := ours[f.Channel].CloseWrite(); err != nil {
							t.Fatal(err)
						}
					case f.Type == mEndBack:
						if _, err := io.ReadAll(byName[theirs[f.Channel]]); err != nil {
							t.Fatal(err)
						}
					default:
						t.Fatalf("frame of type %d", f.Type)
					}
					want = append(want, raw...)
				}
				if len(want)+2*destroys != len(unhex(t, text))-magicBytes {
					t.Fatal("the frames are not all of the stream")
				}
				peer.mustSay(s, want)
			})
		}
	}
}

// What was sent to the original to see what it does, ours reads without harm. The control stream reads what was written
// to it before the first thing that ends it.
func TestMultiplexQuirks(t *testing.T) {
	var cases []struct{ Name, Sent string }
	loadVectors(t, "quirks.json", &cases)
	limits := map[string]string{ // the rest end with the carrier
		"varint of 20 bytes":             mux.LimitVarintBytes, // 100 with the original
		"varint of 200 bytes":            mux.LimitVarintBytes,
		"frame length 2^31, little data": mux.LimitFrameBytes,
		"frame length 2^40":              mux.LimitFrameBytes,
	}
	if len(cases) != 54 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, test := range cases {
		t.Run(test.Name, func(t *testing.T) {
			sent := unhex(t, test.Sent)
			sent = sent[min(magicBytes, len(sent)):]
			s, peer := multiplexRaw(t, nil)
			control := mustOpen(t, s, "pxp")
			peer.send(sent)
			peer.Conn.(*memnet.Conn).CloseWrite()

			frames, rest := parseMultiplex(sent)
			end := slices.IndexFunc(frames, func(f mFrame) bool {
				return f.channel == 0 && (f.kind == mEnd || f.kind == mDestroy || f.kind == mOpen && string(f.payload) != "pxp")
			})
			again := slices.IndexFunc(frames[min(1, len(frames)):], func(f mFrame) bool { return f.channel == 0 && f.kind == mOpen })
			var want []byte
			for i, f := range frames {
				if f.channel == 0 && f.kind == mData && (end < 0 || i < end) {
					want = append(want, f.payload...)
				}
			}
			got, err := io.ReadAll(control)
			<-s.Done()
			limit, limited := limits[test.Name]
			switch {
			case again >= 0 || end >= 0 && frames[end].kind == mDestroy:
				if err != mux.ErrReset || !bytes.HasPrefix(want, got) {
					t.Errorf("reset: read %q, %v", got, err)
				}
			case !bytes.Equal(got, want):
				t.Errorf("read %q, want %q", got, want)
			case end >= 0 && err != nil:
				t.Errorf("ended: %v", err)
			case end < 0 && !limited && !errors.Is(err, s.Err()):
				t.Errorf("read: %v", err)
			}
			var e *mux.LimitError
			switch err := s.Err(); {
			case limited && (!errors.As(err, &e) || e.Limit != limit):
				t.Errorf("session: %v", err)
			case !limited && len(rest) > 0 && !errors.Is(err, io.ErrUnexpectedEOF):
				t.Errorf("session: %v", err)
			case !limited && len(rest) == 0 && err != mux.ErrRemoteClosed:
				t.Errorf("session: %v", err)
			}
		})
	}
}
