package view

import (
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/ui/i18n"
)

// Every class of fault has a sentence of its own in every language, and one that
// nobody knows still says that something failed.
func TestFaultsAreSaid(t *testing.T) {
	all, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	classes := []string{"covered", "not-closed", "busy", "twice", "unread", "offline", "rejected", "garbled", "unconfirmed", "halfway", "stuck", "replaced", "insecure", "ended", "failed", "chattering"}
	for _, lang := range all.Languages() {
		b := Base{Words: all.Words(lang.Code, time.UTC)}
		said := map[string]string{}
		for _, c := range classes {
			s := b.faults([]gate.DeviceStatus{{Device: "board-7", Fault: c}})
			if !strings.Contains(s, "board-7") || said[s] != "" {
				t.Errorf("%s: %s is said as %q, as is %s", lang.Code, c, s, said[s])
			}
			said[s] = c
		}
		if got, want := b.faults([]gate.DeviceStatus{{Device: "x", Fault: "unheard of"}}), b.T("fault.failed", "x"); got != want {
			t.Errorf("%s: %q", lang.Code, got)
		}
		for _, p := range gate.Points() {
			if !b.Words.Has("device." + string(p)) {
				t.Errorf("%s: the point %s is not in words", lang.Code, p)
			}
		}
		many := b.faults([]gate.DeviceStatus{{Device: "a", Fault: "offline"}, {Device: "b", Fault: "offline"}, {Device: "c"}, {Device: "d"}})
		if !strings.Contains(many, b.T("fault.more", 2)) {
			t.Errorf("%s: of four devices: %q", lang.Code, many)
		}
		// A reader's display takes 32 printable ASCII characters.
		for _, s := range []gate.Sign{gate.SignStop, gate.SignWait, gate.SignGo, gate.SignTurn, gate.SignInspection, gate.SignClosed, gate.SignLeave} {
			text := b.T("sign." + string(s))
			if len(text) > 32 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s: sign %s is %q", lang.Code, s, text)
			}
		}
	}
}
