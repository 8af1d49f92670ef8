package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// Missing returns why the original cannot be run from dir, the directory of this package; nil when it can. Node.js must be
// in the PATH, and what package-lock.json names must be installed beside it in just these versions.
func Missing(dir string) error {
	if _, err := exec.LookPath("node"); err != nil {
		return errors.New("no program node in the PATH: install Node.js")
	}
	want, err := lockedVersions(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return err
	}
	have, err := lockedVersions(filepath.Join(dir, "node_modules", ".package-lock.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New(`the npm packages are not installed: run "npm ci" in the directory interop`)
	}
	if err != nil {
		return err
	}
	for name, version := range have {
		if want[name] != version {
			return fmt.Errorf(`%s is version %q, package-lock.json says %q: run "npm ci" in the directory interop`, name, version, want[name])
		}
	}
	return nil
}

// lockedVersions returns what a package-lock.json says: versions by directory.
func lockedVersions(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("reading %q: %w", file, err)
	}
	versions := make(map[string]string)
	for name, p := range lock.Packages {
		if name != "" { // the root, which only package-lock.json has
			versions[name] = p.Version
		}
	}
	return versions, nil
}
