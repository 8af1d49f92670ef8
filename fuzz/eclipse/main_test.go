package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The tables of SECURITY.md are what the simulator says. With EXCHANGE_LONG=1 all rows are simulated, a minute's
// work; else those with none of the defences and with all, of the second table.
func TestSecurityFigures(t *testing.T) {
	b, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	rows := func(head string) []string {
		_, after, found := strings.Cut(text, head)
		if !found {
			t.Fatalf("SECURITY.md has no table %q", head)
		}
		return strings.SplitAfterN(after, "\n", len(cases)+1)[:len(cases)]
	}
	network, aimed := rows(networkHead), rows(aimedHead)
	for row, c := range cases {
		long := os.Getenv("EXCHANGE_LONG") != ""
		if want := "| " + c.name + " |"; !strings.HasPrefix(network[row], want) || !strings.HasPrefix(aimed[row], want) {
			t.Errorf("row %d is %q and %q, want %q", row, network[row], aimed[row], c.name)
		}
		if long {
			if want := networkRow(1000, 1000, row); network[row] != want {
				t.Errorf("SECURITY.md has\n%swant\n%s", network[row], want)
			}
		}
		if long || c.without == everyDefence || c.without == 0 && !c.kept {
			if want := aimedRow(1000, 1000, row); aimed[row] != want {
				t.Errorf("SECURITY.md has\n%swant\n%s", aimed[row], want)
			}
		}
	}
}

// What the defences are for, in smaller networks of other seeds: that it is so is no matter of luck.
func TestDefences(t *testing.T) {
	const without, with, seeds = 0, 5, 2
	var before, after, aimedBefore, aimedAfter float64
	for seed := range uint64(seeds) {
		s := network(200, 300, 0.1)
		s.Seed = seed
		before += simulate(s, without).Hostile / seeds
		after += simulate(s, with).Hostile / seeds
		s = aimed(1000, 300)
		s.Seed = seed
		aimedBefore += simulate(s, without).Eclipsed / seeds
		aimedAfter += simulate(s, with).Eclipsed / seeds
	}
	if after > before-0.05 {
		t.Errorf("%.2f of a view are hostile, without defences %.2f", after, before)
	}
	if aimedAfter > 0.03 || aimedBefore < 0.15 {
		t.Errorf("%.2f of the victims have no honest peer, without defences %.2f", aimedAfter, aimedBefore)
	}
	t.Logf("hostile in a view: %.2f, without defences %.2f; victims without honest peer: %.2f, without defences %.2f", after, before, aimedAfter, aimedBefore)
}

func TestCommand(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run([]string{"-nodes", "100", "-rounds", "100"}, &out, &errs); code != 0 || errs.Len() > 0 {
		t.Errorf("exit status %d: %s", code, errs.String())
	}
	if n := strings.Count(out.String(), "\n"); n != 2*(2+len(cases))+1 {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
	if code := run([]string{"-rounds", "5"}, &out, &errs); code != 2 {
		t.Errorf("5 rounds: exit status %d, want 2", code)
	}
}
