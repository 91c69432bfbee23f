package rf

import (
	"testing"
	"time"
)

func TestHearOnce(t *testing.T) {
	p := table(t)
	at := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
	if f := HearOnce(nil, p); f != nil {
		t.Fatalf("nothing heard gives %+v", f)
	}
	obs := []Observation{
		{TS: at, Sensor: "s", Kind: WiFi, Emitter: "00:26:b4:01:02:03", RSSI: -50, Role: "ap"},
		{TS: at.Add(time.Hour), Sensor: "s", Kind: WiFi, Emitter: "00:26:b4:01:02:03", RSSI: -50, Role: "ap"},
		{TS: at.Add(2 * time.Hour), Sensor: "s", Kind: BLE, Emitter: "c6:26:b4:01:02:03", RSSI: -50},
		{TS: at, Sensor: "s", Kind: Cell, Band: "B3", RSSI: -50},
	}
	f := HearOnce(obs, p)
	if !f.HotspotHeard || f.Make != "Ford" || f.Prefix != "0026B4/24" || !f.Cellular || f.Heard != 2 || len(f.Sources) != 1 || f.Sources[0].Date == "" {
		t.Fatalf("%+v", f)
	}
	// A mixed prefix sits in every other pocket router.
	f = HearOnce([]Observation{{TS: at, Sensor: "s", Kind: WiFi, Emitter: quectel(t, p), RSSI: -50}}, p)
	if f.HotspotHeard || f.Maker != "" || f.Heard != 1 {
		t.Fatalf("%+v", f)
	}
}

func quectel(t *testing.T, p *Prefixes) string {
	t.Helper()
	for _, x := range p.prefixes {
		if x.Maker == "Quectel" && x.Bits == 24 {
			return x.Hex + "010203"
		}
	}
	t.Fatal("no prefix of Quectel")
	return ""
}
