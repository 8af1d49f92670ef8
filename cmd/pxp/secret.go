package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
)

// maxSecretBytes bounds a secret.
const maxSecretBytes = 4096

// loadSecret reads a network's secret: the whole file but for one line end. It refuses
// files that are empty, too long, or open to others. Errors never quote it.
func loadSecret(file string) ([]byte, error) {
	info, err := os.Stat(file) // before opening, since opening a named pipe would block
	if err != nil {
		return nil, failed(fmt.Errorf("secret file: %w", err), "")
	}
	if !info.Mode().IsRegular() {
		return nil, failed(fmt.Errorf("secret file %q is not a regular file", file), "")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, failed(fmt.Errorf("secret file: %w", err), "")
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, failed(fmt.Errorf("secret file: %w", err), "")
	}
	// What Windows says in a mode tells nothing about others.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, failed(fmt.Errorf("secret file %q: others may access it: its mode is %#o, want 0600", file, mode),
			fmt.Sprintf("chmod 600 %q; if others may have read it, agree on a new secret", file))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+2))
	if err != nil {
		return nil, failed(fmt.Errorf("secret file: %w", err), "")
	}
	if trimmed, ok := bytes.CutSuffix(data, []byte("\n")); ok {
		data = bytes.TrimSuffix(trimmed, []byte("\r"))
	}
	switch {
	case len(data) == 0:
		return nil, failed(fmt.Errorf("secret file %q is empty", file),
			"without --secret-file the network is open to whoever knows its name")
	case len(data) > maxSecretBytes:
		return nil, failed(fmt.Errorf("secret file %q has more than %d bytes", file, maxSecretBytes), "")
	}
	return data, nil
}
