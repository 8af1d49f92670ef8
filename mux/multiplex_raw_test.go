package mux_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// Types of multiplex@6's frames, written down a second time so that a mistake in the package shows.
const (
	mOpen, mDataBack, mData, mEndBack, mEnd, mDestroyBack, mDestroy, mNone = 0, 1, 2, 3, 4, 5, 6, 7
)

// m is a frame of multiplex@6 with a header that is written as an unsigned number of 32 bits, as the original does.
func m(channel int32, kind int, payload string) []byte {
	b := binary.AppendUvarint(nil, uint64(uint32(channel<<3|int32(kind))))
	b = binary.AppendUvarint(b, uint64(len(payload)))
	return append(b, payload...)
}

// mFrame is a frame that was sent.
type mFrame struct {
	channel int32
	kind    int
	payload []byte
}

// parseMultiplex returns the frames that b is made of, and what is left when the last is not whole.
func parseMultiplex(b []byte) (frames []mFrame, rest []byte) {
	for len(b) > 0 {
		header, n := binary.Uvarint(b)
		length, k := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || k <= 0 || uint64(len(b)-n-k) < length {
			return frames, b
		}
		end := n + k + int(length)
		frames = append(frames, mFrame{int32(uint32(header)) >> 3, int(header & 7), b[n+k : end]})
		b = b[end:]
	}
	return frames, nil
}

// multiplexRaw starts a session of wire version 1 for a raw peer.
func multiplexRaw(t testing.TB, cfg *mux.Config) (mux.Session, *rawPeer) {
	t.Helper()
	a, b := memnet.PipeConfig{Buffer: 8 << 20}.Pipe()
	s, err := mux.Multiplex(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); s.Close() })
	return s, &rawPeer{t, a}
}

// mustSay closes the session and fails unless all that it ever sent are these frames.
func (r *rawPeer) mustSay(s mux.Session, frames ...[]byte) {
	r.t.Helper()
	s.Close()
	got, err := io.ReadAll(r)
	if err != nil {
		r.t.Fatal(err)
	}
	if want := bytes.Join(frames, nil); !bytes.Equal(got, want) {
		r.t.Fatalf("sent %s, want %s", short(got), short(want))
	}
}

func short(b []byte) string { return fmt.Sprintf("%d bytes %.200x", len(b), b) }

// mustReadText fails unless the next bytes of r are want.
func mustReadText(t testing.TB, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("read %.100q, %v; want %.100q", got[:n], err, want)
	}
}

// mustReadErr fails unless Read returns want and nothing else.
func mustReadErr(t testing.TB, r io.Reader, want error) {
	t.Helper()
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != want {
		t.Fatalf("read %d bytes, %v; want %v", n, err, want)
	}
}

func mustWriteText(t testing.TB, w io.Writer, text string) {
	t.Helper()
	if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(text), err)
	}
}
