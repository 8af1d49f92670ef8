package main

import (
	"fmt"
	"strings"

	"github.com/peer-exchange/exchange/fuzz/eclipse/model"
	"github.com/peer-exchange/exchange/internal/choice"
)

// everyDefence is what there is.
const everyDefence = choice.Turns | choice.Half | choice.Own | choice.Places

// cases are the rows of both tables.
var cases = []struct {
	name    string
	without choice.Defence
	kept    bool
}{
	{name: "none of them", without: everyDefence},
	{name: "all, without turns", without: choice.Turns},
	{name: "all, without the half", without: choice.Half},
	{name: "all, without own first", without: choice.Own},
	{name: "all, without places", without: choice.Places},
	{name: "all: what the library does"},
	{name: "all, and both doors kept", kept: true},
}

// shares are the columns of the first table.
var shares = []float64{0.1, 0.2, 0.3}

// network is a network of which a share is hostile.
func network(nodes, rounds int, hostile float64) model.Setup {
	return model.Setup{
		Nodes: nodes, Rounds: rounds, Hostile: hostile, Churn: 0.005,
		Target: 8, Limit: 50, Doors: 2, Reach: 8, Seed: 1,
	}
}

// aimed is a network of which one in twenty is hostile, and aims at one in fifty.
func aimed(nodes, rounds int) model.Setup {
	s := network(nodes, rounds, 0.05)
	s.Victims = nodes / 50
	return s
}

// simulate does so by a row of the tables.
func simulate(s model.Setup, row int) model.View {
	s.Rules.Without, s.Kept = cases[row].without, cases[row].kept
	return model.Simulate(s)
}

const (
	networkHead = "| defences | no honest peer at 10, 20, 30 % | hostile in a view, mean | one view in 20 has more than |\n|---|---|---|---|\n"
	aimedHead   = "| defences | no honest peer | hostile in a view, mean | of the peers that it dialed |\n|---|---|---|---|\n"
)

// networkRow is a line of the first table.
func networkRow(nodes, rounds, row int) string {
	var eclipsed, hostile, worst []string
	for _, share := range shares {
		v := simulate(network(nodes, rounds, share), row)
		eclipsed = append(eclipsed, percent(v.Eclipsed))
		hostile = append(hostile, percent(v.Hostile))
		worst = append(worst, percent(v.Worst))
	}
	cell := func(all []string) string { return strings.Join(all, ", ") + " %" }
	return fmt.Sprintf("| %s | %s | %s | %s |\n", cases[row].name, cell(eclipsed), cell(hostile), cell(worst))
}

// aimedRow is a line of the second.
func aimedRow(nodes, rounds, row int) string {
	v := simulate(aimed(nodes, rounds), row)
	return fmt.Sprintf("| %s | %s %% | %s %% | %s %% |\n", cases[row].name, percent(v.Eclipsed), percent(v.Hostile), percent(v.Chosen))
}

func percent(share float64) string { return fmt.Sprintf("%.0f", 100*share) }
