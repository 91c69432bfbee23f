package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/rf"
	"sallyport/rf/kismet"
	"sallyport/rf/line"
	"sallyport/rf/nrf"
	"sallyport/rf/pcap"
	"sallyport/rf/rtl433"
	"sallyport/rf/v2x"
	"sallyport/ui/i18n"
)

// The screens have words, in every language, for each reason for which something
// that a sensor of a running site sent may be refused.
func TestWordsForRefusals(t *testing.T) {
	words, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	prefixes, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	reasons := []string{
		gate.RefusedAhead, gate.RefusedBehind, gate.RefusedForeign, gate.RefusedLevel, gate.RefusedOther,
		pieceTooLong, pieceCut, pieceEmpty, pieceForeign, pieceRetained,
	}
	frames := pcap.New(pcap.Config{Sensor: "s"}, prefixes)
	for _, d := range []*rf.Tally{
		line.New(line.Config{Parse: prefixes.ParseLine, Sensor: "s"}).Tally(),
		rtl433.New(rtl433.Config{Sensor: "s"}).Tally(),
		kismet.New(kismet.Config{Sensor: "s"}, prefixes).Tally(),
		v2x.New(v2x.Config{Sensor: "s", At: time.Now}).Tally(),
		nrf.New(frames.Frame).Tally(), frames.Tally(),
	} {
		reasons = append(reasons, d.Reasons()...)
	}
	slices.Sort(reasons)
	for _, r := range slices.Compact(reasons) {
		if r != nrf.NotTaken && !strings.HasPrefix(r, "repeat of a frame") && !words.Words("en", nil).Has("refused."+r) {
			t.Errorf("no words for %q", r)
		}
	}
}
