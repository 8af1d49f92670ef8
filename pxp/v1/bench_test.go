package v1

import (
	"strings"
	"testing"
)

func benchmarkMessages() map[string]Message {
	info := &ConnectInfo{PXP: true, Relay: true, WebRTC: true}
	res := Res{Nonce: NewNonce(7), List: true, OK: true}
	for range 8 {
		res.Candidates = append(res.Candidates, Candidate{"ada3ce4a", "somenet", info})
	}
	return map[string]Message{
		"hello":   Hello{NewNonce(0), Version, info, []string{"somenet"}},
		"upgrade": Upgrade{NewNonce(1), TransportWebRTC, Signal{Type: "offer", SDP: strings.Repeat("a=x\r\n", 100)}},
		"res":     res,
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, m := range benchmarkMessages() {
		b.Run(name, func(b *testing.B) {
			buf, err := Append(nil, m)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				if buf, err = Append(buf[:0], m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, m := range benchmarkMessages() {
		b.Run(name, func(b *testing.B) {
			line, err := Append(nil, m)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(line); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSplitter(b *testing.B) {
	chunk := []byte(strings.Repeat(`["connect","1","somenet"]`+"\n", 100))
	var s Splitter
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Feed(chunk, func([]byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
