package build

import (
	"strings"
	"testing"

	"sallyport/vin"
)

// Only what the sources agree on, what one good source gives and what was
// decided by hand is taken.
func TestReadWorld(t *testing.T) {
	const list = `wmi,manufacturer,make,country,sources,agree_or_conflict
AAA,Acme Works,Acme,Germany,two,agree
AAB,Best,Best,Germany,one,single
AAC,Crumb,Crumb,Germany,one,single-weak
AAD,Both,"This, That",Germany,two,agree
AAE,Quarrel,Quarrel,Germany,two,conflict
AA9,Small,Small,Germany,two,agree
LJ1,JAC,JAC,China,seven,conflict
LBE,Beijing Hyundai,Beijing Hyundai,China,five,agree
LVS,Changan Ford,Changan Ford,China,one,single-weak
`
	var src Source
	if err := ReadWorld(strings.NewReader(list), &src); err != nil {
		t.Fatal(err)
	}
	want := []World{
		{WMI: "AAA", Make: "Acme", Manufacturer: "Acme Works", Country: "Germany"},
		{WMI: "AAB", Make: "Best", Manufacturer: "Best", Country: "Germany"},
		{WMI: "AAD", Manufacturer: "Both", Country: "Germany"},
		{WMI: "LJ1", Make: "JAC" + vin.Separator + "NIO", Manufacturer: "Anhui Jianghuai Automobile Group (JAC)", Country: "China"},
		{WMI: "LBE", Make: "HYUNDAI", Manufacturer: "Beijing Hyundai", Country: "China"},
	}
	if len(src.World) != len(want) {
		t.Fatalf("%+v", src.World)
	}
	for i, w := range want {
		if src.World[i] != w {
			t.Errorf("%+v, want %+v", src.World[i], w)
		}
	}
	for _, bad := range []string{"", "wmi,make\n", "wmi,manufacturer,make,country,agree_or_conflict\nAAA,\"x\n"} {
		if err := ReadWorld(strings.NewReader(bad), &src); err == nil || !strings.Contains(err.Error(), "world WMIs") {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

// A decision without a reason, or that does not decide, is refused.
func TestReadDecisions(t *testing.T) {
	decided, err := readDecisions(strings.NewReader(worldDecisions))
	if err != nil || len(decided) < 130 {
		t.Fatalf("%d decisions, %v", len(decided), err)
	}
	open := 0
	for wmi, w := range decided {
		if wmi != w.WMI || w.Make != strings.ToUpper(w.Make) {
			t.Errorf("%s: %+v", wmi, w)
		}
		if strings.Contains(w.Make, vin.Separator) {
			open++
		}
	}
	if open < 40 {
		t.Errorf("only %d decisions leave the make open", open)
	}
	const head = "wmi,make,candidates,manufacturer,country,reason\n"
	for _, c := range []struct{ rows, says string }{
		{"L,A,,,China,because", "no WMI"},
		{"LAA,A,,,China,because\nLAA,A,,,China,because", "twice"},
		{"LAA,A,,,China,", "a reason"},
		{"LAA,,,,China,because", "either a make or candidates"},
		{"LAA,A,B; C,,China,because", "either a make or candidates"},
		{"LAA,A,,,Nowhere,because", "no country"},
	} {
		if _, err := readDecisions(strings.NewReader(head + c.rows)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q", c.rows, err, c.says)
		}
	}
}
