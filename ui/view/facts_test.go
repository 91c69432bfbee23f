package view

import (
	"testing"

	"sallyport/policy"
)

// Whoever asks a year later on what a verdict rested finds the editions of the
// data, and a country that only the WMI gives.
func TestFactsNameTheEditionsAndTheWMICountry(t *testing.T) {
	var f policy.Facts
	f.Vehicle.WMICountry = policy.Know("CN", policy.Source{Title: "ISO 3780 region of the WMI (weak)"})
	f.Site.Zone = policy.Know(policy.ZoneRestricted, policy.Source{Title: "configuration of the lane"})
	f.Data = policy.DataFacts{VPICEdition: "NHTSA vPIC 2026-02-17", CatalogueEdition: "2026-11-22.c"}
	got := map[string]Fact{}
	for _, x := range facts(f) {
		got[x.Name] = x
	}
	for name, want := range map[string]string{
		"vehicle.wmi_country": "CN", "site.zone": "restricted",
		"data.vpic_edition": "NHTSA vPIC 2026-02-17", "data.catalogue_edition": "2026-11-22.c",
	} {
		if x := got[name]; !x.Known || x.Value != want {
			t.Errorf("%s is %+v, want %s", name, x, want)
		}
	}
	if x, ok := got["data.supply_edition"]; !ok || x.Known {
		t.Errorf("an edition that is not recorded: %+v", x)
	}
}
