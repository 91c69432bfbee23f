package view

import (
	"strings"

	"sallyport/gate/auth"
)

// Link is one entry of the menu.
type Link struct {
	Address string
	Key     string
	Here    bool
	Ringing int // alarms behind it
}

// Group is one part of the work, with its pages. Its address is that of the
// first page that the person may open.
type Group struct {
	Link
	Links []Link
}

// menu is every page that stands in the menu, by the part of the work it belongs
// to. A page that holds another's address before a slash is its parent.
var menu = [...]struct {
	key   string
	pages []page
}{
	{"nav.gate", []page{
		{"/", "nav.lanes", auth.SeeLane, false},
		{"/alarms", "nav.alarms", auth.SeeAlarms, true},
		{"/passages", "nav.passages", auth.SeePassages, false},
		{"/inside", "nav.inside", auth.SeeInside, false},
		{"/watch", "nav.watch", auth.SeeWatch, false},
		{"/shifts", "nav.shifts", auth.SeeShifts, true},
	}},
	{"nav.fleet", []page{
		{"/fleet", "nav.fleets", auth.SeeFleet, false},
		{"/fleet/notices", "nav.notices", auth.SeeFleet, false},
		{"/fleet/exemptions", "nav.exemptions", auth.SeeFleet, false},
	}},
	{"nav.rules", []page{
		{"/policy", "nav.policy", auth.SeePolicy, false},
		{"/policy/draft", "nav.draft", auth.ProposePolicy, false},
		{"/policy/versions", "nav.versions", auth.SeePolicyVersions, false},
		{"/posture", "nav.posture", auth.SeePolicy, false},
	}},
	{"nav.knowledge", []page{
		{"/catalogue", "nav.catalogue", auth.SeeData, false},
		{"/supply", "nav.supply", auth.SeeData, false},
		{"/lists", "nav.lists", auth.SeeData, false},
		{"/suppliers", "nav.suppliers", auth.SeeData, false},
		{"/data", "nav.data", auth.SeeData, false},
	}},
	{"nav.audit", []page{
		{"/figures", "nav.figures", auth.SeeFigures, false},
		{"/entries", "nav.entries", auth.SearchLog, false},
		{"/log", "nav.log", auth.VerifyLog, false},
		{"/records", "nav.records", auth.ExportRecords, false},
	}},
	{"nav.site", []page{
		{"/radio", "nav.radio", auth.SeeRadio, false},
		{"/devices", "nav.devices", auth.SeeDevices, false},
		{"/machines", "nav.machines", auth.EnrolMachine, false},
		{"/jobs", "nav.jobs", auth.SeeJobs, false},
		{"/settings", "nav.settings", auth.SeeSettings, false},
		{"/signs", "nav.signs", auth.SeeSettings, false},
		{"/dpia", "nav.dpia", auth.SeeSettings, false},
		{"/people", "nav.people", auth.ManagePeople, false},
		{"/kiosks", "nav.kiosks", auth.EnrolKiosk, false},
	}},
}

type page struct {
	address, key string
	need         auth.Permission
	desk         bool // only where the site keeps shifts, alarms and paper forms
}

// Menu is what this person may open, by parts of the work.
func (b Base) Menu() []Group {
	if b.Person == nil {
		return nil
	}
	here, length := "", 0
	for _, g := range menu {
		for _, p := range g.pages {
			if (b.Path == p.address || p.address != "/" && strings.HasPrefix(b.Path, p.address+"/")) && len(p.address) > length {
				here, length = p.address, len(p.address)
			}
		}
	}
	if strings.HasPrefix(b.Path, "/lane/") {
		here = "/"
		if strings.HasSuffix(b.Path, "/radio") {
			here = "/radio"
		}
	}
	var out []Group
	for _, g := range menu {
		group := Group{Link: Link{Key: g.key}}
		for _, p := range g.pages {
			if p.desk && !b.Desk || !auth.May(b.Person.Role, p.need) {
				continue
			}
			l := Link{Address: p.address, Key: p.key, Here: p.address == here}
			if p.need == auth.SeeAlarms {
				l.Ringing = b.Ringing
			}
			group.Links = append(group.Links, l)
			group.Here = group.Here || l.Here
			group.Ringing += l.Ringing
		}
		if len(group.Links) > 0 {
			group.Address = group.Links[0].Address
			out = append(out, group)
		}
	}
	return out
}

// Pages are those of the part of the work that this page belongs to.
func (b Base) Pages() []Link {
	for _, g := range b.Menu() {
		if g.Here {
			return g.Links
		}
	}
	return nil
}
