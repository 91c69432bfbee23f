package telematics

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"sallyport/vin"
)

// notInVPIC are the models of the catalogue that no vPIC make and model
// matches, each with the reason for which that is right. A car of them comes to
// the catalogue by its papers only.
var notInVPIC = map[string]string{
	"Arcfox Alpha-T": "not sold in the United States", "Audi A6L": "sold in China only; vPIC's A6 is another car",
	"Audi A7L": "sold in China only; vPIC's A7 is another car", "BYD Han": "not sold in the United States; vPIC knows the make's buses",
	"BYD Seal": "not sold in the United States", "Baojun RC-6": "not sold in the United States",
	"Haval HG": "not sold in the United States; the source's name of the make repeated", "Haval Haval HG": "not sold in the United States",
	"Lexus NX300":  "vPIC names the line only (NX), which finds the same row by its other spelling, NX 300",
	"Opel Corsa F": "not sold in the United States", "Opel Karl": "not sold in the United States", "Opel Movano B": "not sold in the United States",
	"Opel Zafira C": "not sold in the United States", "Roewe Marvel R": "not sold in the United States",
	"VDL electric bus": "the source gives no model; not sold in the United States", "Vauxhall Crossland X": "not sold in the United States",
	"Volkswagen Citigo e iV": "not sold in the United States", "Volkswagen Mii electric": "not sold in the United States",
	"Volkswagen e-up!": "not sold in the United States", "Yutong electric bus": "the source gives no model; not sold in the United States",
	"NIO ES8": "not sold in the United States",
}

// lineInVPIC are the models of which vPIC names the line and tells the rest in
// series or trim: a VIN finds them by the line, as one of several.
var lineInVPIC = map[string]string{
	"Ford C-Max Energi": "C-MAX", "Ford F-150 Lightning": "F-150", "Ford Focus Electric": "Focus", "Ford Fusion Energi": "Fusion",
	"Honda Accord Touring": "Accord", "Honda Insight Touring": "Insight", "Honda Odyssey Elite": "Odyssey", "Honda Odyssey Touring": "Odyssey",
	"Infiniti Q70 Hybrid": "Q70", "Infiniti QX50 Hybrid": "QX50", "Infiniti QX60 Hybrid": "QX60", "Lexus NX 300": "NX", "Subaru Crosstrek Hybrid": "Crosstrek",
	"Tesla Model S 75D": "Model S", "Tesla Model S 85": "Model S", "Tesla Model S P85+": "Model S", "Tesla Model S P85D": "Model S",
	"Tesla Model S P90D": "Model S", "Tesla Model S Plaid": "Model S", "Volkswagen ID.4 AWD": "ID.4",
}

// Every make and model of the catalogue is one of vPIC's, or of a line of
// vPIC's, or reviewed as neither. A name that a new spelling keeps apart turns
// up here.
func TestNamesAgainstVPIC(t *testing.T) {
	c := catalogue(t)
	ix, err := vin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]string{}
	for mk, md := range ix.Models() {
		k := c.key(mk, joined(md))
		held[k] = md
		if line, ok := c.variants[k]; ok {
			brand, _, _ := strings.Cut(k, "|")
			held[brand+"|"+line] = md
		}
	}
	type vehicles struct{ makes, models []string }
	var all []vehicles
	for _, r := range c.File().Rows {
		all = append(all, vehicles{r.Makes, r.Models})
	}
	for _, a := range c.file.Abouts {
		all = append(all, vehicles{a.Makes, a.Models})
	}
	none, lines := map[string]bool{}, map[string]string{}
	for _, v := range all {
	models:
		for _, md := range v.models {
			if md == "*" {
				continue
			}
			line := ""
			for _, mk := range v.makes {
				key := append(appendMake(nil, mk, c.makes), '|')
				n := len(key)
				key, ends := appendTokens(key, md, nil)
				key, ends = withoutMake(key, 0, n, ends)
				for i, end := range ends {
					if name, ok := held[string(key[:end])]; ok && i == len(ends)-1 {
						continue models
					} else if ok {
						line = name
					}
				}
			}
			if name := v.makes[0] + " " + md; line == "" {
				none[name] = true
			} else {
				lines[name] = line
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(none)) {
		if notInVPIC[name] == "" {
			t.Errorf("%q matches no make and model of vPIC, and nobody has reviewed it", name)
		}
	}
	for name := range notInVPIC {
		if !none[name] {
			t.Errorf("%q is reviewed as unknown to vPIC, and is not unknown any more", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		if fold(lineInVPIC[name]) != fold(lines[name]) {
			t.Errorf("%q is of vPIC's line %q, and nobody has reviewed it (%q)", name, lines[name], lineInVPIC[name])
		}
	}
	for name := range lineInVPIC {
		if lines[name] == "" {
			t.Errorf("%q is reviewed as one of a line of vPIC's, and is not any more", name)
		}
	}
}
