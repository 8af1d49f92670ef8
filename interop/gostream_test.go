package interop

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/peer-exchange/exchange"
)

// goStream is a data stream of a goNode.
type goStream struct {
	conn         *exchange.Conn
	number, peer int

	mu      sync.Mutex
	wake    *sync.Cond // of mu: unread, ended and paused changed
	echo    bool
	paused  bool
	bytes   int
	hash    hash.Hash
	unread  bytes.Buffer // what no expect command has asked for yet
	ended   bool
	expects sync.Mutex // held by the expect command that is served
}

func newGoStream(c *exchange.Conn, number, peer int, echo bool) *goStream {
	s := &goStream{conn: c, number: number, peer: peer, echo: echo, hash: sha256.New()}
	s.wake = sync.NewCond(&s.mu)
	return s
}

func (s *goStream) about() fields { return fields{"stream": s.number, "peer": s.peer} }

// exchangeNames tells the other end our name and reports its.
func (s *goStream) exchangeNames(ours string, known func(theirs string)) {
	if _, err := io.WriteString(s.conn, ours+"\n"); err != nil {
		s.failed(err)
	}
	var theirs []byte
	for one := make([]byte, 1); ; {
		if _, err := s.conn.Read(one); err != nil {
			return // the next read fails likewise
		}
		if one[0] == '\n' {
			break
		}
		theirs = append(theirs, one[0])
	}
	about := s.about()
	about["name"] = string(theirs)
	tell("name", about)
	known(string(theirs))
}

// read reads until the end. With a name it begins with an exchange of those.
func (s *goStream) read(name string, known func(theirs string)) {
	if name != "" {
		s.exchangeNames(name, known)
	}
	buffer := make([]byte, 256<<10)
	for {
		s.mu.Lock()
		for s.paused {
			s.wake.Wait()
		}
		s.mu.Unlock()
		count, err := s.conn.Read(buffer)
		s.mu.Lock()
		s.bytes += count
		s.hash.Write(buffer[:count])
		echo := s.echo
		if !echo {
			s.unread.Write(buffer[:count])
		}
		s.ended = err != nil
		s.wake.Broadcast()
		s.mu.Unlock()
		if echo && count > 0 {
			if _, err := s.conn.Write(buffer[:count]); err != nil {
				s.failed(err)
			}
		}
		if err == nil {
			continue
		}
		if err != io.EOF {
			s.failed(err)
		}
		about := s.about()
		about["bytes"], about["sha256"] = s.bytes, hex.EncodeToString(s.hash.Sum(nil))
		tell("end", about)
		if echo {
			s.conn.CloseWrite()
		}
		return
	}
}

func (s *goStream) failed(err error) {
	about := s.about()
	about["error"] = err.Error()
	tell("streamError", about)
}

func (s *goStream) do(c goCommand) (fields, error) {
	set := func(field *bool, to bool) (fields, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		*field = to
		s.wake.Broadcast()
		return nil, nil
	}
	switch c.Command.Command {
	case "send":
		return s.send(c)
	case "expect":
		return s.expect(c.Bytes)
	case "echo":
		return set(&s.echo, c.On)
	case "pause":
		return set(&s.paused, true)
	case "resume":
		return set(&s.paused, false)
	case "end":
		return nil, s.conn.CloseWrite()
	case "destroy":
		return nil, s.conn.Reset()
	}
	return nil, fmt.Errorf("no command %s", c.Command.Command)
}

func (s *goStream) send(c goCommand) (fields, error) {
	chunk := c.Chunk
	if chunk == 0 {
		chunk = 65536
	}
	sum := sha256.New()
	source := io.TeeReader(io.LimitReader(NewPattern(c.Seed), int64(c.Bytes)), sum)
	if _, err := io.CopyBuffer(struct{ io.Writer }{s.conn}, source, make([]byte, chunk)); err != nil {
		return nil, err
	}
	return fields{"bytes": c.Bytes, "sha256": hex.EncodeToString(sum.Sum(nil))}, nil
}

// expect serves one expect command after the other.
func (s *goStream) expect(want int) (fields, error) {
	s.expects.Lock()
	defer s.expects.Unlock()
	sum := sha256.New()
	s.mu.Lock()
	defer s.mu.Unlock()
	for missing := want; missing > 0; {
		got := s.unread.Next(missing)
		sum.Write(got)
		missing -= len(got)
		if missing == 0 {
			break
		}
		if s.ended {
			return nil, fmt.Errorf("stream ended %d bytes too early", missing)
		}
		if len(got) == 0 {
			s.wake.Wait()
		}
	}
	return fields{"bytes": want, "sha256": hex.EncodeToString(sum.Sum(nil))}, nil
}
