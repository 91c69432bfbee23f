package telematics

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sallyport/policy/supply"
)

func finding(f Finding) string {
	s := strings.TrimSpace(f.Maker+" "+f.Model) + " " + f.Certainty.String()
	if f.Unit {
		s += " unit"
	}
	if f.ChipDown {
		s += " chip-down"
	}
	return s
}

func TestIdentify(t *testing.T) {
	c := catalogue(t)
	for _, tc := range []struct {
		kind, value string
		normalised  string
		want        []string
		problems    []string
	}{
		// FCC ids: exact, by product code, by grantee; with what labels add.
		{"fcc_id", "XMR202003AG525RGL", "XMR202003AG525RGL", []string{"Quectel AG525R-GL documented"}, nil},
		{"fcc_id", "FCC ID: XMR2020AG525RGL", "XMR2020AG525RGL", []string{"Quectel AG525R-GL documented"}, nil},
		{"fcc_id", "Contains FCC ID: XMR2024AG555QGL", "XMR2024AG555QGL", []string{"Quectel AG555Q-GL documented"}, nil},
		{"fcc_id", "contains fcc id:xmr201707bg96", "XMR201707BG96", []string{"Quectel BG96 documented"}, nil},
		{"fcc_id", "XMR202201AF51Y", "XMR202201AF51Y", []string{"Quectel AF51Y documented"}, []string{"not_cellular"}},
		{"fcc_id", "RI7LE940B6NA", "RI7LE940B6NA", []string{"Telit LE940B6-NA documented"}, nil},
		{"fcc_id", "N7NAR7592", "N7NAR7592", []string{"Sierra Wireless AR7592 documented", "Rolling Wireless AR7592 reported"}, []string{"several"}},
		{"fcc_id", "XMR999NEWMODEL", "XMR999NEWMODEL", []string{"Quectel documented"}, nil},
		{"fcc_id", "2AEIM-1783148", "2AEIM-1783148", []string{"Tesla documented unit"}, nil},
		{"fcc_id", "2AEIM—1783148", "2AEIM-1783148", []string{"Tesla documented unit"}, nil},
		{"fcc_id", "APV-3040LA", "APV-3040LA", []string{"CalAmp LMU3040LA documented unit"}, nil},
		{"fcc_id", "LHJGNOV1N", "LHJGNOV1N", []string{"Continental NOVANTO TCU 2G reported unit chip-down"}, nil},
		{"fcc_id", "2AJYU-8PYA009", "2AJYU-8PYA009", []string{"SIMCom reported"}, nil},
		{"fcc_id", "ABC123", "ABC123", nil, []string{"unknown"}},
		{"fcc_id", "XMR", "", nil, []string{"format"}},
		{"fcc_id", "XMR2020AG525RGL_EXTRA", "", nil, []string{"format"}},
		{"fcc_id", "XMR123456789012345", "", nil, []string{"format"}},
		// IMEIs.
		{"imei", "868759030000006", "868759030000006", []string{"Quectel EG06-E reported"}, nil},
		{"imei", "IMEI: 86 875903 000000 6", "868759030000006", []string{"Quectel EG06-E reported"}, nil},
		{"imei", "868759030000007", "868759030000007", nil, []string{"luhn"}},
		{"imei", "8687590300000012", "8687590300000012", []string{"Quectel EG06-E reported"}, nil},
		{"imei", "490154203237518", "490154203237518", nil, []string{"unknown"}},
		{"imei", "86875903000000", "", nil, []string{"format"}},
		{"imei", "86875903000000A", "", nil, []string{"format"}},
		// Bus ids.
		{"usb_id", "2c7c:0125", "2c7c:0125", []string{"Quectel EC25 reported"}, nil},
		{"usb_id", "0x2C7C", "2c7c", []string{"Quectel reported"}, nil},
		{"usb_id", "2c7c:ffff", "2c7c:ffff", []string{"Quectel reported"}, nil},
		{"usb_id", "PCI 1eac", "1eac", []string{"Quectel reported"}, nil},
		{"usb_id", "USB 1eac", "1eac", nil, []string{"unknown"}},
		{"usb_id", "3731", "3731", []string{"Netprisma reported"}, nil},
		{"usb_id", "33f8:0104", "33f8:0104", []string{"Rolling Wireless reported"}, nil},
		{"usb_id", "1508", "1508", []string{"Fibocom reported"}, nil},
		{"usb_id", "8087", "8087", nil, []string{"unknown"}}, // a chip vendor's id, not Fibocom's
		{"usb_id", "1bc7", "1bc7", []string{"Telit reported"}, nil},
		{"usb_id", "1e2d", "1e2d", []string{"Cinterion reported"}, nil},
		{"usb_id", "1e3a:0002", "1e3a:0002", []string{"Continental LNAD reported"}, nil},
		{"usb_id", "12345", "", nil, []string{"format"}},
		{"usb_id", "2c7c:0125:1", "", nil, []string{"format"}},
		// Markings.
		{"module", "EC25-EUX", "EC25-EUX", []string{"Quectel EC25-EUX reported"}, nil},
		{"module", "quectel  ec25-eux", "QUECTEL EC25-EUX", []string{"Quectel EC25-EUX reported"}, nil},
		{"module", "AG525R-GL", "AG525R-GL", []string{"Quectel AG525R-GL documented"}, nil},
		{"module", "AG525RGL", "AG525RGL", []string{"Quectel AG525R-GL documented"}, nil},
		{"module", "SIM7600G-H", "SIM7600G-H", []string{"SIMCom SIM7600G-H reported"}, nil},
		{"module", "LE940B6-NA", "LE940B6-NA", []string{"Telit LE940B6-NA reported"}, nil},
		{"module", "FM350-GL", "FM350-GL", []string{"Fibocom FM350-GL reported"}, nil},
		{"module", "RW350-GL", "RW350-GL", []string{"Fibocom RW350-GL reported", "Rolling Wireless RW350-GL reported"}, []string{"several"}},
		{"module", "RW350R-GL", "RW350R-GL", []string{"Fibocom RW350R-GL reported", "Rolling Wireless RW350R-GL reported"}, []string{"several"}},
		{"module", "ME3630-W", "ME3630-W", []string{"Gosuncn ME3630-W reported", "ZTE ME3630-W reported"}, []string{"several"}},
		{"module", "SLM320-PE2C", "SLM320-PE2C", []string{"MeiG SLM320-PE2C documented"}, nil},
		{"module", "MH5000-82", "MH5000-82", []string{"Huawei MH5000-82 reported"}, nil},
		{"module", "TOBY-L210", "TOBY-L210", []string{"u-blox TOBY-L210 documented"}, nil},
		{"module", "AR7592", "AR7592", []string{"Sierra Wireless AR7592 documented", "Rolling Wireless AR7592 reported"}, []string{"several"}},
		{"module", "EM7455", "EM7455", []string{"Sierra Wireless EM7455 reported"}, nil},
		{"module", "AF51Y", "AF51Y", []string{"Quectel AF51Y documented"}, []string{"not_cellular"}},
		{"module", "Rolling Wireless", "ROLLING WIRELESS", []string{"Rolling Wireless reported"}, nil},
		{"module", "Eagle Electronics", "EAGLE ELECTRONICS", []string{"Eagle Electronics reported"}, nil},
		{"module", "Netprisma LCUR57", "NETPRISMA LCUR57", []string{"Netprisma LCUR57 reported"}, []string{"unknown"}},
		{"module", "移远通信", "移远通信", []string{"Quectel reported"}, nil},
		{"module", "ZZ9", "ZZ9", nil, []string{"unknown"}},
		// Part numbers of units.
		{"tcu_part", "1960100", "1960100", []string{"Quectel AG525R-GL documented"}, nil},
		{"tcu_part", "1098058-00-B", "1098058-00-B", []string{"Telit LE940B6-NA documented"}, nil},
		{"tcu_part", "1763104", "1763104", []string{"Quectel AG555Q-GL documented"}, nil},
		{"tcu_part", "A453 900 50 00", "A4539005000", []string{"Daimler (car2go) WSU 3.5G documented unit"}, nil},
		{"tcu_part", "23235227", "23235227", nil, []string{"unnamed"}},
		{"tcu_part", "0000000", "0000000", nil, []string{"unknown"}},
		// Fitted devices.
		{"device", "comma 3X", "comma 3X", []string{"Quectel EG25-G documented", "Quectel EG25 documented"}, nil},
		{"device", "COMMA-3x", "COMMA-3x", []string{"Quectel EG25-G documented", "Quectel EG25 documented"}, nil},
		{"device", "comma four", "comma four", []string{"Quectel EG916Q-GL documented"}, nil},
		{"device", "Teltonika FMC880", "Teltonika FMC880", []string{"Quectel EG915U-EU documented"}, nil},
		{"device", "FMM640", "FMM640", []string{"Teltonika TM2500 documented"}, nil},
		{"device", "FTC134-MDAB0", "FTC134-MDAB0", []string{"MeiG SLM336-E documented"}, nil},
		{"device", "MV720", "MV720", []string{"MiCODUS MV720 GPS tracker reported unit"}, nil},
		{"device", "Rolling Wireless", "Rolling Wireless", []string{"Rolling Wireless reported"}, nil},
		{"device", "some dash-cam", "some dash-cam", nil, []string{"unknown"}},
		// Bad input.
		{"module", "   ", "", nil, []string{"empty"}},
		{"module", "EC25\x00", "", nil, []string{"not_text"}},
		{"module", "EC25\xff", "", nil, []string{"not_text"}},
		{"module", strings.Repeat("A", 1000), "", nil, []string{"too_long"}},
		{"ean", "4006381333931", "", nil, []string{"kind"}},
	} {
		t.Run(tc.kind+" "+strings.ToValidUTF8(tc.value[:min(len(tc.value), 24)], "?"), func(t *testing.T) {
			id := c.Identify(tc.kind, tc.value)
			var got, problems []string
			for _, f := range id.Makers {
				got = append(got, finding(f))
			}
			for _, p := range id.Problems {
				problems = append(problems, p.Code)
				if p.Text == "" {
					t.Errorf("the problem %q has no words", p.Code)
				}
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("makers (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tc.problems, problems); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
			if id.Normalised != tc.normalised {
				t.Errorf("normalised %q, want %q", id.Normalised, tc.normalised)
			}
		})
	}
	if id := c.Identify("no_modem", ""); !id.NoModem || len(id.Makers) != 0 || len(id.Problems) != 0 {
		t.Errorf("no_modem: %+v", id)
	}
}

// Every module model, FCC id, part and device is found again by its own key.
func TestEveryKeyIsFoundAgain(t *testing.T) {
	c := catalogue(t)
	has := func(kind, value, maker string, from Certainty) {
		t.Helper()
		id := c.Identify(kind, value)
		for _, f := range id.Makers {
			if f.Maker == maker && f.Certainty >= from {
				return
			}
		}
		t.Errorf("%s %q: want %s with %s, got %+v", kind, value, maker, from, id)
	}
	for _, m := range c.file.Modules {
		for _, n := range m.Names {
			for _, mk := range m.Makers {
				has("module", n, mk, m.Certainty)
			}
		}
		if m.FCC != "" {
			has("fcc_id", m.FCC, m.Makers[0], m.Certainty)
		}
		if m.USB != "" {
			has("usb_id", m.USB, m.Makers[0], Reported)
		}
	}
	for _, g := range c.file.Grantees {
		has("fcc_id", g.Code+"TEST1", g.Holder, g.Certainty)
	}
	for _, x := range c.file.TACs {
		has("imei", withCheckDigit(x.TAC+"000001"), x.Maker, x.Certainty)
	}
	for _, d := range c.file.Devices {
		for _, k := range d.Keys {
			has("device", k, first(d.Module, d.Maker), d.Certainty)
		}
	}
	for i := range c.file.Rows {
		r := &c.file.Rows[i]
		for _, p := range r.TCUParts {
			if mk := first(r.Maker, r.TCUMaker); mk != "" {
				has("tcu_part", p, mk, r.Certainty)
			}
		}
	}
	if len(c.file.Modules) != 208 {
		t.Errorf("%d module models, want those of module_models.csv", len(c.file.Modules))
	}
	if len(c.file.Devices) != 70+2 {
		t.Errorf("%d devices, want the 70 of aftermarket.jsonl and 2 findings", len(c.file.Devices))
	}
}

func withCheckDigit(d string) string {
	for n := range 10 {
		if s := fmt.Sprint(d, n); luhn(s) {
			return s
		}
	}
	return d
}

// A single misread digit of an IMEI is always noticed.
func TestMisreadIMEIIsNoticed(t *testing.T) {
	c := catalogue(t)
	rapid.Check(t, func(t *rapid.T) {
		d := []byte(withCheckDigit(rapid.StringMatching(`8687590[0-9]{7}`).Draw(t, "imei")))
		i := rapid.IntRange(0, 14).Draw(t, "place")
		d[i] = '0' + (d[i]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		id := c.Identify("imei", string(d))
		if len(id.Makers) != 0 || len(id.Problems) != 1 || id.Problems[0].Code != "luhn" {
			t.Fatalf("%s was taken for %+v", d, id)
		}
	})
}

// Every maker of a module that the catalogue names answers as a party of the
// supply graph, or is one of those of which no source says where they stand.
func TestMakersAreParties(t *testing.T) {
	c := catalogue(t)
	g, err := supply.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	noParty := []string{"CalAmp", "Continental", "Harman", "JRC Mobility", "LG Electronics", "LG Innotek", "Novatel Wireless", "Teltonika"}
	want := map[string]string{
		"Quectel": "quectel", "Fibocom": "fibocom", "Rolling Wireless": "rolling_brand", "Rolling Wireless S.à r.l.": "rolling_lux", "Telit": "telit_cinterion",
		"Cinterion": "telit_cinterion", "Sierra Wireless": "sierra_wireless", "u-blox": "ublox", "Huawei": "huawei", "SIMCom": "simcom", "MeiG": "meig",
		"Eagle Electronics": "eagle_electronics", "Netprisma": "netprisma", "Ikotek": "ikotek", "BYD": "byd", "Telit Automotive Solutions": "telit_auto",
	}
	var missing []string
	for _, m := range c.file.Makers {
		p, ok := g.Find(m.Name)
		if !ok {
			missing = append(missing, m.Name)
		} else if w := want[m.Name]; w != "" && w != p.ID {
			t.Errorf("%s is the party %s, want %s", m.Name, p.ID, w)
		}
		for _, also := range m.Also {
			if q, ok := g.Find(also); ok && p.ID != "" && q.ID != p.ID {
				allowed := m.Name == "Telit" && q.ID == "telit_communications"
				if !allowed {
					t.Errorf("%s answers to %s here and is %s in the supply graph", m.Name, also, q.ID)
				}
			}
		}
	}
	slices.Sort(missing)
	if d := cmp.Diff(noParty, missing); d != "" {
		t.Errorf("makers that are no party (-want +got):\n%s", d)
	}
}

func FuzzIdentify(f *testing.F) {
	for _, k := range Kinds {
		for _, v := range []string{"", "XMR2020AG525RGL", "Contains FCC ID: RI7LE940B6NA", "868759030000006", "2c7c:0125", "PCI 1eac", "EC25-EUX", "Rolling Wireless RW350", "1960100-00-B", "comma 3X", "\xff\x00", "İ", "移远通信"} {
			f.Add(k, v)
		}
	}
	c, err := Embedded()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind, value string) {
		id := c.Identify(kind, value)
		for _, m := range id.Makers {
			if m.Maker == "" {
				t.Fatalf("a finding without a maker: %+v", id)
			}
			if m.Certainty == None || m.Certainty > Documented {
				t.Fatalf("certainty %s from an identifier alone: %+v", m.Certainty, id)
			}
		}
		if len(id.Makers) == 0 && len(id.Problems) == 0 && !id.NoModem {
			t.Fatalf("neither a maker nor a problem: %+v", id)
		}
		if len(id.names()) > 1 && !slices.ContainsFunc(id.Problems, func(p Problem) bool { return p.Code == "several" }) {
			t.Fatalf("several makers and it is not said: %+v", id)
		}
	})
}

func BenchmarkIdentify(b *testing.B) {
	c := catalogue(b)
	for _, k := range [][2]string{{"fcc_id", "XMR2020AG525RGL"}, {"imei", "868759030000006"}, {"module", "EC25-EUX"}, {"device", "comma 3X"}} {
		b.Run(k[0], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Identify(k[0], k[1])
			}
		})
	}
}
