package auth

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The vectors of RFC 6238, appendix B (SHA-1), of which the last six digits are
// the code of six.
func TestCodesOfRFC6238(t *testing.T) {
	secret := base32Text.EncodeToString([]byte("12345678901234567890"))
	for unix, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		if got, err := CodeAt(secret, CodeStep(time.Unix(unix, 0))); err != nil || got != want[2:] {
			t.Errorf("at %d: %s, %v; want %s", unix, got, err, want[2:])
		}
	}
	// RFC 4226, appendix D.
	for step, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got, err := CodeAt(secret, int64(step)); err != nil || got != want {
			t.Errorf("step %d: %s, %v; want %s", step, got, err, want)
		}
	}
	for _, bad := range []string{"", "A", "not base32!", base32Text.EncodeToString(make([]byte, 19))} {
		if _, err := CodeAt(bad, 1); err == nil {
			t.Errorf("%q is taken for a secret", bad)
		}
		if _, ok := CheckCode(bad, "000000", 0, now); ok {
			t.Errorf("%q opens", bad)
		}
	}
}

func TestCodeWorksOnceAndNearly(t *testing.T) {
	secret := SecretFrom([32]byte{1, 2, 3})
	if len(secret) != 32 {
		t.Fatalf("secret %q", secret)
	}
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(1e9, 4e9).Draw(t, "at"), 0)
		off := rapid.Int64Range(-4, 4).Draw(t, "off")
		code, err := CodeAt(secret, CodeStep(at)+off)
		if err != nil {
			t.Fatal(err)
		}
		step, ok := CheckCode(secret, code, 0, at)
		// Two steps may have one code by chance: then it is that of either.
		switch near := off >= -codeDrift && off <= codeDrift; {
		case near && (!ok || code != mustCode(t, secret, step)):
			t.Fatalf("a code %d steps away: %d, %v", off, step, ok)
		case !near && ok && code != mustCode(t, secret, step):
			t.Fatalf("a code %d steps away is taken", off)
		}
		if ok {
			if again, ok := CheckCode(secret, code, step, at); ok && again <= step {
				t.Fatal("a code that was used is taken")
			}
		}
	})
}

func mustCode(t *rapid.T, secret string, step int64) string {
	c, err := CodeAt(secret, step)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCodeAddress(t *testing.T) {
	got := CodeAddress("Fort: East", "Jan Żak", "ABC")
	u, err := url.Parse(got)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Fort  East:Jan Żak" || u.Query().Get("secret") != "ABC" || u.Query().Get("issuer") != "Fort  East" {
		t.Errorf("%s: %v, %v", got, u, err)
	}
	if strings.Contains(got, "+") {
		t.Errorf("%s: apps show a plus as it is", got)
	}
}

func TestNewCode(t *testing.T) {
	seen := map[string]bool{}
	for range 500 {
		c := NewCode()
		if len(c) != 14 || seen[c] || strings.Trim(c, plainCode+"-") != "" {
			t.Fatalf("code %q", c)
		}
		seen[c] = true
		if TypedCode(" "+strings.ToLower(strings.ReplaceAll(c, "-", " "))+" ") != c || HashCode(strings.ToLower(c)) != HashCode(c) {
			t.Fatalf("%q cannot be typed", c)
		}
	}
	codes, hashes := NewRecoveryCodes()
	if len(codes) != RecoveryCodes || len(hashes) != RecoveryCodes || hashes[3] != HashCode(codes[3]) || hashes[3] == hashes[4] {
		t.Errorf("%v", codes)
	}
}

func TestFirst(t *testing.T) {
	f, code := NewFirst(now)
	made := func() error { return nil }
	never := func() error { t.Error("something is made by a wrong code"); return nil }
	if !f.Open(now) || f.Open(now.Add(FirstCodeLife)) {
		t.Error("the code's life")
	}
	if err := f.Use(code, now.Add(FirstCodeLife), never); !errors.Is(err, ErrCode) {
		t.Errorf("a late code: %v", err)
	}
	if err := f.Use("ABCD-EFGH-JKLM", now, never); !errors.Is(err, ErrCode) {
		t.Errorf("a wrong code: %v", err)
	}
	failed := errors.New("the name is taken")
	if err := f.Use(code, now, func() error { return failed }); !errors.Is(err, failed) || !f.Open(now) {
		t.Errorf("what fails uses the code up: %v", err)
	}
	var done atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			_ = f.Use(strings.ToLower(code), now, func() error { done.Add(1); return nil })
		})
	}
	wg.Wait()
	if done.Load() != 1 || f.Open(now) {
		t.Errorf("the code worked %d times", done.Load())
	}
	if err := f.Use(code, now, never); !errors.Is(err, ErrCode) {
		t.Errorf("a used code: %v", err)
	}
	f, code = NewFirst(now)
	for range FirstTries {
		if err := f.Use("0", now, never); !errors.Is(err, ErrCode) {
			t.Error(err)
		}
	}
	if err := f.Use(code, now, never); !errors.Is(err, ErrCode) || f.Open(now) {
		t.Errorf("after %d guesses: %v", FirstTries, err)
	}
	if err := (*First)(nil).Use(code, now, made); !errors.Is(err, ErrCode) || (*First)(nil).Open(now) {
		t.Error("a code that there is not")
	}
}

func TestBadge(t *testing.T) {
	for in, want := range map[string]string{"": "", "  ": "", "04:a2:2b 11": "04A22B11", "12-345": "12345"} {
		if got, err := Badge(in); err != nil || got != want {
			t.Errorf("Badge(%q) = %q, %v", in, got, err)
		}
	}
	for _, bad := range []string{"12", "<b>", "a_b", strings.Repeat("1", 33), "żółw"} {
		if got, err := Badge(bad); !errors.Is(err, ErrBadge) {
			t.Errorf("Badge(%q) = %q, %v", bad, got, err)
		}
	}
	for _, r := range Roles() {
		if NeedsCodes(r) && MayUseKiosk(r) {
			t.Errorf("%s needs one-time codes, and could sign in without at a kiosk", r)
		}
	}
}
