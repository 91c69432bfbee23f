package attribute

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/rf"
)

// as is what one emitter is heard to be, where it rides in a vehicle.
func as(obs []rf.Observation, change func(*rf.Observation)) []rf.Observation {
	for i := range obs {
		change(&obs[i])
	}
	return obs
}

// A finding lists what was attributed with all that it says of the vehicle, and
// a louder key does not hide the hotspot.
func TestFindingListsTheEmitters(t *testing.T) {
	const teslaName = "S1a87a5a75f3df858C"
	obs := slices.Concat(
		ambient(0, 100),
		riding(fordHotspot, -55, 60, 80),
		as(riding("c6:26:b4:00:00:07", -45, 60, 80), func(o *rf.Observation) {
			o.Kind, o.Role, o.Address, o.Name = rf.BLE, "", rf.Static, teslaName
		}),
		as(riding("6c253c", -50, 60, 80), func(o *rf.Observation) {
			o.Kind, o.Role, o.Model, o.Pressure = rf.TPMS, "", "Nissan", rf.Known(177.5)
		}),
		as(riding("f03ad610", -50, 60, 80), func(o *rf.Observation) {
			o.Kind, o.Role, o.WidthCM, o.LengthCM = rf.V2X, "", 200, 500
		}),
		riding("06:00:00:00:01:02", -50, 20, 30),
	)
	f := play(table(t), obs, nil).Finding(eight.Add(100 * time.Second))
	of := func(k rf.Kind) rf.Heard {
		t.Helper()
		i := slices.IndexFunc(f.Emitters, func(h rf.Heard) bool { return h.Kind == k })
		if i < 0 {
			t.Fatalf("nothing of kind %s among %+v", k, f.Emitters)
		}
		if h := f.Emitters[i]; h.Probability < sureEnough || h.Seconds < 10 || h.LoudestDBm > -40 || h.LoudestDBm < -70 {
			t.Errorf("%s is heard as %+v", k, h)
		}
		return f.Emitters[i]
	}
	if len(f.Emitters) != 4 || f.Heard != 4 || f.Unattributed == 0 {
		t.Errorf("%d listed, %d heard, %d not attributed", len(f.Emitters), f.Heard, f.Unattributed)
	}
	if h := of(rf.WiFi); h.Prefix != "0026B4/24" || h.Role != "ap" || !h.Automotive() {
		t.Errorf("%+v", h)
	}
	if h := of(rf.BLE); h.Prefix != "" || h.Name != teslaName || h.NameFits == nil || h.NameFits.Make != "Tesla" {
		t.Errorf("%+v", h)
	}
	if h := of(rf.TPMS); !slices.Equal(h.Models, []string{"Nissan"}) || h.Pressure != rf.Known(177.5) {
		t.Errorf("%+v", h)
	}
	if h := of(rf.V2X); h.WidthCM != 200 || h.LengthCM != 500 {
		t.Errorf("%+v", h)
	}
	if !f.HotspotHeard || f.Make != "Ford" || f.Prefix != "0026B4/24" {
		t.Errorf("the key hides the hotspot: %+v", f)
	}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range obs {
		for _, secret := range []string{o.Emitter, o.Name} {
			if secret != "" && strings.Contains(strings.ToLower(string(text)), strings.ToLower(secret)) {
				t.Fatalf("%q stands in %s", secret, text)
			}
		}
	}
}

// What is heard while a vehicle stands and goes on when it has left may be
// another's, and the finding says whose.
func TestFindingSaysWhatElse(t *testing.T) {
	told := 0
	for from := 50; from < 76; from++ {
		f := play(table(t), append(ambient(0, 100), riding(fordHotspot, -62, from, from+20)...), nil).Finding(eight.Add(100 * time.Second))
		for _, h := range f.Emitters {
			if h.Probability >= sureEnough {
				continue
			}
			if told++; h.Otherwise == "" || h.OtherwiseP <= 0 || h.OtherwiseP > 1-h.Probability+1e-9 {
				t.Errorf("from second %d: nothing else would explain %+v", from, h)
			}
		}
	}
	if told == 0 {
		t.Error("no attribution was in doubt: nothing was looked at")
	}
}
