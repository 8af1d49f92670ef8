package attack_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/peer-exchange/exchange/fuzz/attack"
)

// Every attack has a place in the tables of fuzz/README.md, and what is there exists.
func TestPlan(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, plan, _ := strings.Cut(string(text), "### Which attack")
	plan, _, found := strings.Cut(plan, "\n### ")
	if !found {
		t.Fatal("fuzz/README.md has no such section")
	}
	groups, named := make(map[string]bool), make(map[string]bool)
	for _, a := range attack.All() {
		group, _, _ := strings.Cut(a.Name, "/")
		groups[group] = true
	}
	for _, name := range regexp.MustCompile("`([a-z0-9]+/[a-z0-9-]+)`").FindAllStringSubmatch(plan, -1) {
		named[name[1]] = true
		if group, _, _ := strings.Cut(name[1], "/"); !groups[group] {
			continue // a package
		}
		if _, err := attack.Find(name[1]); err != nil {
			t.Error(err)
		}
	}
	for _, a := range attack.All() {
		if !named[a.Name] {
			t.Errorf("%s has no place in fuzz/README.md", a.Name)
		}
	}
}
