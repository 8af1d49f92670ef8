// Package house checks the rules of this repository that no linter knows: which package may import what, how files are
// named and how long they are, that tests look for leaks and do not sleep. The test in the root directory runs it over the
// tree; its own tests show that it finds what it is meant to find.
//
// Each check returns one line for each violation, naming the file or the package first, and nil when the rule holds.
package house

import (
	"bytes"
	"errors"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
)

// Files returns the files of the work tree in dir, slash separated and sorted: those that git knows or would add. Without
// git it returns all files outside .git and node_modules.
func Files(dir string) ([]string, error) {
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = dir
	out, err := list.Output()
	if err != nil {
		return walk(os.DirFS(dir))
	}
	var files []string
	for name := range bytes.SplitSeq(out, []byte{0}) {
		info, err := os.Lstat(path.Join(dir, string(name)))
		if len(name) == 0 || err != nil || !info.Mode().IsRegular() {
			continue // deleted and not yet committed, or a link
		}
		files = append(files, string(name))
	}
	slices.Sort(files)
	return files, nil
}

func walk(fsys fs.FS) ([]string, error) {
	var files []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if err == nil && d.Type().IsRegular() {
			files = append(files, name)
		}
		return err
	})
	return files, err
}

// Package is a package of the module as one platform sees it. Its imports are import paths.
type Package struct {
	Dir         string // relative to the module, "." for the root
	Imports     []string
	TestImports []string // of its test files, both in the package and beside it
}

// Packages returns the packages in those files of fsys that have Go files for that platform, not counting testdata and
// modules of their own.
func Packages(fsys fs.FS, files []string, goos, goarch string) ([]Package, error) {
	context := build.Default
	context.GOOS, context.GOARCH, context.CgoEnabled = goos, goarch, false
	context.JoinPath = path.Join
	context.IsDir = func(name string) bool {
		info, err := fs.Stat(fsys, name)
		return err == nil && info.IsDir()
	}
	context.ReadDir = func(name string) ([]fs.FileInfo, error) {
		entries, err := fs.ReadDir(fsys, name)
		infos := make([]fs.FileInfo, 0, len(entries))
		for _, entry := range entries {
			if info, err := entry.Info(); err == nil {
				infos = append(infos, info)
			}
		}
		return infos, err
	}
	context.OpenFile = func(name string) (io.ReadCloser, error) { return fsys.Open(name) }

	var packages []Package
	for _, dir := range goDirs(files) {
		found, err := context.ImportDir(dir, 0)
		var none *build.NoGoError
		if errors.As(err, &none) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading package in %q: %w", dir, err)
		}
		packages = append(packages, Package{
			Dir:         dir,
			Imports:     found.Imports,
			TestImports: append(slices.Clone(found.TestImports), found.XTestImports...),
		})
	}
	return packages, nil
}

// goDirs returns the directories of the module that hold Go files.
func goDirs(files []string) []string {
	var dirs, modules []string
	for _, name := range files {
		if path.Base(name) == "go.mod" && name != "go.mod" {
			modules = append(modules, path.Dir(name)+"/")
		}
	}
	for _, name := range files {
		inModule := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		if strings.HasSuffix(name, ".go") && !isTestdata(name) && !slices.ContainsFunc(modules, inModule) {
			dirs = append(dirs, path.Dir(name))
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

func isTestdata(name string) bool {
	return slices.Contains(strings.Split(name, "/"), "testdata")
}
