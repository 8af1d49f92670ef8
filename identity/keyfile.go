package identity

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	// keyPrefix begins the line of a key file that holds the seed; the number is
	// the version of the format.
	keyPrefix = "pxp-key-1:"
	// maxKeyFileBytes is the size that a key file may have; ours have 130.
	maxKeyFileBytes = 4096
)

// KeyFileError tells what is wrong with a key file. It never holds any of the
// file's content, which may be secret.
type KeyFileError struct {
	File    string // the name as given to [LoadKey]
	Problem string
}

// Error names the file and the problem.
func (e *KeyFileError) Error() string { return fmt.Sprintf("key file %q: %s", e.File, e.Problem) }

// ErrExposed is what [LoadKey] returns, wrapped, for a key file that others
// than its owner may access.
var ErrExposed = errors.New("others may access it")

// LoadKey reads the key that [Key.Save] wrote. Where the system has Unix
// permissions, a file that group or others may access in any way is refused
// with [ErrExposed]. A missing file is an [fs.ErrNotExist]; a file in another
// format, cut short, longer than 4096 bytes or not regular is a
// [*KeyFileError].
//
// The format is text: empty lines, comment lines that begin with "#", and
// exactly one line "pxp-key-1:" and the seed in the encoding of [ID.String].
// Comments are not read, so the peer ID in one is not checked. Lines may end
// in "\r\n".
func LoadKey(file string) (*Key, error) {
	// Asked before opening too, since opening a named pipe would block.
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, &KeyFileError{file, "not a regular file"}
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	defer f.Close()
	// The file that was opened counts, not the one that had the name before.
	if info, err = f.Stat(); err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, &KeyFileError{file, "not a regular file"}
	}
	if hasPermissions && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key file %q: %w: its mode is %#o, want 0600", file, ErrExposed, info.Mode().Perm())
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	key, problem := parseKeyFile(data)
	if problem != "" {
		return nil, &KeyFileError{file, problem}
	}
	return key, nil
}

// parseKeyFile returns the key in the content of a key file, or what is wrong.
func parseKeyFile(data []byte) (*Key, string) {
	if len(data) > maxKeyFileBytes {
		return nil, fmt.Sprintf("longer than %d bytes", maxKeyFileBytes)
	}
	var found *Key
	number := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		number++
		line = strings.TrimSuffix(line, "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		encoded, ok := strings.CutPrefix(line, keyPrefix)
		switch {
		case !ok && strings.HasPrefix(line, "pxp-key-"):
			return nil, fmt.Sprintf("line %d: a key in a format of another version, this program reads %q", number, keyPrefix)
		case !ok:
			return nil, fmt.Sprintf("line %d does not begin with %q", number, keyPrefix)
		case found != nil:
			return nil, fmt.Sprintf("line %d: a second key", number)
		case len(encoded) != textLen:
			return nil, fmt.Sprintf("line %d: %d characters after %q, want %d", number, len(encoded), keyPrefix, textLen)
		}
		var seed [SeedSize]byte
		if problem := decodeText(seed[:], encoded); problem != "" {
			return nil, fmt.Sprintf("line %d: after %q: %s", number, keyPrefix, problem)
		}
		key, err := KeyFromSeed(seed[:])
		if err != nil {
			return nil, err.Error()
		}
		found = key
	}
	if found == nil {
		return nil, fmt.Sprintf("no line that begins with %q", keyPrefix)
	}
	return found, ""
}

// Save writes the key to a new file of mode 0600 and syncs it to the disk. It
// never overwrites: a file or link of that name, even one that leads nowhere,
// is an [fs.ErrExist]. If writing fails, the new file is removed. The
// directory must exist.
func (k *Key) Save(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("save key: %w (a key file is never overwritten)", err)
		}
		return fmt.Errorf("save key: %w", err)
	}
	_, err = f.Write(k.keyFile())
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("save key: %w", errors.Join(err, os.Remove(file)))
	}
	return nil
}

// keyFile returns the content of the key's file.
func (k *Key) keyFile() []byte {
	return []byte("# Private key of a PXP peer. Whoever has this file can pass for the peer.\n" +
		"# peer ID: " + k.ID().String() + "\n" +
		keyPrefix + text.EncodeToString(k.private().Seed()) + "\n")
}
