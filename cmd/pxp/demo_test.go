package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

// Ctrl-C ends the demo whatever it is at; TestMain sees to it that nothing is
// left.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	for _, at := range []string{
		"the file:", "C is peer", "A listens on ws", "B joins A", "B met A", "C joins A", "C met A", "C asks A",
		"query", "circuit", "gather", "ice", "connect", "C met B", "first-byte", "50 %", "C has received",
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := startTrapped(t, at, syscall.SIGINT, "demo", "--size", "1MiB")
			code, stdout, stderr := r.wait()
			if code != 130 {
				t.Errorf("exit status %d, want 130", code)
			}
			if !strings.Contains(stderr, "interrupted by a signal") || strings.Contains(stderr, "hint:") {
				t.Errorf("stderr is %q", stderr)
			}
			if !strings.Contains(stdout, at) || strings.Contains(stdout, "the hashes agree") {
				t.Error("it went on to the end")
			}
		})
	}
}

// While the file is hashed too.
func TestDemoInterruptedAtFirst(t *testing.T) {
	t.Parallel()
	r := start(t, "demo", "--size", "1TiB")
	r.signal(syscall.SIGINT)
	if code, stdout, stderr := r.wait(); code != 130 || stdout != "" {
		t.Errorf("exit status %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// stream is what B writes.
func stream(header string, body string) io.Reader { return strings.NewReader(header + "\n" + body) }

const helloSum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // of "hello"

func TestReceive(t *testing.T) {
	file := &payload{bytes: 5, sum: helloSum}
	honest := fmt.Sprintf(`{"name":"x","bytes":5,"sha256":"%s"}`, helloSum)
	var last int64
	rec, err := receiveFile(iotest.OneByteReader(stream(honest, "hello")), func() {}, func(n int64) { last = n })
	if err == nil {
		err = rec.check(file)
	}
	if err != nil || rec.got != 5 || last != 5 {
		t.Errorf("%+v, %v, progress to %d", rec, err, last)
	}

	bad := map[string]struct {
		stream io.Reader
		want   string
	}{
		"nothing":          {strings.NewReader(""), "unexpected EOF"},
		"half a header":    {strings.NewReader(honest[:20]), "in the header: unexpected EOF"},
		"no header":        {stream("hello", ""), "malformed header"},
		"negative":         {stream(`{"bytes":-1}`, ""), "malformed header"},
		"endless header":   {io.MultiReader(strings.NewReader(strings.Repeat("x", 5000)), iotest.ErrReader(errors.New("read on"))), "more than 4096 bytes"},
		"too short":        {stream(honest, "hell"), "ended after 4 of 5 bytes"},
		"too long":         {stream(honest, "hello!"), "more than the 5 bytes"},
		"another byte":     {stream(honest, "hellO"), "the sender announced " + helloSum},
		"cut":              {io.MultiReader(stream(honest, "hel"), iotest.ErrReader(errors.New("reset"))), "after 3 of 5 bytes: reset"},
		"consistent lie":   {stream(fmt.Sprintf(`{"bytes":4,"sha256":%q}`, hashed(t, "hell")), "hell"), "that of the file is " + helloSum},
		"announced a lie":  {stream(strings.Replace(honest, "2cf2", "ffff", 1), "hello"), "the sender announced ffff"},
		"upper case claim": {stream(strings.Replace(honest, "2cf24dba", "2CF24DBA", 1), "hello"), "the sender announced 2CF24DBA"},
	}
	for name, c := range bad {
		rec, err := receiveFile(c.stream, func() {}, func(int64) {})
		if err == nil {
			err = rec.check(file)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func hashed(t *testing.T, s string) string {
	t.Helper()
	sum, err := hashOf(strings.NewReader(s), int64(len(s)))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// The payload is the same each time, and each time that it is read.
func TestMadePayload(t *testing.T) {
	p, err := openPayload(t.Context(), "", 100_000)
	if err != nil {
		t.Fatal(err)
	}
	var texts [2][]byte
	for i := range texts {
		r, err := p.rewind()
		if err != nil {
			t.Fatal(err)
		}
		if texts[i], err = io.ReadAll(r); err != nil || len(texts[i]) != 100_000 {
			t.Fatalf("%d bytes, %v", len(texts[i]), err)
		}
	}
	if !bytes.Equal(texts[0], texts[1]) || hashed(t, string(texts[0])) != p.sum {
		t.Error("it differs")
	}
}

func TestTryNext(t *testing.T) {
	text := tryNext("./pxp", "4000")
	for _, line := range strings.Split(text, "\n") {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "./pxp node ")
		if !ok || strings.HasPrefix(command, "--help") {
			continue
		}
		o := newNodeCommand()
		o.SetArgs(strings.Fields(command))
		if err := o.ParseFlags(strings.Fields(command)); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
}
