package identity

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// exactKeyFile is the file of the key of RFC 8032 §7.1, test 1.
const exactKeyFile = `# Private key of a PXP peer. Whoever has this file can pass for the peer.
# peer ID: 25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkena
pxp-key-1:tvq3dhpp7vngbouejl2jf3bmyrcetrljpmzgsglqhowaghfop5qa
`

func TestKeyFileExact(t *testing.T) {
	key, err := KeyFromSeed(unhex(t, vectors[0].seed))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := key.Save(file); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != exactKeyFile {
		t.Errorf("%v: file is\n%s\nwant\n%s", err, got, exactKeyFile)
	}
	loaded, err := LoadKey(file)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.ID() != key.ID() || !bytes.Equal(loaded.Sign([]byte("m")), key.Sign([]byte("m"))) {
		t.Errorf("loaded %v, saved %v", loaded, key)
	}
}

func TestSaveModeAndNeverOverwrites(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	if err := testKey(t, 1).Save(file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || hasPermissions && info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := testKey(t, 2).Save(file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Save: %v, want fs.ErrExist", err)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file changed: %v\n%s", err, after)
	}
	if !hasPermissions {
		return
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	if err := testKey(t, 2).Save(link); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Save through a link: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "elsewhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link was followed: %v", err)
	}
	if err := testKey(t, 2).Save(filepath.Join(dir, "none", "key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

func TestLoadKeyMissingExposedIrregular(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadKey(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	var fileErr *KeyFileError
	if _, err := LoadKey(dir); !errors.As(err, &fileErr) {
		t.Errorf("directory: %v", err)
	}
	if !hasPermissions {
		t.Skip("no permissions here")
	}
	file := filepath.Join(dir, "key")
	if err := testKey(t, 1).Save(file); err != nil {
		t.Fatal(err)
	}
	for bit := fs.FileMode(1); bit <= 0o040; bit <<= 1 {
		if err := os.Chmod(file, 0o600|bit); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(file); !errors.Is(err, ErrExposed) {
			t.Errorf("mode %v: %v", 0o600|bit, err)
		}
	}
	for _, mode := range []fs.FileMode{0o600, 0o400, 0o700} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(file); err != nil {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
}

func TestLoadKeyFormats(t *testing.T) {
	line := "pxp-key-1:tvq3dhpp7vngbouejl2jf3bmyrcetrljpmzgsglqhowaghfop5qa"
	good := map[string]string{
		"line only":       line,
		"with newline":    line + "\n",
		"CRLF":            "# x\r\n\r\n" + line + "\r\n",
		"comment behind":  line + "\n# x\n",
		"4096 bytes":      line + "\n#" + strings.Repeat("x", maxKeyFileBytes-len(line)-2),
		"comment is free": "# peer ID: somebody else\n" + line,
	}
	for name, content := range good {
		key, err := LoadKey(writeKeyFile(t, content))
		if err != nil || key.ID().String() != vectors[0].text {
			t.Errorf("%s: %v, %v", name, key, err)
		}
	}
	bad := map[string]string{
		"empty":             "",
		"comments only":     "# peer ID: x\n",
		"two keys":          line + "\n" + line + "\n",
		"no prefix":         line[len(keyPrefix):],
		"other version":     strings.Replace(line, "-1:", "-2:", 1),
		"prefix only":       keyPrefix,
		"upper case":        strings.ToUpper(line),
		"upper case seed":   keyPrefix + strings.ToUpper(line[len(keyPrefix):]),
		"one short":         line[:len(line)-1],
		"one long":          line + "a",
		"left over bits":    line[:len(line)-1] + "b",
		"space before":      " " + line,
		"space behind":      line + " ",
		"space inside":      "pxp-key-1: " + line[len(keyPrefix):],
		"alphabet":          strings.Replace(line, "t", "1", 1),
		"byte order mark":   "\ufeff" + line,
		"UTF-16":            "\xff\xfep\x00x\x00p\x00",
		"lone CR in line":   "#\r" + line,
		"zero bytes":        strings.Repeat("\x00", 200),
		"4097 bytes":        line + "\n#" + strings.Repeat("x", maxKeyFileBytes-len(line)-1),
		"huge":              line + "\n" + strings.Repeat("#\n", 1<<20),
		"something else":    "-----BEGIN OPENSSH PRIVATE KEY-----\n",
		"an ID, not a key":  vectors[0].text + "\n",
		"key in a comment":  "#" + line,
		"text after key":    line + "\nx",
		"newline in base32": line[:30] + "\n" + line[30:],
	}
	for name, content := range bad {
		refuseKeyFile(t, name, content)
	}
	// A file cut anywhere is refused, except that the last newline may go.
	for n := range len(exactKeyFile) - 1 {
		refuseKeyFile(t, "truncated", exactKeyFile[:n])
	}
}

func writeKeyFile(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func refuseKeyFile(t *testing.T, name, content string) {
	t.Helper()
	file := writeKeyFile(t, content)
	key, err := LoadKey(file)
	var fileErr *KeyFileError
	if !errors.As(err, &fileErr) || key != nil {
		t.Errorf("%s: %v, %v, want a *KeyFileError", name, key, err)
		return
	}
	if fileErr.File != file || fileErr.Problem == "" || len(fileErr.Problem) > 200 {
		t.Errorf("%s: %#v", name, fileErr)
	}
	if strings.Contains(err.Error(), "tvq3dhpp") || strings.Contains(err.Error(), "TVQ3DHPP") {
		t.Errorf("%s: the error shows the seed: %v", name, err)
	}
}

func FuzzKeyFile(f *testing.F) {
	f.Add([]byte(exactKeyFile))
	f.Add([]byte(exactKeyFile[:100]))
	f.Add([]byte(exactKeyFile + exactKeyFile))
	f.Add([]byte("pxp-key-1:\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		key, problem := parseKeyFile(data)
		if (key == nil) == (problem == "") {
			t.Fatalf("key %v, problem %q", key, problem)
		}
		if key == nil {
			return
		}
		// What was read is what Save writes, and one seed has one text.
		again, problem := parseKeyFile(key.keyFile())
		if problem != "" || again.ID() != key.ID() {
			t.Fatalf("%q, %v and %v", problem, again, key)
		}
		if !bytes.Contains(data, []byte(keyPrefix+text.EncodeToString(key.private().Seed()))) {
			t.Fatalf("key %v is not in the file", key)
		}
	})
}
