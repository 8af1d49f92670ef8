package model

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// One seed makes one network, and where nobody is hostile everybody has the peers that it wants.
func TestSimulate(t *testing.T) {
	s := Setup{Nodes: 100, Rounds: 100, Hostile: 0.2, Churn: 0.005, Target: 8, Limit: 50, Doors: 2, Reach: 8}
	a, b := Simulate(s), Simulate(s)
	if a != b || a.Hostile < 0.2 {
		t.Errorf("%+v, and then %+v", a, b)
	}
	s.Hostile = 0
	if v := Simulate(s); v.Hostile != 0 || v.Eclipsed != 0 || v.Peers < 8 {
		t.Errorf("without hostile nodes: %+v", v)
	}
}
