package v1

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// FuzzDecode: JSON is read as encoding/json reads it, Decode never panics, its errors are FormatErrors. What it reads is written, unless that is one of the things
// that must not be, and reads the same again.
func FuzzDecode(f *testing.F) {
	for _, v := range loadVectors(f) {
		if line := v.line(f); line != nil {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		sameByTokens(t, line)
		m, err := Decode(line)
		if err != nil {
			var fe *FormatError
			if !errors.As(err, &fe) || m != nil || fe.Field == "" || fe.Problem == "" {
				t.Fatalf("Decode = %+v, %#v, want only a complete FormatError", m, err)
			}
			return
		}
		written, err := Append(nil, m)
		if err != nil {
			if !unwritten(m, err, len(line)) {
				t.Fatalf("Append of what was decoded, %+v: %v", m, err)
			}
			return
		}
		if !bytes.HasSuffix(written, []byte("\n")) || bytes.Count(written, []byte("\n")) != 1 {
			t.Fatalf("Append = %q, want one line", written)
		}
		again, err := Decode(written)
		if err != nil || !reflect.DeepEqual(printed(again), printed(m)) {
			t.Fatalf("decoded again: %+v, %v, want %+v", again, err, m)
		}
		twice, err := Append(nil, again)
		if err != nil || !bytes.Equal(twice, written) {
			t.Fatalf("written again: %q, %v, want %q", twice, err, written)
		}
	})
}

// unwritten reports whether Append has a reason to refuse what an original takes.
func unwritten(m Message, err error, size int) bool {
	var fe *FormatError
	if !errors.As(err, &fe) {
		return false
	}
	switch m := m.(type) {
	case Unknown:
		return fe.Field == "command"
	case Relay:
		return m.ID == "" && fe.Field == "id"
	case Incoming:
		return m.ID == "" && fe.Field == "id"
	case Res:
		if fe.Field == "candidates.connectInfo" {
			return true
		}
		for _, c := range m.Candidates {
			if (c.ID == "" || c.Network == "") && (fe.Field == "candidates.id" || fe.Field == "candidates.network") {
				return true // String of an empty array
			}
		}
		if !m.OK && m.Error == "" {
			return fe.Field == "error"
		}
	}
	// What is printed may be longer than what was read: connectInfo with all members, U+FFFD for a byte.
	return fe.Field == "line" && size > MaxLine/16
}

// printed is m with its nonce as it is printed: what is looked up by may be more, such as "Infinity", printed null.
func printed(m Message) Message {
	v := reflect.New(reflect.TypeOf(m)).Elem()
	v.Set(reflect.ValueOf(m))
	n := v.FieldByName("Nonce").Interface().(Nonce)
	n.key = ""
	v.FieldByName("Nonce").Set(reflect.ValueOf(n))
	return v.Interface().(Message)
}

// FuzzSplitter: however the bytes are cut, the lines are those of the whole, and none is lost before an error.
func FuzzSplitter(f *testing.F) {
	f.Add([]byte("a\r\n\nb\nc"), uint8(1), uint16(0))
	f.Add([]byte("\r\n\r\r\n"), uint8(2), uint16(3))
	f.Add([]byte("a\nxx\r\nb\n"), uint8(3), uint16(65530))
	f.Fuzz(func(t *testing.T, text []byte, size uint8, pad uint16) {
		// pad brings a line to where the limit is.
		if at := bytes.IndexByte(text, 'x'); at >= 0 {
			text = append(append(bytes.Clone(text[:at]), bytes.Repeat([]byte("x"), int(pad))...), text[at:]...)
		}
		var want [][]byte
		rest, tooLong := bytes.Clone(text), false
		for !tooLong {
			line, more, whole := bytes.Cut(rest, []byte("\n"))
			tooLong = len(bytes.TrimSuffix(line, []byte("\r"))) > MaxLine
			if tooLong || !whole {
				break
			}
			if line = bytes.TrimSuffix(line, []byte("\r")); len(line) > 0 {
				want = append(want, line)
			}
			rest = more
		}
		var s Splitter
		var got [][]byte
		var err error
		step := int(size)*int(size) + 1
		for begin := 0; begin < len(text); begin += step {
			chunk := bytes.Clone(text[begin:min(begin+step, len(text))])
			err = s.Feed(chunk, func(line []byte) error {
				got = append(got, bytes.Clone(line))
				return nil
			})
			for i := range chunk {
				chunk[i] = '!'
			}
			if len(s.Rest()) > MaxLine+1 {
				t.Fatalf("%d bytes held", len(s.Rest()))
			}
		}
		if (err != nil) != tooLong || !reflect.DeepEqual(got, want) {
			t.Fatalf("%d lines, %v, want %d lines, too long: %v", len(got), err, len(want), tooLong)
		}
		if !tooLong && !bytes.Equal(s.Rest(), rest) {
			t.Fatalf("rest %q, want %q", s.Rest(), rest)
		}
	})
}
