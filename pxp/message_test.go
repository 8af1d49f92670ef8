package pxp

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// messageTest describes one message for testMessage, which runs the checks that are the same for all.
type messageTest struct {
	message  Message
	hex      string // the whole frame
	id       idRule
	elements []element
	unsent   []badMessage // refused by Append
	refused  []badElement // refused by Decode
}

// element is one element of message's array.
type element struct {
	field string // what FormatError calls it
	kind  kind
	value string // as in hex
}

// badMessage is a message that Append refuses, naming the field.
type badMessage struct {
	message Message
	field   string
	problem string // part of it
}

// badElement is what Decode refuses in place of an element, naming the field, "" meaning the element's own.
type badElement struct {
	at      int
	value   string
	field   string
	problem string // part of it
}

func (mt *messageTest) values() []string {
	var values []string
	for _, e := range mt.elements {
		values = append(values, e.value)
	}
	return values
}

// with returns the body with another value at one place.
func (mt *messageTest) with(at int, value string) []byte {
	values := mt.values()
	values[at] = value
	return []byte(array(values...))
}

func testMessage(t *testing.T, mt *messageTest) {
	frame := []byte(unhex(t, mt.hex))
	body := frame[2:]
	if got := array(mt.values()...); got != string(body) {
		t.Fatalf("test data: elements are\n%x, hex is\n%x", got, body)
	}

	t.Run("bytes", func(t *testing.T) {
		for _, dst := range [][]byte{nil, []byte("before"), make([]byte, 3, 4096)} {
			before := bytes.Clone(dst)
			got, err := Append(dst, mt.message)
			if err != nil || !bytes.Equal(got, append(before, frame...)) {
				t.Errorf("Append(%x) = %x, %v, want it and %x", dst, got, err, frame)
			}
		}
		n, err := FrameLen([2]byte(frame))
		if err != nil || n != len(body) {
			t.Errorf("FrameLen = %d, %v, want %d", n, err, len(body))
		}
	})
	t.Run("decode", func(t *testing.T) {
		wantMessage(t, body, mt.message)
	})
	t.Run("pointer", func(t *testing.T) {
		p := reflect.New(reflect.TypeOf(mt.message))
		p.Elem().Set(reflect.ValueOf(mt.message))
		got, err := Append(nil, p.Interface().(Message))
		if err != nil || !bytes.Equal(got, frame) {
			t.Errorf("Append of a pointer = %x, %v, want %x", got, err, frame)
		}
	})
	t.Run("not kept", func(t *testing.T) {
		b := bytes.Clone(body)
		m, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		clear(b)
		if !reflect.DeepEqual(m, mt.message) {
			t.Errorf("after the body was overwritten: %+v, want %+v", m, mt.message)
		}
	})
	t.Run("truncated", func(t *testing.T) {
		for n := range body {
			wantRefused(t, body[:n], "", "")
		}
	})
	t.Run("trailing", func(t *testing.T) {
		for _, tail := range []string{"\x00", "\xc0", "\xff", string(body)} {
			wantRefused(t, append(bytes.Clone(body), tail...), "message", "after its end")
		}
	})
	t.Run("kinds", func(t *testing.T) {
		for i, e := range mt.elements {
			for _, s := range samples {
				if s.kind != e.kind {
					wantRefused(t, mt.with(i, s.value), e.field, "want")
				}
			}
			wantRefused(t, mt.with(i, "\xc1"), e.field, "want")
		}
	})
	t.Run("widths", func(t *testing.T) {
		for i, e := range mt.elements {
			for _, v := range widen(e.kind, e.value) {
				wantMessage(t, mt.with(i, v), mt.message)
			}
		}
		for _, v := range widen(kindArray, string(body)) {
			wantMessage(t, []byte(v), mt.message)
		}
	})
	t.Run("elements", func(t *testing.T) {
		testElements(t, mt)
	})
	t.Run("id", func(t *testing.T) {
		switch mt.id {
		case isRequest:
			wantRefused(t, mt.with(1, "\x00"), "id", "0, want a request id")
		case isNotice:
			wantRefused(t, mt.with(1, "\x01"), "id", "not 0")
		}
		wantRefused(t, mt.with(1, num(MaxID+1)), "id", "limit 0 to 4294967295")
		wantRefused(t, mt.with(1, num(1<<64-1)), "id", "limit 0 to 4294967295")
	})
	t.Run("limits written", func(t *testing.T) {
		for _, bad := range mt.unsent {
			got, err := Append([]byte("before"), bad.message)
			if string(got) != "before" {
				t.Errorf("Append(%.80v) = %x, want what was there before", fmt.Sprint(bad.message), got)
			}
			wantFormatError(t, err, bad.message.Type(), bad.field, bad.problem)
		}
	})
	t.Run("limits read", func(t *testing.T) {
		for _, bad := range mt.refused {
			field := bad.field
			if field == "" {
				field = mt.elements[bad.at].field
			}
			wantRefused(t, mt.with(bad.at, bad.value), field, bad.problem)
		}
	})
	t.Run("length bombs", func(t *testing.T) {
		testLengthBombs(t, mt)
	})
}

// testElements checks arrays with more elements than the known ones and with fewer.
func testElements(t *testing.T, mt *messageTest) {
	values := mt.values()
	for n := range values {
		wantRefused(t, []byte(array(values[:n]...)), "message", "want at least")
	}
	for _, s := range samples {
		wantMessage(t, []byte(array(append(mt.values(), s.value)...)), mt.message)
	}
	for more := mt.values(); len(more) < MaxElements; {
		more = append(more, samples[len(more)%len(samples)].value)
		wantMessage(t, []byte(array(more...)), mt.message)
		if len(more) == MaxElements {
			wantRefused(t, []byte(array(append(more, "\x01")...)), "message", "33 elements, limit 32")
		}
	}
	for _, maps := range []bool{false, true} {
		wantMessage(t, []byte(array(append(mt.values(), nested(MaxNesting, maps))...)), mt.message)
		wantRefused(t, []byte(array(append(mt.values(), nested(MaxNesting+1, maps))...)), "message", "nested more than 16 deep")
	}
	wantRefused(t, []byte(array(append(mt.values(), "\xc1")...)), "message", "not msgpack")
	wantRefused(t, []byte(array(append(mt.values(), "\x91\xc1")...)), "message", "not msgpack")
	for _, s := range samples { // cut within the extra element
		body := array(append(mt.values(), s.value)...)
		for n := 1; n <= len(s.value); n++ {
			wantRefused(t, []byte(body[:len(body)-n]), "message", "truncated")
		}
	}
}

// testLengthBombs declares giant lengths at every place that has one and counts what is allocated.
func testLengthBombs(t *testing.T, mt *messageTest) {
	headers := []string{
		"\xd9\xff", "\xda\xff\xff", "\xdb\xff\xff\xff\xff", "\xdb\x7f\xff\xff\xff",
		"\xc4\xff", "\xc5\xff\xff", "\xc6\xff\xff\xff\xff", "\xc6\x7f\xff\xff\xff",
		"\xdc\xff\xff", "\xdd\xff\xff\xff\xff", "\xdd\x7f\xff\xff\xff",
		"\xde\xff\xff", "\xdf\xff\xff\xff\xff", "\xdf\x80\x00\x00\x00",
		"\xc7\xff\x01", "\xc8\xff\xff\x01", "\xc9\xff\xff\xff\xff\x01",
	}
	var bombs [][]byte
	for _, h := range headers {
		for i := range mt.elements {
			bombs = append(bombs, mt.with(i, h))
		}
		bombs = append(bombs,
			[]byte(h),
			[]byte(array(append(mt.values(), h)...)),
			[]byte(array(append(mt.values(), "\x91\x92\x01"+h)...)))
	}
	const most = 2048 // bytes: a decoder of the library, an error and its text
	for _, bomb := range bombs {
		wantRefused(t, bomb, "", "")
		const runs = 10
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			_, _ = Decode(bomb)
		}
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) / runs; n > most {
			t.Errorf("Decode(%x) allocates %d bytes, limit %d", bomb, n, most)
		}
	}
}

func wantMessage(t *testing.T, body []byte, want Message) {
	t.Helper()
	got, err := Decode(body)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Decode(%x) =\n%+v, %v, want\n%+v", body, got, err, want)
	}
}

// wantRefused checks that Decode gives a FormatError; field and problem are not looked at when empty.
func wantRefused(t *testing.T, body []byte, field, problem string) {
	t.Helper()
	m, err := Decode(body)
	if m != nil {
		t.Errorf("Decode(%x) = %+v beside its error", body, m)
	}
	if err == nil {
		t.Errorf("Decode(%x): no error", body)
		return
	}
	var fe *FormatError
	if !errors.As(err, &fe) {
		t.Errorf("Decode(%x): %T, want a *FormatError", body, err)
		return
	}
	if field != "" && fe.Field != field || !strings.Contains(fe.Problem, problem) {
		t.Errorf("Decode(%x): %q, want field %q and problem %q", body, err, field, problem)
	}
}

func wantFormatError(t *testing.T, err error, typ Type, field, problem string) {
	t.Helper()
	var fe *FormatError
	if !errors.As(err, &fe) || fe.Message != typ || fe.Field != field || !strings.Contains(fe.Problem, problem) {
		t.Errorf("error %v, want %v, field %q, problem %q", err, typ, field, problem)
	}
}

func TestDecodeHead(t *testing.T) {
	for _, test := range []struct {
		name, body, field, problem string
	}{
		{"empty", "", "message", "0 bytes, limit 1 to 16384"},
		{"over the limit", array("\x07", "\x01", bin(strings.Repeat("x", MaxMessage))), "message", "limit 1 to 16384"},
		{"no array", "\x07", "message", "want an array"},
		{"map", "\x81\x07\x01", "message", "want an array"},
		{"array that never ends", "\xdd\xff\xff\xff\xff", "message", "4294967295 elements, limit 32"},
		{"array of 64 Ki", "\xdc\xff\xff\x07\x01", "message", "65535 elements, limit 32"},
		{"type 0", array("\x00", "\x01"), "type", "0, limit 1 to 127"},
		{"type 128", array("\xcc\x80", "\x01"), "type", "128, limit 1 to 127"},
		{"type 263, 7 modulo 256", array("\xcd\x01\x07", "\x01"), "type", "263, limit 1 to 127"},
		{"type 2^64-1", array(num(1<<64-1), "\x01"), "type", "18446744073709551615, limit 1 to 127"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantRefused(t, []byte(test.body), test.field, test.problem)
		})
	}
}

// A body of exactly MaxMessage bytes is read: the limit is no tighter than the documents say.
func TestDecodeFullMessage(t *testing.T) {
	pad := MaxMessage - len(array("\x07", "\x01", bin("")))
	wantMessage(t, []byte(array("\x07", "\x01", bin(strings.Repeat("x", pad)))), Ping{ID: 1})
}

func TestLargestMessages(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	features := make([]string, MaxFeatures)
	for i := range features {
		features[i] = long(MaxFeature)
	}
	for _, test := range []struct {
		message Message
		size    int // of the body, as the documentation of the message and PXP §8 have it
	}{
		{Hello{65535, long(MaxAgent), [32]byte{}, long(MaxObserved), true, features}, 784},
		{GetPeers{MaxID, MaxCandidates}, 8},
		{Relay{ID: MaxID, First: make([]byte, MaxFirst)}, 91},
		{Incoming{ID: MaxID, From: [32]byte{1}, First: make([]byte, MaxFirst)}, 125},
		{Upgrade{MaxID, long(MaxTransport), UpgradeOffer, long(MaxSDP), long(MaxMid), 65535}, 12385},
		{Upgrade{MaxID, long(MaxTransport), UpgradeAnswer, long(MaxSDP), long(MaxMid), 65535}, 12385},
		{Upgrade{MaxID, long(MaxTransport), UpgradeCandidate, long(MaxICECandidate), long(MaxMid), 65535}, 1121},
		{Upgrade{MaxID, long(MaxTransport), UpgradeEnd, "", long(MaxMid), 65535}, 95},
		{Connect{MaxID}, 7},
		{Ping{MaxID}, 7},
		{Bye{65535, long(MaxReason)}, 265},
		{Res{MaxID, 65535, long(MaxReason), candidates(MaxCandidates, 255)}, 710},
		{Turn{65535, long(MaxTurnName), long(MaxTurnName), MaxTurnSeconds}, 271},
	} {
		frame, err := Append(nil, test.message)
		if err != nil {
			t.Errorf("%v: %v", test.message.Type(), err)
			continue
		}
		if n := len(frame) - headerSize; n != test.size || n > MaxMessage {
			t.Errorf("%v of the largest fields: %d bytes, documented %d, limit %d", test.message.Type(), n, test.size, MaxMessage)
		}
		wantMessage(t, frame[headerSize:], test.message)
	}
}

func TestFormatErrorText(t *testing.T) {
	for _, test := range []struct {
		err  FormatError
		want string
	}{
		{FormatError{TypeHello, "agent", "129 bytes, limit 128"}, "pxp: hello: agent: 129 bytes, limit 128"},
		{FormatError{0, "frame", "length 0, limit 1 to 16384"}, "pxp: frame: length 0, limit 1 to 16384"},
		{FormatError{99, "id", "truncated"}, "pxp: type 99: id: truncated"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// One Append and one Decode at a time share nothing: run under the race detector.
func TestConcurrent(t *testing.T) {
	const workers = 4
	done := make(chan error, workers)
	for w := range workers { // owned by the test, which waits for a result of each
		go func() {
			want := Res{ID: uint32(w) + 1, Reason: fmt.Sprint("worker ", w), Candidates: candidates(w+1, uint8(w))}
			for range 100 {
				frame, err := Append(nil, want)
				if err != nil {
					done <- err
					return
				}
				got, err := Decode(frame[headerSize:])
				if err != nil || !reflect.DeepEqual(got, want) {
					done <- fmt.Errorf("%+v, %v, want %+v", got, err, want)
					return
				}
			}
			done <- nil
		}()
	}
	for range workers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
