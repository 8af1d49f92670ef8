package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// fileHeader is the line of JSON with which a file begins on its stream.
type fileHeader struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// maxHeaderBytes bounds the line, its end included.
const maxHeaderBytes = 4096

// sendFile writes the header and the payload, then half-closes conn and waits for the
// other end to close too, which it does when it has everything.
func sendFile(conn halfCloser, p *payload) error {
	r, err := p.rewind()
	if err != nil {
		return err
	}
	header, err := json.Marshal(fileHeader{Name: p.name, Bytes: p.bytes, SHA256: p.sum})
	if err != nil {
		return err
	}
	if len(header) >= maxHeaderBytes {
		return fmt.Errorf("the file's name is too long: %d bytes", len(p.name))
	}
	if _, err := conn.Write(append(header, '\n')); err != nil {
		return err
	}
	if _, err := io.CopyBuffer(conn, r, make([]byte, 64<<10)); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	n, err := conn.Read(make([]byte, 1))
	if n != 0 {
		return errors.New("the receiver answered: it should only have closed the stream")
	}
	if err != io.EOF {
		return fmt.Errorf("waiting for the receiver: %w", err)
	}
	return nil
}

// halfCloser is what exchange.Conn is.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// receipt is what arrived.
type receipt struct {
	fileHeader               // as the sender announced it
	sum        string        // SHA-256 of the bytes that arrived, in hex
	got        int64         // how many
	took       time.Duration // from the first byte to the end
}

// receiveFile reads what sendFile wrote, to the end of the stream. It calls first when
// the first byte is there, then progress with the number of bytes so far, again and again. The
// receipt tells what arrived, whether or not it is what was announced.
func receiveFile(r io.Reader, first func(), progress func(int64)) (*receipt, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	if _, err := buffered.Peek(1); err != nil {
		return nil, noEOF(err)
	}
	began := time.Now()
	first()
	rec := &receipt{}
	line, err := readLine(buffered, maxHeaderBytes)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(line, &rec.fileHeader); err != nil || rec.Bytes < 0 {
		return nil, fmt.Errorf("malformed header %q", line)
	}
	h := sha256.New()
	buf := make([]byte, 64<<10)
	for {
		n, err := buffered.Read(buf)
		h.Write(buf[:n])
		rec.got += int64(n)
		if rec.got > rec.Bytes {
			return nil, fmt.Errorf("more than the %d bytes that were announced", rec.Bytes)
		}
		progress(rec.got)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("after %d of %d bytes: %w", rec.got, rec.Bytes, err)
		}
	}
	rec.took = time.Since(began)
	rec.sum = hex.EncodeToString(h.Sum(nil))
	return rec, nil
}

// check compares what arrived with what was announced and what should have been.
func (rec *receipt) check(want *payload) error {
	switch {
	case rec.got != rec.Bytes:
		return fmt.Errorf("the stream ended after %d of %d bytes", rec.got, rec.Bytes)
	case rec.sum != rec.SHA256:
		return fmt.Errorf("the SHA-256 of the bytes that arrived is %s, the sender announced %s", rec.sum, rec.SHA256)
	case rec.sum != want.sum:
		return fmt.Errorf("the SHA-256 of the bytes that arrived is %s, that of the file is %s", rec.sum, want.sum)
	}
	return nil
}

// readLine returns the next line without its end.
func readLine(r *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	for len(line) < most {
		c, err := r.ReadByte()
		if err != nil {
			return nil, fmt.Errorf("in the header: %w", noEOF(err))
		}
		if c == '\n' {
			return line, nil
		}
		line = append(line, c)
	}
	return nil, fmt.Errorf("the header has more than %d bytes", most)
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// orCause prefers why ctx ended over what a call returned because of that.
func orCause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		return context.Cause(ctx)
	}
	return err
}
