package exchange

import (
	"errors"
	"io"

	"github.com/peer-exchange/exchange/pxp"
)

// wire2 is the control stream of version 2: msgpack in frames (PXP §7).
type wire2 struct {
	in   frameReader
	last int // bytes of the last message
}

func (w *wire2) append(dst []byte, m pxp.Message) ([]byte, error) { return pxp.Append(dst, m) }

func (*wire2) forget(uint32) {}

func (*wire2) more() bool { return false } // frameReader reads no further than a message

func (w *wire2) next() (pxp.Message, error) {
	body, err := w.in.next()
	if err != nil {
		return nil, err
	}
	w.last = len(body)
	return pxp.Decode(body)
}

func (w *wire2) size() int { return w.last }

// errCutMessage means that the control stream was ended inside a message.
var errCutMessage = errors.New("control stream ended inside a message")

// frameReader cuts frames out of a stream. A read that times out may be
// repeated: what arrived is kept.
type frameReader struct {
	r   io.Reader
	buf []byte // the frame under way, header first; nil between frames
	n   int    // bytes of it that have arrived
}

// smallFrame is what most frames fit.
const smallFrame = 512

// next returns the body of the next frame, the caller's to keep.
// io.EOF means that the stream ended between frames.
func (f *frameReader) next() ([]byte, error) {
	if f.buf == nil {
		f.buf = make([]byte, 0, smallFrame)
	}
	if err := f.fill(2); err != nil {
		return nil, err
	}
	length, err := pxp.FrameLen([2]byte(f.buf[:2]))
	if err != nil {
		return nil, err
	}
	if err := f.fill(2 + length); err != nil {
		return nil, err
	}
	body := f.buf[2 : 2+length]
	f.buf, f.n = nil, 0 // there are as many as there are peers
	return body, nil
}

// fill reads until want bytes of the frame are there, and no further.
func (f *frameReader) fill(want int) error {
	if cap(f.buf) < want {
		grown := make([]byte, f.n, want)
		copy(grown, f.buf[:f.n])
		f.buf = grown
	}
	f.buf = f.buf[:want]
	for f.n < want {
		n, err := f.r.Read(f.buf[f.n:want])
		f.n += n
		if f.n >= want {
			break
		}
		if err == io.EOF && f.n > 0 {
			return errCutMessage
		}
		if err != nil {
			return err
		}
	}
	return nil
}
