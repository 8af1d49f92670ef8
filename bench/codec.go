package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// codecCost is question 8: what do messages, the handshake and a write cost?
type codecCost struct{}

func (codecCost) about() result {
	return result{
		Name: "codec",
		Asks: "What do a message, a handshake and a write of 32 KiB cost?",
		Notes: []string{
			"Handshake: both ends, over a pipe in memory. Write: over TCP with the other end reading, allocations of both ends, in steady state.",
		},
		Columns: []column{
			{Name: "time", Unit: "ns", Plain: true}, {Name: "memory", Unit: "bytes", Plain: true}, {Name: "allocations", Unit: "count", Plain: true},
		},
	}
}

const write32 = "write 32 KiB on a stream"

func (codecCost) rows(e effort) []row {
	testing.Init()
	var rows []row
	add := func(name string, f func(*testing.B)) {
		rows = append(rows, row{name: name, once: func() ([]float64, error) {
			// The only way to tell package testing how long to try.
			if err := flag.Set("test.benchtime", (e.time / 3).String()); err != nil {
				return nil, err
			}
			r := testing.Benchmark(f)
			if r.N == 0 {
				return nil, errors.New("the benchmark failed")
			}
			n := float64(r.N)
			return []float64{float64(r.T.Nanoseconds()) / n, float64(r.MemBytes) / n, float64(r.MemAllocs) / n}, nil
		}})
	}
	for _, m := range codecMessages() {
		frame, err := pxp.Append(nil, m)
		if err != nil {
			frame = nil // the benchmark will say
		}
		add(fmt.Sprintf("encode %v, %d bytes", m.Type(), len(frame)), func(b *testing.B) { encode(b, m) })
		add(fmt.Sprintf("decode %v", m.Type()), func(b *testing.B) { decode(b, frame[2:]) })
	}
	add("handshake", handshake)
	add(write32, write)
	return rows
}

func codecMessages() []pxp.Message {
	res := pxp.Res{ID: 7}
	for i := range pxp.MaxCandidates {
		res.Candidates = append(res.Candidates, pxp.Candidate{Peer: [32]byte{byte(i + 1)}, Token: pxp.Token{byte(i + 1)}})
	}
	return []pxp.Message{
		pxp.Hello{
			Version: pxp.Version, Agent: "exchange/0.1", Proof: [32]byte{1, 2, 3}, Observed: "192.0.2.7:8000",
			Accepts: true, Features: []string{"relay", pxp.TransportWebRTC},
		},
		pxp.Ping{ID: 7},
		pxp.Upgrade{ID: 7, Transport: pxp.TransportWebRTC, Kind: pxp.UpgradeOffer, Text: string(bytes.Repeat([]byte("a=x\r\n"), 400)), Mid: "0"},
		res,
	}
}

func encode(b *testing.B, m pxp.Message) {
	var buf []byte
	var err error
	b.ReportAllocs()
	for b.Loop() {
		if buf, err = pxp.Append(buf[:0], m); err != nil {
			b.Fatal(err)
		}
	}
}

func decode(b *testing.B, body []byte) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pxp.Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}

func handshake(b *testing.B) {
	var cfg [2]*secure.Config
	for i := range cfg {
		key, err := identity.NewKey()
		if err != nil {
			b.Fatal(err)
		}
		cfg[i] = &secure.Config{Key: key}
	}
	b.ReportAllocs()
	for b.Loop() {
		near, far := net.Pipe()
		accepted := make(chan error, 1)
		go func() { // ends with the handshake, which is waited for
			_, err := secure.Server(context.Background(), far, cfg[1])
			accepted <- err
		}()
		_, err := secure.Client(context.Background(), near, cfg[0])
		if err = errors.Join(err, <-accepted); err != nil {
			b.Fatal(err)
		}
		near.Close()
		far.Close()
	}
}

func write(b *testing.B) {
	s, release, err := connected(ours{}, line{}, func(s stream) {
		_, _ = io.CopyBuffer(io.Discard, readOnly{s}, make([]byte, 128<<10)) // ends with the stream
		s.Close()
	})
	if err != nil {
		b.Fatal(err)
	}
	defer release()
	out, err := s.open()
	if err != nil {
		b.Fatal(err)
	}
	p := make([]byte, 32<<10)
	for warm := time.Now().Add(100 * time.Millisecond); time.Now().Before(warm); {
		if _, err := out.Write(p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := out.Write(p); err != nil {
			b.Fatal(err)
		}
	}
}
