package gate

import (
	"testing"
	"time"

	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/policy/supply"
	"sallyport/vin"
	"sallyport/vin/telematics"
)

func embeddedJudge(t testing.TB) *Judge {
	t.Helper()
	index, err := vin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := telematics.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	graph, err := supply.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	p, err := pack.Open("paper-baseline")
	if err != nil {
		t.Fatal(err)
	}
	return NewJudge(index, catalogue, graph, p)
}

// What sources tell beside the maker reaches the facts, each with its source;
// what they do not tell stays unknown.
func TestWhatIsToldReachesTheFacts(t *testing.T) {
	j := embeddedJudge(t)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	// A Model 3 of 2022; Tesla's maker is a party of the supply graph.
	a := j.Assess(Request{VIN: "5YJ3E1EA2NF000001", At: at, Market: "US", Registered: Registered{Make: "Tesla", Model: "Model 3", ModelYear: 2022, From: policy.Source{Title: "paper"}}})
	can := a.Facts.Capabilities
	for name, l := range map[string]policy.Leaf[bool]{"camera outside": can.CameraOutside, "camera inside": can.CameraInside} {
		if !l.Known || !l.Value || l.From.Address == "" || l.From.Quote == "" {
			t.Errorf("%s: %+v, want yes with its source", name, l)
		}
	}
	if can.Microphone.Known || can.GNSS.Known || can.RecordingOff.Known {
		t.Errorf("told by nobody, and known: %+v", can)
	}
	if len(a.Facts.Units) == 0 {
		t.Fatal("no unit")
	}
	for _, k := range a.Facts.Units[0].Candidates {
		if !k.Updater.Known || k.Updater.Value != a.Facts.Vehicle.Maker.Value || k.Updater.From.ID != "X13" {
			t.Errorf("updater %+v, want the vehicle's maker %+v as X13 says", k.Updater, a.Facts.Vehicle.Maker)
		}
		if k.BackEnd.Known || k.SIMHome.Known {
			t.Errorf("%+v %+v, of which nobody told", k.BackEnd, k.SIMHome)
		}
	}
}

func TestBeside(t *testing.T) {
	j := embeddedJudge(t)
	src := []telematics.Source{{ID: "X", Address: "a", Quote: "q"}}
	car := policy.Know(policy.Party("car-maker"), policy.Source{})
	for name, tc := range map[string]struct {
		c    telematics.Candidate
		want policy.Leaf[policy.Party]
	}{
		"nobody told":           {telematics.Candidate{}, policy.Leaf[policy.Party]{}},
		"the maker":             {telematics.Candidate{Updater: telematics.Told{Value: telematics.UpdaterMaker, Sources: src}}, car},
		"the maker, by name":    {telematics.Candidate{Updater: telematics.Told{Value: telematics.UpdaterMaker, Name: "Quectel", Sources: src}}, policy.Know(policy.Party("quectel"), policy.Source{})},
		"the tier-1":            {telematics.Candidate{TCUMaker: "Quectel", Updater: telematics.Told{Value: telematics.UpdaterTier1, Sources: src}}, policy.Know(policy.Party("quectel"), policy.Source{})},
		"a tier-1 nobody knows": {telematics.Candidate{TCUMaker: "Nobody", Updater: telematics.Told{Value: telematics.UpdaterTier1, Sources: src}}, policy.Leaf[policy.Party]{}},
		"the module's maker":    {telematics.Candidate{Updater: telematics.Told{Value: telematics.UpdaterModuleMaker, Sources: src}}, policy.Know(policy.Party("telit"), policy.Source{})},
	} {
		k := policy.Candidate{Maker: policy.Know(policy.Party("telit"), policy.Source{})}
		tc.c.SIMHome = telematics.Told{Value: "RO", Because: "so", Sources: src}
		j.told(&k, tc.c, car)
		if k.Updater.Known != tc.want.Known || k.Updater.Value != tc.want.Value || k.Updater.Known && k.Updater.From.ID != "X" {
			t.Errorf("%s: %+v, want %+v", name, k.Updater, tc.want)
		}
		if !k.SIMHome.Known || k.SIMHome.Value != "RO" || k.SIMHome.From.Title != "so" || k.BackEnd.Known {
			t.Errorf("%s: %+v %+v", name, k.SIMHome, k.BackEnd)
		}
	}
}

func TestLowerWeight(t *testing.T) {
	for class, want := range map[string]int{
		"Class 8: 33,001 lb and above (14,969 kg and above)": 14969,
		"Class 3: 10,001 - 14,000 lb (4,536 - 6,350 kg)":     4536,
		"Class 1: 6,000 lb or less (2,722 kg or less)":       0,
		"Class 1A: 3,000 lb or less (1,360 kg or less)":      0,
		"Class 2E: 6,001 - 7,000 lb (2,722 - 3,175 kg)":      2722,
		"":                             0,
		"Class 8: 33,001 lb and above": 0,
		"(":                            0,
	} {
		if got, ok := lowerWeight(class); got != want || ok != (want > 0) {
			t.Errorf("%q: %d, %v", class, got, ok)
		}
	}
	// A lorry of the heaviest class has a lower bound, and no upper one.
	a := embeddedJudge(t).Assess(Request{VIN: "1XKYDP9X5MJ000001", At: time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)})
	if v := a.Facts.Vehicle; v.WeightKg.Known || v.WeightLeastKg.Value != 14969 {
		t.Errorf("weight %+v, at least %+v", v.WeightKg, v.WeightLeastKg)
	}
}
