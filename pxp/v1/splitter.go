package v1

import (
	"bytes"
	"fmt"
)

// Splitter cuts what arrives on the control stream into lines, wherever the pieces begin and end. It holds at most
// one byte more than [MaxLine]. The zero Splitter is ready. It is for one goroutine.
type Splitter struct {
	held []byte // the begin of a line, without its end
	err  error
}

// Feed takes the next bytes and calls line for each line that they complete, in order, without what ends it; empty lines
// are skipped. A line is valid only during the call. What follows the last line is kept for the next Feed.
//
// An error of line ends Feed, which returns it as it is. A line longer than MaxLine is a [*FormatError], as soon as that
// is certain and after all lines before it were handed over. After an error Feed does nothing but return it again.
func (s *Splitter) Feed(chunk []byte, line func(line []byte) error) error {
	for s.err == nil && len(chunk) > 0 {
		rest, whole := chunk, false
		if end := bytes.IndexByte(chunk, '\n'); end >= 0 {
			rest, chunk, whole = chunk[:end], chunk[end+1:], true
		} else {
			chunk = nil
		}
		// "\r" counts until it is known that the line ends behind it, one more byte than a line may have.
		if !fits(s.held, rest) {
			s.fail(&FormatError{Field: "line", Problem: fmt.Sprintf("longer than the limit of %d bytes", MaxLine)})
			break
		}
		if !whole {
			s.held = append(s.held, rest...)
			break
		}
		if len(s.held) > 0 {
			s.held = append(s.held, rest...)
			rest = s.held
		}
		rest = bytes.TrimSuffix(rest, []byte("\r"))
		if len(rest) > 0 {
			s.err = line(rest)
		}
		s.held = s.held[:0]
	}
	return s.err
}

// fits reports whether held and more can be, or begin, a line together.
func fits(held, more []byte) bool {
	n := len(held) + len(more)
	if len(more) > 0 {
		held = more
	}
	return n <= MaxLine || n == MaxLine+1 && held[len(held)-1] == '\r'
}

func (s *Splitter) fail(err error) { s.err, s.held = err, nil }

// Rest returns what follows the last line: when the stream has ended, the original takes it for a line too. It is empty
// after an error and valid until the next Feed.
func (s *Splitter) Rest() []byte { return s.held }
