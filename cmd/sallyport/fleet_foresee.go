package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/policy"
)

// zones are those behind the site's lanes, each once, the strictest first.
func (c siteConfig) zones() (list []gate.ForeseenZone) {
	for _, l := range c.Lanes {
		if slices.ContainsFunc(list, func(z gate.ForeseenZone) bool { return z.Name == l.Zone }) {
			continue
		}
		if z, err := gate.ParseZone(l.Zone); err == nil { // checked when the configuration was read
			list = append(list, gate.ForeseenZone{Name: l.Zone, Zone: z, Market: l.Market})
		}
	}
	slices.SortStableFunc(list, func(a, b gate.ForeseenZone) int { return cmp.Compare(b.Zone, a.Zone) })
	return list
}

// foresight is what would be decided of vehicles of a list at an instant, by the
// rules that are in force then, on the data of now.
func (st *site) foresight(at time.Time) (*gate.Foresight, error) {
	_, p, err := st.rules.policies.InForce(at)
	if err != nil {
		return nil, err
	}
	return &gate.Foresight{
		Judge: st.learning.Judge().Under(p), At: at, Zones: st.cfg.zones(), Posture: st.rules.postures.Rank(at), Inspecting: st.inspecting,
		Inspections: func(ctx context.Context, vin string) ([]gate.Inspection, error) {
			return st.store.Inspections(ctx, vin, at)
		},
	}, nil
}

// foreseenBasis is what a foresight rests on, kept from one run of the job to the
// next to say what has changed.
type foreseenBasis struct {
	Sum     string `json:"sum"`
	Rules   string `json:"rules"`
	Data    string `json:"data"`
	Posture string `json:"posture"`
	Day     string `json:"day"`
}

// since says what is another than at the run before.
func (b foreseenBasis) since(was foreseenBasis) (cause []string) {
	for _, c := range [...]struct{ name, was, is string }{
		{"policy", was.Rules, b.Rules}, {"data", was.Data, b.Data}, {"posture", was.Posture, b.Posture}, {"day", was.Day, b.Day},
	} {
		if c.was != c.is {
			cause = append(cause, c.name)
		}
	}
	// That a day has passed says nothing where there is a better reason.
	if len(cause) > 1 {
		cause = slices.DeleteFunc(cause, func(c string) bool { return c == "day" })
	}
	if len(cause) == 0 {
		cause = []string{"vehicle"}
	}
	return cause
}

// maxFuture is how many versions that are approved and not in effect yet are
// looked at.
const maxFuture = 4

// foresee decides again what would be decided of each vehicle on the list, when
// the list, the rules, the data or the day are others than at the last time,
// counts what changed, and gives notice of it to the fleets; also of what will
// change when rules that are approved take effect. It decides nothing at a lane.
func (st *site) foresee(ctx context.Context, memory *string) (string, error) {
	at := st.rules.clock.Now()
	version, p, err := st.inForce()
	if err != nil {
		return "", err
	}
	list, err := st.store.Foreseen(ctx)
	if err != nil {
		return "", err
	}
	d := st.live.Load().judge.Data(at)
	is := foreseenBasis{
		Rules: fmt.Sprint(version.Number, " ", p.Hash()), Data: d.VPICEdition + " " + d.CatalogueEdition + " " + d.SupplyEdition,
		Posture: fmt.Sprint(st.rules.postures.Rank(at)), Day: at.In(cmp.Or(st.cfg.zone(), time.UTC)).Format(time.DateOnly),
	}
	inspected := map[string]bool{}
	basis := sha256.New()
	fmt.Fprintln(basis, is)
	for _, v := range st.rules.policies.Versions() {
		fmt.Fprintln(basis, v.Number, gate.StateAt(st.rules.policies.Versions(), v.Number, at))
	}
	for i := range list {
		fmt.Fprintln(basis, list[i].Registration)
		for _, a := range list[i].Listed.Exempt {
			fmt.Fprintln(basis, a.ID, a.From, a.Until)
		}
	}
	if err := st.store.EachInspection(ctx, func(in gate.Inspection) error {
		inspected[in.VIN] = true
		fmt.Fprintln(basis, in.ID, len(in.Acts))
		return nil
	}); err != nil {
		return "", err
	}
	is.Sum = hex.EncodeToString(basis.Sum(nil))
	var was foreseenBasis
	_ = json.Unmarshal([]byte(*memory), &was) // of an older program it is another text, and nothing is known of then
	if was.Sum == is.Sum {
		return fmt.Sprintf("%d vehicles on the list; nothing changed since they were judged", len(list)), nil
	}
	f, err := st.foresight(at)
	if err != nil {
		return "", err
	}
	store := f.Inspections
	f.Inspections = func(ctx context.Context, vin string) ([]gate.Inspection, error) {
		if !inspected[vin] {
			return nil, nil
		}
		return store(ctx, vin)
	}
	var changed int
	var notices []gate.Notice
	counts := map[policy.Outcome]int{}
	cause := is.since(was)
	i := -1
	err = f.All(ctx, each(list), func(_ *gate.Registration, v *gate.ForeseenVehicle) error {
		i++
		e := &list[i]
		before := e.Outcomes
		e.Outcomes = make(map[string]string, len(v.At))
		if e.Listed.VIN == "" {
			return nil
		}
		differs := false
		for _, z := range v.At {
			name := z.Outcome.String()
			e.Outcomes[z.Zone] = name
			if then, ok := before[z.Zone]; ok && then != name {
				differs = true
				if e.Listed.Fleet != "" {
					notices = append(notices, gate.Notice{At: at, Seq: e.Registration, Zone: z.Zone, Before: then, After: name, Cause: cause, Version: version.Number, Rule: z.Rule, Because: z.Because})
				}
			}
		}
		counts[gate.Strictest(v.At)]++
		if differs {
			changed++
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	future, err := st.foreseeFuture(ctx, at, list, f)
	if err != nil {
		return "", err
	}
	if err := st.store.PutForeseen(ctx, at, list, append(notices, future...)...); err != nil {
		return "", err
	}
	text, err := json.Marshal(is)
	if err != nil {
		return "", err
	}
	*memory = string(text)
	return fmt.Sprintf("%d vehicles on the list: grant %d, flag %d, deny %d; %d judged otherwise than before",
		len(list), counts[policy.Grant], counts[policy.Flag], counts[policy.Deny], changed), nil
}

// each hands on the lines of a list.
func each(list []sqlite.Foreseen) iter.Seq2[*gate.Registration, error] {
	return func(yield func(*gate.Registration, error) bool) {
		for i := range list {
			if !yield(&list[i].Listed, nil) {
				return
			}
		}
	}
}

// foreseeFuture is what will change for the vehicles of fleets when versions that
// are approved take effect.
func (st *site) foreseeFuture(ctx context.Context, at time.Time, list []sqlite.Foreseen, now *gate.Foresight) (out []gate.Notice, err error) {
	list = slices.DeleteFunc(slices.Clone(list), func(e sqlite.Foreseen) bool { return e.Listed.Fleet == "" || e.Listed.VIN == "" })
	t := at
	for range maxFuture {
		v, from, ok := gate.NextInForce(st.rules.policies.Versions(), t)
		if !ok || len(list) == 0 {
			return out, nil
		}
		t = from
		f, err := st.foresight(from)
		if err != nil {
			return nil, err
		}
		f.Inspections = func(ctx context.Context, vin string) ([]gate.Inspection, error) {
			seen, err := now.Inspections(ctx, vin)
			return slices.DeleteFunc(slices.Clone(seen), func(in gate.Inspection) bool { return !in.Expires.After(from) }), err
		}
		i := -1
		err = f.All(ctx, each(list), func(_ *gate.Registration, fv *gate.ForeseenVehicle) error {
			i++
			for _, z := range fv.At {
				if before := list[i].Outcomes[z.Zone]; before != "" && before != z.Outcome.String() {
					out = append(out, gate.Notice{At: at, Seq: list[i].Registration, Zone: z.Zone, Before: before, After: z.Outcome.String(), Cause: []string{"policy"},
						Version: v.Number, From: from, Future: true, Rule: z.Rule, Because: z.Because})
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
