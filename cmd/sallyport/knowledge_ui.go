package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/refdata"
	"sallyport/policy"
	"sallyport/policy/supply"
	"sallyport/ui"
	"sallyport/ui/view"
	"sallyport/vin/telematics"
)

// siteKnowledge is the reference data of the running site, as people look into
// it: what a vehicle would be decided by now.
type siteKnowledge struct{ st *site }

var _ ui.Knowledge = siteKnowledge{}

func (k siteKnowledge) judge() *gate.Judge               { return k.st.learning.Judge() }
func (k siteKnowledge) Catalogue() *telematics.Catalogue { return k.judge().Catalogue() }
func (k siteKnowledge) Graph() *supply.Graph             { return k.judge().Graph() }
func (k siteKnowledge) Shares() *telematics.Shares       { return k.st.learning.Shares() }

func (k siteKnowledge) LookUp(vin, market string, at time.Time) gate.LookedUp {
	return k.judge().LookUp(vin, market, at)
}

func (k siteKnowledge) Known(q telematics.Query) telematics.Answer { return k.judge().Known(q) }

// Market is that of the first lane.
func (k siteKnowledge) Market() string {
	for _, l := range k.st.cfg.Lanes {
		if l.Market != "" {
			return l.Market
		}
	}
	return ""
}

// lookedBack is how far back a vehicle that is not registered counts as one that
// the site knows.
const lookedBack = 90

// Touched reads the site's records beside the lanes, so that none waits for it.
func (k siteKnowledge) Touched(ctx context.Context, turned []supply.Turn) (list []supply.Touched, of int, err error) {
	if len(turned) == 0 {
		return nil, 0, nil
	}
	beside, err := openBeside(ctx, k.st.dir)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, beside.Close()) }()
	for v, err := range supply.Touch(turned, beside.vehicles(ctx, k.judge(), k.st.now().UTC(), lookedBack, &of)) {
		if err != nil {
			return nil, 0, err
		}
		list = append(list, v)
	}
	return list, of, nil
}

// WhatIf judges under the rules in force.
func (k siteKnowledge) WhatIf(ctx context.Context, ask ui.Supposition) (out ui.Supposed, err error) {
	g := k.Graph()
	change := refdataSupplyWhatIfCmd{Share: ask.Share, Since: ask.Since, Until: ask.Until, Owner: ask.Owner}
	switch ask.How {
	case "drop":
		change = refdataSupplyWhatIfCmd{Edge: ask.Edge, Drop: true}
	case "change":
		change.Edge = ask.Edge
	case "add":
		change.Add, change.Owner = fmt.Sprintf("%s:%s:%s", ask.Party, supply.OwnedBy, ask.Owner), ""
	case "entry":
		change = refdataSupplyWhatIfCmd{Entry: ask.Edition + "=" + ask.Party}
	case "drop-entry":
		change = refdataSupplyWhatIfCmd{DropEntry: ask.Edition + "=" + ask.Party}
	}
	w, words, err := change.change(g)
	if err != nil {
		return out, fmt.Errorf("%w: %w", ui.ErrSupposed, err)
	}
	after, err := g.With(w)
	if err != nil {
		return out, fmt.Errorf("%w: %w", ui.ErrSupposed, err)
	}
	_, pol, err := k.st.inForce()
	if err != nil {
		return out, err
	}
	beside, err := openBeside(ctx, k.st.dir)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, beside.Close()) }()
	at, level := k.st.now().UTC(), 0
	if day := ask.Day; day.Format(time.DateOnly) != at.Format(time.DateOnly) {
		at = day
	}
	what := gate.WhatIf{Before: k.judge().Under(pol), After: after, Market: k.Market(), At: at, Zone: beside.strictest(), Class: policy.ClassPrivate, Posture: &level}
	vehicles, passages, failed, err := beside.whatIf(ctx, &what)
	if err != nil {
		return out, err
	}
	out.Words, out.Policy, out.Zone = words, pol.ID(), what.Zone.String()
	out.Report, err = what.Run(ctx, vehicles, passages)
	return out, errors.Join(err, failed())
}

// shownDisagreements is how many rows the page of the data shows.
const shownDisagreements = 100

// Release is the signed release in use.
func (k siteKnowledge) Release() *view.Release {
	held := k.st.live.Load().held
	if held == nil {
		return nil
	}
	at := k.st.now().UTC()
	state := held.StateAt(at)
	r := &view.Release{Number: held.Numbers.Release, Of: held.Released, AgeDays: state.AgeDays, Installed: held.At, Expires: held.Expires, Expired: state.Expired,
		ExpiresOf: held.ExpiresRole, Signers: held.Signers, Root: held.Root, RootNeed: held.RootNeed, RootBy: held.RootSigners, DisagreeOf: len(held.data.Disagreements)}
	for _, role := range held.Roles {
		row := view.ReleaseRole{Name: role.Name, Title: role.Title, Standing: string(role.Standing), Version: role.Version, Signers: role.Signers, Need: role.Need, Expires: role.Expires}
		for _, p := range held.Parts {
			if p.Role == role.Name {
				row.Parts = append(row.Parts, view.ReleasePart{Path: p.Path, Edition: held.data.Editions[p.Path], SHA256: p.SHA256, Bytes: p.Bytes})
			}
		}
		r.Roles = append(r.Roles, row)
	}
	for _, d := range held.data.Disagreements[:min(len(held.data.Disagreements), shownDisagreements)] {
		r.Disagree = append(r.Disagree, disagreement(d))
	}
	return r
}

func disagreement(d refdata.Disagreement) view.Disagreement {
	return view.Disagreement{Part: string(d.Part), Section: d.Section, ID: seen(d.ID), Role: d.Role, Used: d.Used, Ours: seen(string(d.Ours)), Theirs: seen(string(d.Theirs))}
}

// sheet is what the configuration says, and the settings that hold in its place.
func (st *site) sheet(context.Context) (view.Sheet, error) {
	c := st.cfg
	rules, err := c.inspectionRules()
	if err != nil {
		return view.Sheet{}, err
	}
	out := view.Sheet{
		ID: c.Site, Name: c.Name, Timezone: c.zone().String(), File: filepath.Join(st.dir, siteFile), Data: st.dir, Program: programVersion(),
		Retention: st.retention(), Inspection: rules.Days, Statement: rules.StatementDays, TwoPerson: c.TwoPersonFrom, Photographs: c.KeepPhotographs,
		LongestStay: time.Duration(c.Identity.LongestStay), Levels: c.Posture.Levels, Overrides: c.Acts.OverridesPerShift,
		Jurisdiction: st.radio.filter.Rules().Asked, Assessment: c.Radio.DPIA, KeepsSets: c.Radio.KeepSets, KeyDays: defaultKeyDays,
	}
	if c.Radio.KeyDays != nil {
		out.KeyDays = *c.Radio.KeyDays
	}
	out.BackupTo, out.BackupAt = c.Backup.Dir, c.Backup.At
	if v, p, err := st.inForce(); err == nil {
		out.Policy = fmt.Sprintf("%s, %d", p.ID(), v.Number)
	}
	for _, l := range c.Lanes {
		z, err := gate.ParseZone(l.Zone)
		if err != nil {
			return view.Sheet{}, err
		}
		row := view.SheetLane{ID: l.ID, Name: l.Name, Market: l.Market, TurnOut: l.TurnOut, Direction: l.Direction, Arm: l.Arm.Kind, Zone: fmt.Sprint(uint8(z)), AutoOpen: l.AutoOpen, Tandem: l.Tandem}
		if row.Direction == "" {
			row.Direction = string(gate.DirectionEntry)
		}
		for i, s := range l.Sensors {
			row.Sensors = append(row.Sensors, view.SheetSensor{Name: s.Name, Source: s.source(), Upstream: i > 0})
		}
		for _, x := range l.Cameras {
			row.Cameras = append(row.Cameras, x.Device)
		}
		for _, x := range l.Scanners {
			row.Scanners = append(row.Scanners, x.Name)
		}
		out.Lanes = append(out.Lanes, row)
	}
	return out, nil
}

// retention is how long personal data is kept, in days: as the people of the
// site have set it, else as its configuration says.
func (st *site) retention() int {
	return st.settings.Number(gate.SettingRetention, st.cfg.RetentionDays)
}

// siteMachines enrols what speaks to the interface for machines.
type siteMachines struct {
	st *site
}

var _ ui.Machines = siteMachines{}

func (m siteMachines) Enrol(ctx context.Context, by, name string, kind auth.DeviceKind, lane string, life time.Duration) (id, token string, err error) {
	d, err := m.st.enrolment.add(ctx, m.st.store, enrolRequest{Name: name, Kind: string(kind), Lane: lane, Life: life, By: by})
	return d.ID, d.Token, err
}

func (m siteMachines) List(ctx context.Context) ([]ui.Machine, error) {
	list, err := m.st.store.Devices(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]ui.Machine, len(list))
	for i, d := range list {
		out[i] = ui.Machine(d)
	}
	return out, nil
}

func (m siteMachines) Revoke(ctx context.Context, by, id string) error {
	err := m.st.store.RevokeDevice(ctx, id, gate.Event{Kind: gate.EventDeviceRevoked, At: m.st.now().UTC(), By: by, Detail: id})
	if err == nil {
		m.st.screens.Dismiss(id)
	}
	return err
}
