package auth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sallyport/gate/auth"
)

func TestSetPIN(t *testing.T) {
	for pin, fit := range map[string]bool{
		"2580": true, "80419": true, "90817263": true, "0070": true,
		"": false, "258": false, "908172635": false, "25a0": false, "25 80": false, "٢٥٨٠": false,
		"1111": false, "1234": false, "87654": false, "000000": false,
	} {
		phc, err := auth.SetPIN(pin)
		if fit != (err == nil) || !fit && !errors.Is(err, auth.ErrPIN) {
			t.Errorf("SetPIN(%q): %v", pin, err)
		}
		if fit && (!strings.HasPrefix(phc, "$argon2id$") || strings.Contains(phc, pin+"$")) {
			t.Errorf("SetPIN(%q) = %q", pin, phc)
		}
	}
}

func TestCheckPIN(t *testing.T) {
	for _, c := range []struct {
		set, typed string
		want       auth.PINMatch
	}{
		{"2580", "2580", auth.PINRight},
		{"2580", "2581", auth.PINDuress},
		{"2580", "2589", auth.PINWrong},
		{"2589", "2580", auth.PINDuress}, // 9 becomes 0
		{"2580", "25800", auth.PINWrong},
		{"2580", "", auth.PINWrong},
		{"2580", "258", auth.PINWrong},
		{"90817263", "908172630", auth.PINWrong}, // what is too long is not cut
		{"90817263", "90817264", auth.PINDuress},
		{"2580", strings.Repeat("9", 1<<20), auth.PINWrong},
		{"2580", "２５８０", auth.PINWrong},
	} {
		phc, err := auth.SetPIN(c.set)
		if err != nil {
			t.Fatal(err)
		}
		typed := c.typed
		if len(typed) > 20 {
			typed = "a long one"
		}
		if got, err := auth.CheckPIN(phc, c.typed); err != nil || got != c.want {
			t.Errorf("set %s, typed %q: %d, %v; want %d", c.set, typed, got, err, c.want)
		}
		if c.want == auth.PINDuress && auth.DuressPIN(c.set) != c.typed {
			t.Errorf("DuressPIN(%s) = %s", c.set, auth.DuressPIN(c.set))
		}
	}
	if _, err := auth.CheckPIN("$argon2id$v=19$m=999999999,t=2,p=1$AAAAAAAAAAA$AAAA", "2580"); !errors.Is(err, auth.ErrHash) {
		t.Errorf("a hostile hash: %v", err)
	}
}

func TestPINTries(t *testing.T) {
	at := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	if _, ok := (auth.PINState{}).Try(at); ok {
		t.Error("a PIN that is not set can be tried")
	}
	p := auth.PINState{Hash: "h"}
	for n := range 5 {
		var ok bool
		if p, ok = p.Try(at); !ok || p.Tries != n+1 {
			t.Fatalf("try %d: %v, %v", n+1, p, ok)
		}
	}
	if got, ok := p.Try(at.Add(15*time.Minute - 1)); ok || got != p {
		t.Errorf("a sixth try within the lock: %v", got)
	}
	p, ok := p.Try(at.Add(15 * time.Minute))
	if !ok || !p.Locked(at.Add(45*time.Minute-1)) || p.Locked(at.Add(45*time.Minute)) {
		t.Errorf("after the lock: %v, %v", p, ok)
	}
	if strings.Contains(p.String(), "h ") {
		t.Errorf("%v", p)
	}
	// A year of trying at the greatest speed that the lock allows.
	tries, now := 0, at
	for q := (auth.PINState{Hash: "h"}); now.Before(at.AddDate(1, 0, 0)); {
		if next, ok := q.Try(now); ok {
			q, tries = next, tries+1
		} else {
			now = q.LockedUntil
		}
	}
	if tries > 760 {
		t.Errorf("%d tries in a year", tries)
	}
}

func BenchmarkCheckPIN(b *testing.B) {
	phc, err := auth.SetPIN("2580")
	if err != nil {
		b.Fatal(err)
	}
	for name, typed := range map[string]string{"right": "2580", "duress": "2581", "wrong": "7777"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := auth.CheckPIN(phc, typed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
