package meaning

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sallyport/rf"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	tesla      = "5YJXCAE42MF000001"
	otherTesla = "5YJS0000000000000"
)

var (
	model3 = Vehicle{VIN: tesla, Certain: true, Make: "TESLA", Type: "PASSENGER CAR"}
	golf   = Vehicle{VIN: "WVWZZZ1KZAW000001", Certain: true, Make: "VOLKSWAGEN", Type: "PASSENGER CAR"}
	ford   = Vehicle{VIN: "1FTNE24L7XHA00001", Certain: true, Make: "FORD", Type: "TRUCK", NoModem: NoModem{Known: true}}
)

func with(v Vehicle, change func(*Vehicle)) Vehicle {
	change(&v)
	return v
}

// fixed is a record that gives one answer.
type fixed struct{ make, module Relation }

func (f fixed) Make(string) Relation   { return f.make }
func (f fixed) Module(string) Relation { return f.module }

func prefix(organisation, maker, category string, s rf.Specificity) rf.Heard {
	return rf.Heard{Kind: rf.WiFi, Probability: 0.97, Prefix: "0026B4/24",
		MakerInfo: rf.MakerInfo{Organisation: organisation, Maker: maker, Category: category, Specificity: s}}
}

func network(text, carMake string, s rf.Specificity) rf.Heard {
	return rf.Heard{Kind: rf.WiFi, Probability: 0.97, Name: text,
		NameFits: &rf.HeardName{Make: carMake, Source: "https://martin.heiland.io/2017/03/12/reverse-wardriving", Specificity: s}}
}

func modemless(h rf.Heard) rf.Heard {
	h.NameFits.Modemless = true
	return h
}

func as(role string, h rf.Heard) rf.Heard {
	h.Role = role
	return h
}

func key(text string) rf.Heard {
	return rf.Heard{Kind: rf.BLE, Probability: 0.97, Name: text,
		NameFits: &rf.HeardName{Make: "Tesla", Source: "https://github.com/teslamotors/vehicle-command pkg/connector/ble/ble.go VehicleLocalName", Specificity: rf.Automotive}}
}

func company(name, category string, s rf.Specificity) rf.Heard {
	return rf.Heard{Kind: rf.BLE, Probability: 0.97, Company: &rf.HeardCompany{ID: 1, Name: name, Category: category, Specificity: s}}
}

func tyre(models ...string) rf.Heard {
	return rf.Heard{Kind: rf.TPMS, Probability: 0.97, Models: models}
}

func bsm(width, length int) rf.Heard {
	return rf.Heard{Kind: rf.V2X, Probability: 0.97, WidthCM: width, LengthCM: length}
}

func at(p float64, h rf.Heard) rf.Heard {
	h.Probability = p
	return h
}

var cases = []struct {
	name        string
	vehicle     Vehicle
	heard       rf.Heard
	code        Code // of the first; empty: nothing
	strength    Strength
	contradicts bool
}{
	{"network of the make", with(golf, func(v *Vehicle) { v.Make = "AUDI" }), network("Audi_MMI_1234", "Audi", rf.Automotive), MakeAgrees, Moderate, false},
	{"network of a sister make", golf, network("Audi_MMI_1234", "Audi", rf.Automotive), MakeAgrees, Moderate, false},
	{"network of another group", ford, network("Audi_MMI_1234", "Audi", rf.Automotive), MakeDiffers, Moderate, true},
	{"network of another group, hardly attributed", ford, at(0.89, network("Audi_MMI_1234", "Audi", rf.Automotive)), MakeDiffers, Weak, false},
	{"network of another group, rather not attributed", ford, at(0.49, network("Audi_MMI_1234", "Audi", rf.Automotive)), "", 0, false},
	{"network without a modem of the same make", with(golf, func(v *Vehicle) { v.NoModem.Known = true }), modemless(network("SmartGate_0123AB", "Skoda", rf.Automotive)), MakeAgrees, Moderate, false},
	{"network where no modem is", with(golf, func(v *Vehicle) { v.NoModem.Known = true }), network("Audi_MMI_1234", "Audi", rf.Automotive), UnitWithoutModem, Moderate, true},
	{"network that is known to lead to no modem", with(golf, func(v *Vehicle) { v.Make, v.NoModem.Known = "", true }), modemless(network("SmartGate_0123AB", "Skoda", rf.Automotive)), MakeHeard, Moderate, false},
	{"network of another make that leads to no modem", with(golf, func(v *Vehicle) { v.Make, v.NoModem.Known = "", true }), modemless(network("Audi_MMI_1234", "Audi", rf.Automotive)), MakeHeard, Moderate, false},
	{"telephone that looks for a vehicle's network", ford, as("probe", network("Audi_MMI_1234", "Audi", rf.Automotive)), MakeDiffers, Weak, false},
	{"head unit that looks for a network where no modem is", ford, as("client", prefix("Visteon", "Visteon", "tier1_auto", rf.Automotive)), UnitHeard, Moderate, false},
	{"tracker that looks for a network where no modem is", ford, as("client", prefix("Geotab Inc.", "Geotab", "telematics", rf.Automotive)), UnitWithoutModem, Moderate, true},
	{"generic network name", ford, network("WiFi Hotspot 0A1B", "Opel", rf.Mixed), MixedHeard, Weak, false},
	{"make unknown", Vehicle{}, network("Audi_MMI_1234", "Audi", rf.Automotive), MakeHeard, Moderate, false},
	{"make that no table knows", with(golf, func(v *Vehicle) { v.Make = "FOXTRON" }), network("Audi_MMI_1234", "Audi", rf.Automotive), MakeHeard, Moderate, false},
	{"make that the record knows for kin", with(ford, func(v *Vehicle) { v.Record = fixed{make: Same}; v.NoModem.Known = false }), network("Audi_MMI_1234", "Audi", rf.Automotive), MakeAgrees, Moderate, false},
	{"make that the record alone tells apart", with(golf, func(v *Vehicle) { v.Make, v.Record = "BYD", fixed{make: Apart} }), network("Audi_MMI_1234", "Audi", rf.Automotive), MakeDiffers, Moderate, true},

	{"prefix of the make", golf, prefix("Volkswagen AG", "Volkswagen", "car_maker", rf.Automotive), MakeAgrees, Moderate, false},
	{"prefix of a partner of the make", with(golf, func(v *Vehicle) { v.Make = "SUBARU" }), prefix("Toyota", "Toyota", "car_maker", rf.Automotive), MakeAgrees, Moderate, false},
	{"prefix of another make", golf, prefix("Tesla,Inc.", "Tesla", "car_maker", rf.Automotive), MakeDiffers, Moderate, true},
	{"prefix of another make, mixed", golf, prefix("BYD COMPANY LIMITED", "BYD", "car_maker", rf.Mixed), MixedHeard, Weak, false},
	{"prefix with a bit cleared", golf, func() rf.Heard {
		h := prefix("Tesla,Inc.", "Tesla", "car_maker", rf.Automotive)
		h.Derived = true
		return h
	}(), MixedHeard, Weak, false},
	{"prefix of Quectel", ford, prefix("Quectel Wireless Solutions", "Quectel", "cell_module", rf.Mixed), MixedHeard, Weak, false},
	{"prefix of a supplier", ford, prefix("Valeo", "Valeo", "tier1_auto", rf.Automotive), UnitHeard, Moderate, false},
	{"prefix of a fleet's tracker", golf, prefix("Geotab Inc.", "Geotab", "telematics", rf.Automotive), UnitHeard, Moderate, false},
	{"prefix of a fleet's tracker where no modem is", ford, prefix("Geotab Inc.", "Geotab", "telematics", rf.Automotive), UnitWithoutModem, Moderate, true},
	{"prefix of a fleet's tracker where none is declared", with(golf, func(v *Vehicle) { v.NoModem.Declared = true }), prefix("Geotab Inc.", "Geotab", "telematics", rf.Automotive), UnitWithoutModem, Moderate, true},
	{"prefix of an automotive module maker", golf, prefix("Rolling Wireless", "Rolling Wireless", "cell_module_auto", rf.Automotive), UnitHeard, Moderate, false},
	{"prefix of another module maker than those settled", with(golf, func(v *Vehicle) { v.Record = fixed{module: Apart} }), prefix("Rolling Wireless", "Rolling Wireless", "cell_module_auto", rf.Automotive), ModuleDiffers, Moderate, true},
	{"prefix of a module maker on record", with(golf, func(v *Vehicle) { v.Record = fixed{module: Same} }), prefix("Rolling Wireless", "Rolling Wireless", "cell_module_auto", rf.Automotive), UnitHeard, Moderate, false},
	{"prefix that the table does not hold", golf, rf.Heard{Kind: rf.WiFi, Probability: 1}, "", 0, false},

	{"company of another make", golf, company("Ford Motor Company", "car_maker", rf.Automotive), MakeDiffers, Weak, false},
	{"company of the make's group", golf, company("Porsche AG", "car_maker", rf.Automotive), MakeAgrees, Weak, false},
	{"company of a supplier", golf, company("Denso Corporation", "tier1_auto", rf.Automotive), UnitHeard, Weak, false},
	{"company of a module maker", golf, company("Quectel Wireless Solutions Co., Ltd.", "cell_module", rf.Mixed), MixedHeard, Weak, false},

	{"name of this VIN's Tesla", model3, key(TeslaName(tesla)), TeslaMatches, Strong, false},
	{"name of this VIN's Tesla in another state", model3, key(strings.TrimSuffix(TeslaName(tesla), "C") + "R"), TeslaMatches, Strong, false},
	{"name of this VIN's Tesla, hardly attributed", model3, at(0.6, key(TeslaName(tesla))), TeslaMatches, Weak, false},
	{"name of another Tesla", model3, key(TeslaName(otherTesla)), TeslaDiffers, Strong, true},
	{"name of another Tesla, hardly attributed", model3, at(0.6, key(TeslaName(otherTesla))), TeslaDiffers, Weak, false},
	{"name of another Tesla, and a VIN that may be misread", with(model3, func(v *Vehicle) { v.Certain = false }), key(TeslaName(otherTesla)), TeslaDiffers, Strong, false},
	{"name of a Tesla, and a VIN of a Ford", ford, key(TeslaName(otherTesla)), MakeDiffers, Moderate, true},
	{"name of this VIN's Tesla, and papers that say Ford", with(model3, func(v *Vehicle) { v.Make = "FORD" }), key(TeslaName(tesla)), TeslaMatches, Strong, false},
	{"name of a Tesla, and no VIN", Vehicle{Make: "TESLA"}, key(TeslaName(otherTesla)), MakeAgrees, Moderate, false},
	{"short name of this VIN's Tesla", model3, key("Tesla 000001"), TeslaMatches, Moderate, false},
	{"short name of another Tesla", model3, key("Tesla 000002"), TeslaDiffers, Strong, true},

	{"tyre of the make", ford, tyre("Ford"), "", 0, false},
	{"tyre of another make", ford, tyre("Toyota"), TyreDiffers, Weak, false},
	{"tyre of another make, hardly attributed", ford, at(0.6, tyre("Toyota")), TyreDiffers, Weak, false},
	{"tyre of many makes", ford, tyre("Schrader"), "", 0, false},
	{"tyre from a shop", ford, tyre("Steelmate"), "", 0, false},
	{"tyre of an unknown decoder", ford, tyre("Novel-3000"), "", 0, false},
	{"tyre that two decoders read, one of the make", ford, tyre("Ford", "Toyota"), "", 0, false},
	{"tyre that three decoders read, none of the make", ford, tyre("Nissan", "Schrader-SMD3MA4", "Schrader-NIS315G3"), "", 0, false},
	{"tyre that three decoders read, none of Tesla's", model3, tyre("Nissan", "Schrader-SMD3MA4", "Schrader-NIS315G3"), TyreDiffers, Weak, false},
	{"tyre of the make's partner", with(ford, func(v *Vehicle) { v.Make = "MAZDA" }), tyre("Ford"), "", 0, false},
	{"tyre of a make unknown", Vehicle{}, tyre("Ford"), "", 0, false},
	{"tyre without a protocol", ford, tyre(), "", 0, false},

	{"size of a car", golf, bsm(200, 500), "", 0, false},
	{"size not told", golf, bsm(0, 0), "", 0, false},
	{"size of a lorry, and a car's VIN", golf, bsm(255, 1650), SizeDiffers, Weak, false},
	{"size of a lorry with its trailer, and a lorry's VIN", ford, bsm(260, 1250), "", 0, false},
	{"size under the wheel base", with(golf, func(v *Vehicle) {
		v.Size = Size{LeastLengthCM: 580, Basis: "by its VIN its wheel base alone is 580 cm", Source: Source{"https://vpic.nhtsa.dot.gov/", "2026-02-17"}}
	}), bsm(180, 400), SizeDiffers, Moderate, true},
	{"size under the wheel base by no more than the tolerance", with(golf, func(v *Vehicle) {
		v.Size = Size{LeastLengthCM: 450, Basis: "by its VIN its wheel base alone is 450 cm"}
	}), bsm(180, 400), "", 0, false},
	{"size of another bus", with(golf, func(v *Vehicle) {
		v.Type = "BUS"
		v.Size = Size{LeastLengthCM: 1219, MostLengthCM: 1219, Basis: "by its VIN it is 1219 cm long", Source: Source{"https://vpic.nhtsa.dot.gov/", "2026-02-17"}}
	}), bsm(255, 900), SizeDiffers, Moderate, true},
	{"size of a motorcycle's VIN", with(golf, func(v *Vehicle) { v.Type = "MOTORCYCLE" }), bsm(190, 480), SizeDiffers, Weak, false},
	{"size below nothing", golf, bsm(-5, -900), "", 0, false},
	{"a key fob", golf, rf.Heard{Kind: rf.Fob, Probability: 1}, "", 0, false},
	{"no probability", ford, at(math.NaN(), network("Audi_MMI_1234", "Audi", rf.Automotive)), "", 0, false},
}

func TestRead(t *testing.T) {
	var golden strings.Builder
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			got := Read(rf.Finding{Sensed: true, Emitters: []rf.Heard{tt.heard}}, tt.vehicle)
			var first Evidence
			if len(got) > 0 {
				first = got[0]
			}
			if first.Code != tt.code || first.Strength != tt.strength || first.Contradicts != tt.contradicts {
				t.Errorf("got %s %s contradicts=%v, want %s %s contradicts=%v: %s", first.Code, first.Strength, first.Contradicts, tt.code, tt.strength, tt.contradicts, first.Says)
			}
			check(t, got)
			fmt.Fprintf(&golden, "# %s\n", tt.name)
			for _, e := range got {
				writeEvidence(&golden, e)
			}
		})
	}
	compareGolden(t, "evidence.golden", golden.String())
}

// check holds what every piece owes to a reader.
func check(t interface {
	Helper()
	Errorf(string, ...any)
}, got []Evidence) {
	t.Helper()
	for _, e := range got {
		for _, x := range e.Explains {
			if Explanation(x) == "" || !slices.Contains(Explanations(), x) {
				t.Errorf("%s is explained by %q, which has no words", e.Code, x)
			}
		}
		if !slices.Contains(Codes(), e.Code) || e.Says == "" || !strings.HasSuffix(e.Says, ".") || e.Source.Address == "" || e.Source.Date == "" || len(e.Explains) == 0 || e.Strength == 0 {
			t.Errorf("%s lacks words, a source, a date, another explanation or a strength: %+v", e.Code, e)
		}
		if e.Contradicts && (e.Against == "" || e.Probability < Sure || e.Strength < Moderate) {
			t.Errorf("%s contradicts without being sure, or nothing: %+v", e.Code, e)
		}
	}
}

func writeEvidence(b *strings.Builder, e Evidence) {
	verb := "adds"
	switch {
	case e.Contradicts:
		verb = "contradicts " + e.Against
	case e.Against != "":
		verb = "questions " + e.Against
	}
	fmt.Fprintf(b, "%s, %s, %.2f, %s: %s\n", e.Code, e.Strength, e.Probability, verb, e.Says)
	for _, x := range e.Explains {
		fmt.Fprintf(b, "  or: %s\n", Explanation(x))
	}
	fmt.Fprintf(b, "  %s (%s)\n", e.Source.Address, e.Source.Date)
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, d)
	}
}

func TestUplink(t *testing.T) {
	heard := rf.Finding{Sensed: true, Cellular: true}
	if got := Read(heard, golf); len(got) != 0 {
		t.Errorf("an uplink alone means nothing: %+v", got)
	}
	for _, n := range []NoModem{{Known: true}, {Declared: true}, {Known: true, Declared: true}} {
		got := Read(heard, with(golf, func(v *Vehicle) { v.NoModem = n }))
		if len(got) != 1 || got[0].Code != UplinkWithoutModem || got[0].Strength != Weak || got[0].Contradicts || !strings.Contains(got[0].Says, "cannot tell a modem from a telephone") {
			t.Errorf("%+v: %+v", n, got)
		}
		check(t, got)
	}
}

// The vector is that of the source: pkg/connector/ble/ble.go of
// teslamotors/vehicle-command.
func TestTeslaName(t *testing.T) {
	if got := TeslaName(otherTesla); got != "S1a87a5a75f3df858C" {
		t.Errorf("the name of %s is %s", otherTesla, got)
	}
}

func TestOtherwiseIsTold(t *testing.T) {
	h := network("Audi_MMI_1234", "Audi", rf.Automotive)
	for _, word := range []string{rf.OfBefore, rf.OfBehind, rf.OfBeside, rf.OfAmbient, rf.OfPerson, rf.OfBrief} {
		h.Otherwise = word
		got := Read(rf.Finding{Emitters: []rf.Heard{h}}, ford)
		if len(got) == 0 || got[0].Explains[0] != word {
			t.Errorf("%s: %+v", word, got)
		}
	}
	h.Otherwise = "something new"
	for _, e := range Read(rf.Finding{Emitters: []rf.Heard{h}}, ford) {
		if slices.Contains(e.Explains, h.Otherwise) {
			t.Errorf("%+v", e)
		}
	}
}

// TestTables holds every row to a source and a date, every make of the tyre
// table to the table of makes, and every name as registered to the tables that
// prefixes are looked up in.
func TestTables(t *testing.T) {
	tb, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	date := regexp.MustCompile(`^20\d\d(-\d\d){0,2}$`)
	source := func(what string, s Source) {
		if !strings.HasPrefix(s.Address, "https://") || !date.MatchString(s.Date) {
			t.Errorf("%s: %+v", what, s)
		}
	}
	for _, k := range tb.kin {
		source(k.why, k.Source)
		if slices.Contains(k.makes, "") || len(k.makes) == 0 {
			t.Errorf("%s: %q", k.why, k.makes)
		}
	}
	for name, p := range tb.tyres {
		source(name, p.Source)
		for _, m := range p.makes {
			if !tb.listed(fold(m)) {
				t.Errorf("%s: %s is not in the table of makes", name, m)
			}
		}
	}
	for typ, l := range tb.limits {
		source(typ, l.Source)
	}
	known, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := known.Write(&text); err != nil {
		t.Fatal(err)
	}
	for name, m := range tb.alias {
		if !tb.listed(fold(m)) {
			t.Errorf("%s is %s, which is not in the table of makes", name, m)
		}
	}
	registered := fold(text.String())
	for name := range tb.alias {
		if !strings.Contains(registered, name) {
			t.Errorf("%s is registered nowhere", name)
		}
	}
}

func TestTablesAreRefused(t *testing.T) {
	for name, text := range map[string][3]string{
		"unknown kind":     {"X\ta\tb\tc\td"},
		"too few":          {"K\ta|b\twhy"},
		"no source":        {"K\ta|b\twhy\t\t2020"},
		"no date":          {"K\ta|b\twhy\thttps://x\t"},
		"kind of protocol": {"", "Ford\tsometimes\tFord\tseen\thttps://x\t2020"},
		"closed to nobody": {"", "Ford\tclosed\t\tseen\thttps://x\t2020"},
		"fields of tyres":  {"", "Ford\tclosed"},
		"no number":        {"", "", "BUS\twide\t1\twhy\thttps://x\t2020"},
		"nothing":          {"", "", "BUS\t0\t1\twhy\thttps://x\t2020"},
		"fields of sizes":  {"", "", "BUS\t1"},
	} {
		if _, err := readTables(text[0], text[1], text[2]); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func drawVehicle(t *rapid.T) Vehicle {
	v := rapid.SampledFrom([]Vehicle{model3, golf, ford, {}}).Draw(t, "vehicle")
	v.Certain = rapid.Bool().Draw(t, "certain")
	v.NoModem = NoModem{Known: rapid.Bool().Draw(t, "no modem"), Declared: rapid.Bool().Draw(t, "declared")}
	if rapid.Bool().Draw(t, "record") {
		r := rapid.SampledFrom([]Relation{Unclear, Same, Apart})
		v.Record = fixed{r.Draw(t, "make"), r.Draw(t, "module")}
	}
	return v
}

func drawHeard(t *rapid.T) rf.Heard {
	h := rapid.SampledFrom(cases).Draw(t, "heard").heard
	if math.IsNaN(h.Probability) {
		h.Probability = 0
	}
	h.Probability = rapid.SampledFrom([]float64{0, 0.3, 0.5, 0.7, 0.8999, 0.9, 0.95, 1, 1.5}).Draw(t, "probability")
	h.Otherwise = rapid.SampledFrom([]string{"", rf.OfBehind, rf.OfBeside, rf.OfPerson}).Draw(t, "otherwise")
	return h
}

type id struct {
	code Code
	says string
}

func index(es []Evidence) map[id]Evidence {
	out := map[id]Evidence{}
	for _, e := range es {
		out[id{e.Code, e.Says}] = e
	}
	return out
}

// atLeast tells whether everything in a is in b, as strongly, and contradicts as
// much.
func atLeast(t *rapid.T, b, a []Evidence) {
	has := index(b)
	for k, e := range index(a) {
		o, ok := has[k]
		if !ok || o.Strength < e.Strength || o.Probability < e.Probability || e.Contradicts && !o.Contradicts {
			t.Fatalf("%+v became %+v", e, o)
		}
	}
}

func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawVehicle(t)
		f := rf.Finding{Sensed: true, Cellular: rapid.Bool().Draw(t, "cellular")}
		for range rapid.IntRange(0, 6).Draw(t, "emitters") {
			f.Emitters = append(f.Emitters, drawHeard(t))
		}
		before := Read(f, v)
		check(t, before)

		more := f
		more.Emitters = append(slices.Clone(f.Emitters), drawHeard(t))
		atLeast(t, Read(more, v), before)

		shuffled := f
		shuffled.Emitters = rapid.Permutation(f.Emitters).Draw(t, "order")
		if d := cmp.Diff(before, Read(shuffled, v)); d != "" {
			t.Fatalf("the order of emitters matters:\n%s", d)
		}

		if len(f.Emitters) > 0 {
			less := f
			less.Emitters = slices.Clone(f.Emitters)
			e := &less.Emitters[rapid.IntRange(0, len(f.Emitters)-1).Draw(t, "which")]
			e.Probability *= rapid.Float64Range(0, 1).Draw(t, "less")
			atLeast(t, before, Read(less, v))
		}
		silent := f
		silent.Cellular = false
		atLeast(t, before, Read(silent, v))
	})
}

// TestMixedNeverContradicts holds the rule against every row of the shipped
// table of prefixes and companies, and a vehicle about which everything is known.
func TestMixedNeverContradicts(t *testing.T) {
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := p.Write(&text); err != nil {
		t.Fatal(err)
	}
	v := with(ford, func(v *Vehicle) { v.Record = fixed{Apart, Apart} })
	mixed, sure := 0, 0
	for line := range strings.Lines(text.String()) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		var o rf.Observation
		var s string
		switch f[0] {
		case "P":
			o, s = rf.Observation{Kind: rf.WiFi, Emitter: (f[1] + "000000000000")[:12]}, f[4]
		case "C":
			var n int
			if _, err := fmt.Sscanf(f[1], "%X", &n); err != nil {
				t.Fatal(err)
			}
			o, s = rf.Observation{Kind: rf.BLE, Emitter: "c0ffee000001", Address: rf.Static, Company: n}, f[3]
		default:
			continue
		}
		got := Read(*rf.HearOnce([]rf.Observation{o}, p), v)
		check(t, got)
		if len(got) == 0 {
			t.Errorf("%s says nothing", f)
			continue
		}
		if s == string(rf.Mixed) {
			mixed++
			if got[0].Contradicts || got[0].Strength > Weak {
				t.Errorf("%s is mixed, and %+v", f, got[0])
			}
		} else if got[0].Contradicts {
			sure++
		}
	}
	if mixed < 600 || sure < 50 {
		t.Errorf("only %d mixed and %d that contradict were looked at", mixed, sure)
	}
}

// FuzzNames holds that a name that is no vehicle's says nothing, and that only
// the name of the VIN matches it.
func FuzzNames(f *testing.F) {
	f.Add("S1a87a5a75f3df858C", otherTesla, true)
	f.Add(TeslaName(tesla), tesla, true)
	f.Add("Tesla 000001", tesla, true)
	f.Add("Tesla 00000\x00", "", true)
	f.Add("S1A87A5A75F3DF858C", otherTesla, true)
	f.Add("Audi_MMI_1234", "1FTNE24L7XHA00001", false)
	f.Add("MB Hotspot 0A1B2", tesla, false)
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name, vin string, ble bool) {
		o := rf.Observation{Kind: rf.WiFi, Emitter: "c0ffee000001", SSID: name}
		fits := func() bool { _, ok := p.SSIDMake(name); return ok }
		if ble {
			o = rf.Observation{Kind: rf.BLE, Emitter: "c0ffee000001", Address: rf.Static, Name: name}
			fits = func() bool { _, ok := p.BLEName(name); return ok }
		}
		for _, v := range []Vehicle{{VIN: vin, Certain: true, Make: "TESLA"}, {VIN: vin, Make: "FORD"}, {VIN: vin}} {
			got := Read(*rf.HearOnce([]rf.Observation{o}, p), v)
			check(t, got)
			if !fits() && len(got) > 0 {
				t.Fatalf("%q fits no pattern, and %+v", name, got)
			}
			for _, e := range got {
				if strings.Contains(e.Says, name) {
					t.Fatalf("%q is told: %s", name, e.Says)
				}
				if e.Code == TeslaMatches && name[:min(17, len(name))] != TeslaName(vin)[:17] && !strings.HasSuffix(vin, strings.TrimPrefix(name, "Tesla ")) {
					t.Fatalf("%q is not the name of %q", name, vin)
				}
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var f rf.Finding
	for i := range rf.MaxHeard {
		f.Emitters = append(f.Emitters, cases[i%len(cases)].heard)
	}
	b.ReportAllocs()
	for b.Loop() {
		Read(f, ford)
	}
}

// TestLimits holds the largest sizes to the law that binds vehicles of the type:
// Directive 96/53/EC is about buses and lorries and says nothing of a car.
func TestLimits(t *testing.T) {
	tb, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for typ, want := range map[string]struct {
		width, length int
		law           string
	}{
		"PASSENGER CAR":                        {255, 1200, "Regulation (EU) No 1230/2012"},
		"MULTIPURPOSE PASSENGER VEHICLE (MPV)": {260, 1200, "Regulation (EU) No 1230/2012"},
		"TRUCK":                                {260, 1200, "Directive 96/53/EC"},
		"BUS":                                  {255, 1875, "Directive 96/53/EC"},
		"MOTORCYCLE":                           {200, 400, "Regulation (EU) No 168/2013"},
	} {
		if l := tb.limits[typ]; l.widthCM != want.width || l.lengthCM != want.length || !strings.HasPrefix(l.why, want.law+", Annex I") {
			t.Errorf("%s: %+v", typ, l)
		}
	}
}

// What is claimed of a vehicle's radio and what questions its having no modem is
// one rule, over every kind of radio, role, category and name; a claim that only
// adds is a head unit's or car maker's access point, or a network that is known
// to lead to no modem.
func TestModemlessIsTheClaim(t *testing.T) {
	names := []*rf.HeardName{nil,
		{Make: "Audi", Source: "https://example.org/", Specificity: rf.Automotive},
		{Make: "Audi", Source: "https://example.org/", Specificity: rf.Automotive, Modemless: true},
		{Make: "Skoda", Source: "https://example.org/", Specificity: rf.Automotive},
		{Make: "Opel", Source: "https://example.org/", Specificity: rf.Mixed}}
	said := map[bool]int{}
	for _, kind := range []rf.Kind{rf.WiFi, rf.BLE} {
		for _, role := range []string{"ap", "client", "probe", ""} {
			for _, category := range []string{"", "car_maker", "tier1_auto", "telematics", "cell_module_auto", "v2x"} {
				for _, s := range []rf.Specificity{rf.Automotive, rf.Mixed} {
					for _, n := range names {
						h := rf.Heard{Kind: kind, Role: role, Probability: 0.97, NameFits: n}
						if n != nil {
							h.Name = "name"
						}
						if category != "" {
							h.Prefix, h.MakerInfo = "0026B4/24", rf.MakerInfo{Organisation: "Somebody", Maker: "Somebody", Category: category, Specificity: s}
						}
						questions, contradicts := false, false
						for _, e := range Read(rf.Finding{Sensed: true, Emitters: []rf.Heard{h}}, Vehicle{NoModem: NoModem{Known: true}}) {
							if e.Code == UnitWithoutModem {
								questions, contradicts = true, contradicts || e.Contradicts
							}
						}
						known := kind == rf.WiFi && n != nil && n.Modemless && h.Offers()
						if questions != (h.Hotspot() || known) || contradicts && !h.Hotspot() {
							t.Errorf("%+v: hotspot %v; questions %v, contradicts %v", h, h.Hotspot(), questions, contradicts)
						}
						said[h.Hotspot()]++
					}
				}
			}
		}
	}
	if said[true] < 50 || said[false] < 50 {
		t.Errorf("%v", said)
	}
}
