package main

import (
	"fmt"
	"time"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/ui"
	"sallyport/vin/telematics"
)

// screenInspecting is what the screens need to look into vehicles.
func (st *site) screenInspecting() ui.Inspecting {
	market := st.cfg.market()
	return ui.Inspecting{
		Desk:   st.desk,
		Photos: st.cfg.KeepPhotographs,
		Rules:  func() gate.InspectionRules { return st.inspecting },
		Questions: func(vin string) []telematics.Question {
			return st.learning.Judge().Questions(vin, market, st.now())
		},
		ReadLabel: func(text string) telematics.Label { return st.learning.Judge().Catalogue().ReadLabel(text) },
		Describe: func(vin string) gate.VehicleView {
			return st.learning.Judge().Assess(gate.Request{VIN: vin, Market: market, At: st.now()}).Vehicle
		},
	}
}

// screenTeaching is the training mode. It judges by the packs and the reference
// data that the program itself holds, so that every site teaches the same, and
// reaches no lane, no store and no log.
func screenTeaching() (ui.Teaching, error) {
	judges := map[string]*gate.Judge{}
	byHash := map[string]*policy.Policy{}
	for _, l := range gate.Lessons() {
		if judges[l.Pack] != nil {
			continue
		}
		p, err := pack.Open(l.Pack)
		if err != nil {
			return ui.Teaching{}, fmt.Errorf("training: %w", err)
		}
		var any *gate.Judge
		for _, any = range judges {
			break
		}
		if any != nil {
			judges[l.Pack] = any.Under(p)
		} else if judges[l.Pack], err = assessorFor(p, "", &refdata.Data{}); err != nil {
			return ui.Teaching{}, fmt.Errorf("training: %w", err)
		}
		byHash[p.Hash()] = p
	}
	return ui.Teaching{
		Lessons: gate.Lessons(),
		Assess:  func(l gate.Lesson, at time.Time) gate.Assessment { return judges[l.Pack].Assess(l.Request(at)) },
		Say: func(hash, rule, lang string) string {
			if p := byHash[hash]; p != nil {
				return p.Say(rule, lang)
			}
			return ""
		},
	}, nil
}
