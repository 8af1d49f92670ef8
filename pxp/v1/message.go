package v1

import (
	"bytes"
	"fmt"
)

// Message is one of [Hello], [GetPeers], [Relay], [Incoming], [Upgrade], [Connect], [Res] and [Unknown]. [Decode] returns
// values, never pointers; [Append] takes either. No other package can add to the set.
type Message interface {
	// Command returns the first element of the message's array.
	Command() string

	// encode writes the whole array.
	encode(e *encoder)
}

// The commands (PXP §16.5).
const (
	commandHello    = "hello"
	commandGetPeers = "getpeers"
	commandRelay    = "relay"
	commandIncoming = "incoming"
	commandUpgrade  = "upgrade"
	commandConnect  = "connect"
	commandRes      = "res"
)

// Append appends the line of m with its "\n" to dst, as the original prints it. It returns dst as it was, and a
// [*FormatError], when a field breaks a limit, is not UTF-8, or would end the process of an original that reads it.
func Append(dst []byte, m Message) ([]byte, error) {
	e := encoder{buf: dst, command: m.Command()}
	m.encode(&e)
	if n := len(e.buf) - len(dst); e.err == nil && n > MaxLine {
		e.failf("line", "%d bytes, limit %d", n, MaxLine)
	}
	if e.err != nil {
		return dst, e.err
	}
	return append(e.buf, '\n'), nil
}

// Decode returns the message in a line; "\n" or "\r\n" at its end may be there or not. It never keeps line. Any error is
// a [*FormatError]. An empty line is one too: the original skips it, and so does [Splitter].
func Decode(line []byte) (Message, error) {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	var d decoder
	m := d.message(line)
	if d.err != nil {
		return nil, d.err
	}
	return m, nil
}

// decoder keeps the first error, and the command for it. All methods may go on being called after an error.
type decoder struct {
	command string
	err     error
}

func (d *decoder) failf(field, format string, args ...any) {
	if d.err == nil {
		d.err = &FormatError{Command: d.command, Field: field, Problem: fmt.Sprintf(format, args...)}
	}
}

func (d *decoder) message(line []byte) Message {
	if len(line) == 0 || len(line) > MaxLine {
		d.failf("line", "%d bytes, limit 1 to %d", len(line), MaxLine)
		return nil
	}
	v, problem := parse(line)
	switch {
	case problem != "":
		d.failf("line", "%s", problem)
		return nil
	case v.kind != isArray:
		d.failf("message", "%v, want an array", v.kind)
		return nil
	case len(v.list) != 3:
		d.failf("message", "%d elements, want 3", len(v.list))
		return nil
	case v.list[0].kind != isString:
		d.failf("command", "%v, want a string", v.list[0].kind)
		return nil
	}
	command, args := v.list[0].str, v.list[2]
	decode := decoders[command]
	if decode != nil {
		d.command = command
	}
	nonce := d.nonce(v.list[1])
	if d.err != nil {
		return nil
	}
	if decode == nil {
		return Unknown{Name: command, Nonce: nonce}
	}
	switch command {
	case commandGetPeers, commandRelay, commandIncoming, commandConnect:
		if reserved(nonce.Key()) {
			d.failf("nonce", "an answer to it would not reach who asked")
			return nil
		}
	}
	return decode(d, nonce, args)
}

// decoders has what reads the args of each command.
var decoders = map[string]func(d *decoder, nonce Nonce, args value) Message{
	commandHello:    decodeHello,
	commandGetPeers: decodeGetPeers,
	commandRelay:    decodeRelay,
	commandIncoming: decodeIncoming,
	commandUpgrade:  decodeUpgrade,
	commandConnect:  decodeConnect,
	commandRes:      decodeRes,
}
