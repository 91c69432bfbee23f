package ui

import (
	"context"
	"fmt"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/policy/supply"
	"sallyport/ui/view"
	"sallyport/vin/telematics"
)

// fakeKnowledge is the data built into the program, without a site.
type fakeKnowledge struct {
	c *telematics.Catalogue
	g *supply.Graph
}

func newFakeKnowledge() (fakeKnowledge, error) {
	c, err := telematics.Embedded()
	if err != nil {
		return fakeKnowledge{}, err
	}
	g, err := supply.Embedded()
	return fakeKnowledge{c, g}, err
}

func (k fakeKnowledge) Catalogue() *telematics.Catalogue           { return k.c }
func (k fakeKnowledge) Graph() *supply.Graph                       { return k.g }
func (fakeKnowledge) Shares() *telematics.Shares                   { return nil }
func (k fakeKnowledge) Known(q telematics.Query) telematics.Answer { return k.c.Lookup(q) }
func (fakeKnowledge) Market() string                               { return "EU" }
func (fakeKnowledge) Release() *view.Release                       { return nil }

func (k fakeKnowledge) LookUp(vin, market string, at time.Time) gate.LookedUp {
	q := telematics.Query{Make: "TESLA", Model: "Model 3", Year: 2022, Market: market, At: at}
	return gate.LookedUp{VIN: vin, Vehicle: gate.VehicleView{Valid: true, Make: "TESLA"}, Query: q, Answer: k.c.Lookup(q)}
}

func (fakeKnowledge) Touched(_ context.Context, turned []supply.Turn) ([]supply.Touched, int, error) {
	if len(turned) == 0 {
		return nil, 1, nil
	}
	return []supply.Touched{{Vehicle: supply.Vehicle{ID: vinDeny, Group: "registered", Roles: []supply.Role{{Party: turned[0].Party, As: "maker"}}}, By: []int{0}}}, 1, nil
}

func (k fakeKnowledge) WhatIf(_ context.Context, ask Supposition) (Supposed, error) {
	if _, ok := k.g.Find(ask.Owner); ask.How == "add" && !ok {
		return Supposed{}, fmt.Errorf("%w: no party answers to %q", ErrSupposed, ask.Owner)
	}
	return Supposed{Words: []string{"a change"}, Policy: "p 1", Zone: "restricted", Report: gate.WhatIfReport{
		List: []gate.Rejudged{{Kind: gate.WhatIfVehicle, ID: vinDeny, Before: "grant", After: "deny", Was: "w", Because: "b"}}}}, nil
}

// fakeMachines keeps machines in memory.
type fakeMachines struct{ list []Machine }

func (m *fakeMachines) Enrol(_ context.Context, _, name string, kind auth.DeviceKind, lane string, _ time.Duration) (id, token string, err error) {
	m.list = append(m.list, Machine{ID: "m1", Name: name, Kind: string(kind), Lane: lane, Created: arrivedAt})
	return "m1", "the-token", nil
}
func (m *fakeMachines) List(context.Context) ([]Machine, error) { return m.list, nil }
func (m *fakeMachines) Revoke(_ context.Context, _, id string) error {
	for i := range m.list {
		if m.list[i].ID == id {
			m.list[i].Revoked = true
			return nil
		}
	}
	return gate.ErrNotFound
}
