package exchange_test

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/pxp"
)

// FuzzPreamble gives an exchange whatever a stranger may begin with, as
// acceptor and as dialer: it must end in an error, with nobody admitted.
func FuzzPreamble(f *testing.F) {
	f.Add([]byte(pxp.Magic2))
	f.Add([]byte(pxp.Magic1))
	f.Add([]byte(pxp.Magic2 + "\x00\x20" + "0123456789abcdef0123456789abcdef"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte{})
	for _, b := range recordedBytes(f) {
		f.Add(b)
		f.Add(append([]byte(pxp.Magic2), b...))
	}
	ex := newExchange(nil)
	f.Cleanup(func() { ex.Close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, call := range []string{"Accept", "Connect"} {
			near, far := memnet.PipeConfig{Buffer: len(data) + 4096}.Pipe()
			if _, err := far.Write(data); err != nil {
				t.Fatal(err)
			}
			far.CloseWrite()
			var err error
			if call == "Accept" {
				_, err = ex.Accept(context.Background(), near)
			} else {
				_, err = ex.Connect(context.Background(), near)
			}
			if err == nil {
				t.Errorf("%s took %q for a peer", call, data)
			}
			far.Close()
		}
		if ex.NumPeers() != 0 {
			t.Error("somebody was admitted")
		}
	})
}

// recordedBytes are the handshakes of the vectors, and the streams that two
// originals sent.
func recordedBytes(f *testing.F) (list [][]byte) {
	f.Helper()
	files, err := filepath.Glob("spec/vectors/v1/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "spec/vectors/noise.json") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"([0-9a-f]{80,})"`).FindAllSubmatch(text, -1) {
			if b, err := hex.DecodeString(string(m[1])); err == nil {
				list = append(list, b)
			}
		}
	}
	if len(list) < 10 {
		f.Fatalf("only %d recordings in the vectors", len(list))
	}
	return list
}
