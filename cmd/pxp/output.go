package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// event is something that happened, to be told on stdout: as one JSON object a
// line, or as text. The fields of the struct are those of the object.
type event interface {
	name() string // the object's "event"
	text() string // the line for people without its end; "": they are not told
}

// output tells events, one at a time, by any goroutine.
type output struct {
	json   bool
	prefix func() string // of each line of text; nil: none

	mu  sync.Mutex
	w   io.Writer
	err error // the first error of w: nothing is written after it
}

func (o *output) emit(e event) {
	line := []byte(nil)
	if o.json {
		line = jsonLine(e)
	} else if text := e.text(); text != "" {
		if o.prefix != nil {
			text = o.prefix() + text
		}
		line = append([]byte(text), '\n')
	}
	o.write(line)
}

// print writes text for people; it does nothing with JSON.
func (o *output) print(text string) {
	if !o.json {
		o.write([]byte(text))
	}
}

func (o *output) write(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(p) > 0 && o.err == nil {
		_, o.err = o.w.Write(p)
	}
}

// failed returns why something could not be written.
func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return fmt.Errorf("writing the output: %w", o.err)
	}
	return nil
}

// jsonLine is the event's object with "event" as its first member.
func jsonLine(e event) []byte {
	body, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("event %T: %v", e, err)) // only of a type that has no JSON form
	}
	line := fmt.Appendf(nil, `{"event":%q`, e.name())
	if string(body) != "{}" {
		line = append(line, ',')
	}
	line = append(line, body[1:]...)
	return append(line, '\n')
}

// terminal returns w if it is a terminal on which lines can be drawn again.
func terminal(w io.Writer) (*os.File, bool) {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return nil, false
	}
	return f, true
}
