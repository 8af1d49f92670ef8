package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// payload is what the demo sends. It is read twice: for its hash, and to send it.
type payload struct {
	name  string
	bytes int64
	sum   string // SHA-256 in hex

	rewind func() (io.Reader, error) // from the start
	close  func() error
}

// openPayload opens the file, or makes one of so many bytes when its name is
// empty, and hashes it. ctx ends the hashing.
func openPayload(ctx context.Context, file string, bytes int64) (*payload, error) {
	p := madePayload(bytes)
	if file != "" {
		var err error
		if p, err = filePayload(file); err != nil {
			return nil, err
		}
	}
	r, err := p.rewind()
	if err == nil {
		p.sum, err = hashOf(&cancelled{ctx, r}, p.bytes)
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// payloadSeed makes the same bytes each time, so that their hash is known.
var payloadSeed = [32]byte([]byte("the file that pxp demo sends ..."))

func madePayload(bytes int64) *payload {
	return &payload{
		name:  "made on the spot",
		bytes: bytes,
		rewind: func() (io.Reader, error) {
			return io.LimitReader(rand.NewChaCha8(payloadSeed), bytes), nil
		},
		close: func() error { return nil },
	}
}

func filePayload(file string) (*payload, error) {
	info, err := os.Stat(file) // before opening, since opening a named pipe would block
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &payload{
		name:  filepath.Base(file),
		bytes: info.Size(),
		rewind: func() (io.Reader, error) {
			_, err := f.Seek(0, io.SeekStart)
			return io.LimitReader(f, info.Size()), err
		},
		close: f.Close,
	}, nil
}

// hashOf reads r to its end, which must come after so many bytes.
func hashOf(r io.Reader, bytes int64) (string, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return "", err
	}
	if n != bytes {
		return "", fmt.Errorf("the file shrank from %d to %d bytes while it was read", bytes, n)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// cancelled is a reader that ends with its context.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
