package auth

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/argon2"
	"pgregory.net/rapid"
)

// The whole table, written out once more: a change of it that nobody meant shows
// here. A letter says that the role may: guard, supervisor, security manager,
// fleet manager, auditor, administrator.
func TestMay(t *testing.T) {
	all := Permissions()
	want := []struct {
		p   Permission
		may string
	}{
		{SeeLane, "gsm--d"},
		{WorkLane, "gs----"},
		{ApproveOverride, "-sm---"},
		{SeePassages, "-sm-a-"},
		{SeePolicy, "gsmfad"},
		{SeeData, "-smfad"},
		{VerifyLog, "----ad"},
		{ReportRadio, "------"},
		{ReportPlate, "------"},
		{PresentVehicle, "------"},
		{SeeInspections, "gsm-a-"},
		{InspectVehicle, "gsm---"},
		{FileStatement, "-sm---"},
		{EndInspection, "-sm---"},
		{ProposePolicy, "-sm---"},
		{SeePolicyVersions, "-sm-a-"},
		{ApprovePolicy, "--m---"},
		{RaisePosture, "-sm---"},
		{SetPosture, "--m---"},
		{SeeRadio, "-sm-ad"},
		{EraseRecords, "--m---"},
		{SeeAlarms, "-sm---"},
		{AcknowledgeAlarm, "-sm---"},
		{KeepForms, "gsm---"},
		{SeeShifts, "-sm-a-"},
		{SeeInside, "gsm-a-"},
		{CorrectInside, "-sm---"},
		{SeeWatch, "-sm-a-"},
		{EditWatch, "-sm---"},
		{IssuePass, "-smf--"},
		{SeeFleet, "--mfa-"},
		{EditFleet, "--mf--"},
		{ManageFleets, "--m---"},
		{DecideExemption, "--m---"},
		{SeeJobs, "--m-ad"},
		{SearchLog, "--m-a-"},
		{ExportRecords, "--m-a-"},
		{SeeFigures, "-sm-a-"},
		{WeighChanges, "--m-a-"},
		{SeeSettings, "-sm-ad"},
		{ChangeSettings, "--m---"},
		{EnrolMachine, "-----d"},
		{SeeDevices, "-sm-ad"},
		{ManagePeople, "-----d"},
		{OwnAccount, "gsmfad"},
		{EnrolKiosk, "-----d"},
	}
	written := map[Permission]string{}
	for _, w := range want {
		if _, twice := written[w.p]; twice || len(w.may) != len(Roles()) {
			t.Fatalf("%s: the line %q stands there twice, or has not one column a role", w.p, w.may)
		}
		written[w.p] = w.may
	}
	seen := map[Permission]bool{}
	for _, p := range all {
		row, ok := written[p]
		if !ok || seen[p] || p == "" {
			t.Errorf("%q: not written out here, or twice in the table", p)
			continue
		}
		seen[p] = true
		for i, r := range Roles() {
			if got := May(r, p); got != (row[i] == "gsmfad"[i]) {
				t.Errorf("May(%q, %q) = %v", r, p, got)
			}
		}
		for _, r := range []Role{"", "root"} {
			if May(r, p) {
				t.Errorf("May(%q, %q)", r, p)
			}
		}
	}
	for p := range written {
		if !seen[p] {
			t.Errorf("%q is not in the table", p)
		}
	}
	for _, r := range Roles() {
		if May(r, "") || May(r, "everything") {
			t.Errorf("%s may do what is no permission", r)
		}
	}
	devices := map[DeviceKind][]Permission{
		KindSensor: {ReportRadio},
		KindKiosk:  {SeeLane, WorkLane, PresentVehicle},
		KindCamera: {ReportPlate},
		KindAlarm:  {SeeAlarms, AcknowledgeAlarm},

		KindIntegration: {SeeLane, PresentVehicle, SeeInside, SeeAlarms, SeeJobs},
		"":              nil,
	}
	for k, may := range devices {
		for _, p := range all {
			if got := DeviceMay(k, p); got != slices.Contains(may, p) {
				t.Errorf("DeviceMay(%q, %q) = %v", k, p, got)
			}
		}
	}
	if len(devices)-1 != len(DeviceKinds()) {
		t.Error("a kind of device is missing from this table")
	}
}

func TestParse(t *testing.T) {
	for _, r := range Roles() {
		if got, err := ParseRole(string(r)); err != nil || got != r {
			t.Errorf("ParseRole(%q) = %q, %v", r, got, err)
		}
	}
	for _, bad := range []string{"", "Guard", "guard ", "root"} {
		if _, err := ParseRole(bad); err == nil {
			t.Errorf("ParseRole(%q) accepted", bad)
		}
		if _, err := ParseDeviceKind(bad); err == nil {
			t.Errorf("ParseDeviceKind(%q) accepted", bad)
		}
	}
}

func TestPassword(t *testing.T) {
	h, err := HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(h, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %q does not state its parameters", h)
	}
	again, err := HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if h == again {
		t.Error("two hashes of one password are equal: no salt")
	}
	for _, tt := range []struct {
		pw string
		ok bool
	}{
		{"correct horse", true},
		{"correct horsf", false},
		{"correct hors", false},
		{"", false},
		{strings.Repeat("x", MaxPasswordBytes+1), false},
	} {
		ok, outdated, err := VerifyPassword(h, tt.pw)
		if err != nil || ok != tt.ok || outdated {
			t.Errorf("VerifyPassword(%q) = %v, %v, %v", tt.pw, ok, outdated, err)
		}
	}
	for _, bad := range []string{"", "short", "seven77", strings.Repeat("x", MaxPasswordBytes+1), "12345678\xff"} {
		if _, err := HashPassword(bad); !errors.Is(err, ErrPassword) {
			t.Errorf("HashPassword(%q) = %v, want ErrPassword", bad, err)
		}
	}
}

func TestVerifyPasswordHashes(t *testing.T) {
	salt, key := "c2FsdHNhbHRzYWx0", strings.Repeat("A", 43)
	for _, bad := range []string{
		"",
		"plain",
		"$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=99999999,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=0,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=2,p=1x$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$",
		"$argon2id$v=19$m=19456,t=2,p=1$!$" + key,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key + "$",
	} {
		if _, _, err := VerifyPassword(bad, "whatever it is"); !errors.Is(err, ErrHash) {
			t.Errorf("VerifyPassword(%q) = %v, want ErrHash", bad, err)
		}
	}
	// A hash by older, weaker parameters still opens, and says so.
	weak := "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
	h, err := parseHash(weak + key)
	if err != nil {
		t.Fatal(err)
	}
	real := weak + base64.RawStdEncoding.EncodeToString(derive("an old password", h))
	ok, outdated, err := VerifyPassword(real, "an old password")
	if !ok || !outdated || err != nil {
		t.Errorf("weak hash: ok=%v outdated=%v err=%v", ok, outdated, err)
	}
}

func derive(pw string, h parsedHash) []byte {
	return argon2.IDKey([]byte(pw), h.salt, h.passes, h.memory, h.lanes, hashKeyLen)
}

func TestLockDelay(t *testing.T) {
	for n, want := range map[int]time.Duration{0: 0, 4: 0, 5: 5 * time.Second, 6: 10 * time.Second, 10: 160 * time.Second, 11: maxLockDelay, 1 << 20: maxLockDelay} {
		if got := LockDelay(n); got != want {
			t.Errorf("LockDelay(%d) = %s, want %s", n, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 1000).Draw(t, "n")
		if LockDelay(n+1) < LockDelay(n) {
			t.Fatalf("delay falls after %d failures", n)
		}
	})
}

func TestToken(t *testing.T) {
	tok, hash := NewToken()
	got, err := HashToken(tok)
	if err != nil || got != hash {
		t.Fatalf("HashToken(NewToken()) = %x, %v; want %x", got, err, hash)
	}
	if other, _ := NewToken(); other == tok {
		t.Fatal("two tokens are equal")
	}
	for _, bad := range []string{"", tok[1:], tok + "A", strings.Repeat("!", 43), tok[:42] + "="} {
		if _, err := HashToken(bad); !errors.Is(err, ErrToken) {
			t.Errorf("HashToken(%q) = %v, want ErrToken", bad, err)
		}
	}
}

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func keys(t *testing.T) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pub, priv
}

func TestDeviceToken(t *testing.T) {
	pub, priv := keys(t)
	_, stranger := keys(t)
	is, err := NewIssuer("sallyport:north", "sallyport-api", "k1", priv)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier("sallyport:north", "sallyport-api", map[string]ed25519.PublicKey{"k1": pub})
	if err != nil {
		t.Fatal(err)
	}
	d := Device{ID: "kiosk-1", Kind: KindKiosk, Lane: "a"}
	good, err := is.Mint(d, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Verify(good, now)
	d.Expires = now.Add(time.Hour)
	if err != nil || got.ID != d.ID || got.Kind != d.Kind || got.Lane != d.Lane || !got.Expires.Equal(d.Expires) {
		t.Fatalf("Verify = %+v, %v", got, err)
	}

	claims := func(change func(m jwt.MapClaims)) jwt.MapClaims {
		m := jwt.MapClaims{
			"iss": "sallyport:north", "aud": "sallyport-api", "sub": "kiosk-1", "kind": "kiosk", "lane": "a",
			"exp": now.Add(time.Hour).Unix(), "nbf": now.Unix(), "iat": now.Unix(),
		}
		if change != nil {
			change(m)
		}
		return m
	}
	sign := func(m jwt.SigningMethod, kid any, c jwt.Claims, key any) string {
		tok := jwt.NewWithClaims(m, c)
		if kid != nil {
			tok.Header["kid"] = kid
		}
		s, err := tok.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	ed := jwt.SigningMethodEdDSA
	if _, err := v.Verify(sign(ed, "k1", claims(nil), priv), now); err != nil {
		t.Fatalf("the table's base token is refused: %v", err)
	}
	part := strings.Split(good, ".")
	for name, tok := range map[string]string{
		"empty":                       "",
		"not a token":                 "a.b.c",
		"alg none":                    sign(jwt.SigningMethodNone, "k1", claims(nil), jwt.UnsafeAllowNoneSignatureType),
		"alg none, signature cut":     part[0] + "." + part[1] + ".",
		"HS256 with the public key":   sign(jwt.SigningMethodHS256, "k1", claims(nil), []byte(pub)),
		"another's key":               sign(ed, "k1", claims(nil), stranger),
		"unknown kid":                 sign(ed, "k2", claims(nil), priv),
		"no kid":                      sign(ed, nil, claims(nil), priv),
		"kid of another type":         sign(ed, 7, claims(nil), priv),
		"no exp":                      sign(ed, "k1", claims(func(m jwt.MapClaims) { delete(m, "exp") }), priv),
		"expired":                     sign(ed, "k1", claims(func(m jwt.MapClaims) { m["exp"] = now.Add(-time.Second).Unix() }), priv),
		"expires this second":         sign(ed, "k1", claims(func(m jwt.MapClaims) { m["exp"] = now.Unix() }), priv),
		"not yet valid":               sign(ed, "k1", claims(func(m jwt.MapClaims) { m["nbf"] = now.Add(time.Minute).Unix() }), priv),
		"wrong issuer":                sign(ed, "k1", claims(func(m jwt.MapClaims) { m["iss"] = "sallyport:south" }), priv),
		"no issuer":                   sign(ed, "k1", claims(func(m jwt.MapClaims) { delete(m, "iss") }), priv),
		"wrong audience":              sign(ed, "k1", claims(func(m jwt.MapClaims) { m["aud"] = "sallyport-hub" }), priv),
		"no audience":                 sign(ed, "k1", claims(func(m jwt.MapClaims) { delete(m, "aud") }), priv),
		"no subject":                  sign(ed, "k1", claims(func(m jwt.MapClaims) { delete(m, "sub") }), priv),
		"no lane":                     sign(ed, "k1", claims(func(m jwt.MapClaims) { delete(m, "lane") }), priv),
		"unknown kind":                sign(ed, "k1", claims(func(m jwt.MapClaims) { m["kind"] = "barrier" }), priv),
		"claims of another signature": part[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"x"}`)) + "." + part[2],
		"padded signature":            good + "=",
		"signature's last bits":       loosen(good),
		"bearer left in":              "Bearer " + good,
	} {
		if got, err := v.Verify(tok, now); !errors.Is(err, ErrToken) {
			t.Errorf("%s: Verify = %+v, %v; want ErrToken", name, got, err)
		}
	}
	if _, err := v.Verify(good, now.Add(time.Hour)); !errors.Is(err, ErrToken) {
		t.Errorf("an expired token is accepted: %v", err)
	}
	if _, err := v.Verify(good, now.Add(-time.Minute)); !errors.Is(err, ErrToken) {
		t.Errorf("a token from the future is accepted: %v", err)
	}
}

// loosen changes bits of the last base64 character that a lax decoder ignores.
func loosen(tok string) string {
	const abc = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(abc, tok[len(tok)-1])
	return tok[:len(tok)-1] + string(abc[i^1])
}

func TestMintRefuses(t *testing.T) {
	_, priv := keys(t)
	is, err := NewIssuer("i", "a", "k", priv)
	if err != nil {
		t.Fatal(err)
	}
	ok := Device{ID: "d", Kind: KindSensor, Lane: "a"}
	for name, f := range map[string]func() (string, error){
		"no id":     func() (string, error) { return is.Mint(Device{Kind: KindSensor, Lane: "a"}, now, time.Hour) },
		"no lane":   func() (string, error) { return is.Mint(Device{ID: "d", Kind: KindSensor}, now, time.Hour) },
		"no kind":   func() (string, error) { return is.Mint(Device{ID: "d", Lane: "a"}, now, time.Hour) },
		"no life":   func() (string, error) { return is.Mint(ok, now, 0) },
		"long life": func() (string, error) { return is.Mint(ok, now, MaxTokenLife+1) },
	} {
		if s, err := f(); err == nil {
			t.Errorf("%s: minted %q", name, s)
		}
	}
	for _, bad := range [][3]string{{"", "a", "k"}, {"i", "", "k"}, {"i", "a", ""}} {
		if _, err := NewIssuer(bad[0], bad[1], bad[2], priv); err == nil {
			t.Errorf("NewIssuer(%q) accepted", bad)
		}
	}
	if _, err := NewIssuer("i", "a", "k", priv[:7]); err == nil {
		t.Error("NewIssuer accepted a short key")
	}
	if _, err := NewVerifier("i", "a", map[string]ed25519.PublicKey{"k": make([]byte, 5)}); err == nil {
		t.Error("NewVerifier accepted a short key")
	}
	if _, err := NewVerifier("", "a", nil); err == nil {
		t.Error("NewVerifier accepted an empty issuer")
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHRzYWx0$AAAA")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parseHash(s)
		if err != nil {
			return
		}
		if h.memory > maxMemoryKiB || h.passes > maxPasses || h.lanes > maxLanes {
			t.Fatalf("parameters out of bounds accepted: %+v", h)
		}
		back := fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", h.memory, h.passes, h.lanes,
			base64.RawStdEncoding.EncodeToString(h.salt), base64.RawStdEncoding.EncodeToString(h.key))
		if back != s {
			t.Fatalf("%q reads as %q", s, back)
		}
	})
}

func BenchmarkVerifyToken(b *testing.B) {
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	is, err := NewIssuer("i", "a", "k", priv)
	if err != nil {
		b.Fatal(err)
	}
	v, err := NewVerifier("i", "a", map[string]ed25519.PublicKey{"k": pub})
	if err != nil {
		b.Fatal(err)
	}
	tok, err := is.Mint(Device{ID: "s", Kind: KindSensor, Lane: "a"}, now, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := v.Verify(tok, now); err != nil {
			b.Fatal(err)
		}
	}
}
