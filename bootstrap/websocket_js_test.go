package bootstrap

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
)

// TestInJavaScript is run by TestFromJavaScript, whose node it speaks with.
func TestInJavaScript(t *testing.T) {
	url := os.Getenv(echoURL)
	if url == "" {
		t.Skip("no node to speak with: run by TestFromJavaScript")
	}
	ex := newNode(t, testNetwork)
	conn, err := Dial(t.Context(), ex, url)
	if err != nil {
		t.Fatal(err)
	}
	if path := conn.Peer().Path(); path.Carrier != exchange.CarrierWS {
		t.Errorf("path %q", path)
	}
	data := make([]byte, 8<<20)
	_, _ = rand.NewChaCha8([32]byte{5}).Read(data)
	go func() { // ended by the data's end
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(200_000))
			if _, err := conn.Write(rest[:n]); err != nil {
				t.Error(err)
				return
			}
			rest = rest[n:]
		}
		_ = conn.CloseWrite()
	}()
	hash := sha256.New()
	n, err := io.Copy(hash, conn)
	if err != nil || n != int64(len(data)) || [sha256.Size]byte(hash.Sum(nil)) != sha256.Sum256(data) {
		t.Errorf("%d bytes came back, %v", n, err)
	}
	_ = conn.Close()
	if err := ex.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDialInJavaScript(t *testing.T) {
	silent := os.Getenv(silentURL)
	if silent == "" {
		t.Skip("no server to dial: run by TestFromJavaScript")
	}
	ex := newNode(t, testNetwork)
	if _, err := Dial(t.Context(), ex, "tcp://127.0.0.1:1"); err == nil {
		t.Error("TCP: no error")
	}
	if _, err := Dial(t.Context(), ex, "ws://127.0.0.1:1/"); err == nil {
		t.Error("nobody there: no error")
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, cause)
	defer cancel()
	if _, err := Dial(ctx, ex, silent); !errors.Is(err, cause) {
		t.Errorf("no answer: %v", err)
	}
}
