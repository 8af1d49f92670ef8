package pxp

import (
	"strings"
	"testing"
)

func benchmarkMessages() map[string]Message {
	return map[string]Message{
		"hello": Hello{
			Version: 2, Agent: "exchange/0.1", Proof: [32]byte{1, 2, 3}, Observed: "192.0.2.7:8000",
			Accepts: true, Features: []string{"stun"},
		},
		"upgrade": Upgrade{ID: 7, Transport: TransportWebRTC, Kind: UpgradeOffer, Text: strings.Repeat("a=x\r\n", 400), Mid: "0"},
		"res":     Res{ID: 7, Candidates: candidates(MaxCandidates, 0)},
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
			frame, err := Append(nil, m)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(frame[headerSize:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
