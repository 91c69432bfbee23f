package auth

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func passKeys(t testing.TB) (*PassSigner, *PassReader, ed25519.PrivateKey) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	s, err := NewPassSigner("sallyport/test", "k1", key)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewPassReader("sallyport/test", map[string]TrustedKey{"k1": {Key: key.Public().(ed25519.PublicKey)}})
	if err != nil {
		t.Fatal(err)
	}
	return s, r, key
}

func samplePass() Pass {
	from := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	return Pass{ID: "p-1", VIN: "5YJXCAE42MF000001", Plate: "WX12345", Lanes: []string{"north"}, Zones: []string{"restricted"},
		Conditions: []string{"escort"}, From: from, Until: from.Add(24 * time.Hour)}
}

func TestPassReadsBack(t *testing.T) {
	s, r, _ := passKeys(t)
	text, err := s.Sign(samplePass())
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Read(text, samplePass().From)
	if err != nil || !reflect.DeepEqual(got, samplePass()) {
		t.Errorf("%+v, %v", got, err)
	}
	t.Logf("%d bytes", len(text))
	for _, p := range []Pass{{}, {ID: "x", VIN: "V"}, {ID: "x", From: time.Unix(1, 0), Until: time.Unix(2, 0)}} {
		if _, err := s.Sign(p); err == nil {
			t.Errorf("signed %+v", p)
		}
	}
	long := samplePass()
	long.Conditions = []string{strings.Repeat("x", 1000)}
	if _, err := s.Sign(long); err == nil {
		t.Error("signed what fits no code")
	}
}

func TestPassRefused(t *testing.T) {
	s, r, key := passKeys(t)
	good, err := s.Sign(samplePass())
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewPassSigner("sallyport/other", "k1", key)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := other.Sign(samplePass())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := NewPassSigner("sallyport/test", "k1", ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", 32))))
	if err != nil {
		t.Fatal(err)
	}
	forged, err := stranger.Sign(samplePass())
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := NewIssuer("sallyport/test", "sallyport-api", "k1", key)
	if err != nil {
		t.Fatal(err)
	}
	device, err := issuer.Mint(Device{ID: "d", Kind: KindSensor, Lane: "north"}, time.Unix(1e9, 0), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(method jwt.SigningMethod, key any, typ string, claims jwt.Claims) string {
		tok := jwt.NewWithClaims(method, claims)
		tok.Header["kid"], tok.Header["typ"] = "k1", typ
		text, err := tok.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	c := passClaims{VIN: "V", RegisteredClaims: jwt.RegisteredClaims{Issuer: "sallyport/test", Audience: jwt.ClaimStrings{passAudience}, ID: "p",
		NotBefore: jwt.NewNumericDate(time.Unix(1, 0)), ExpiresAt: jwt.NewNumericDate(time.Unix(2, 0))}}
	timeless := c
	timeless.ExpiresAt = nil
	nobody := c
	nobody.VIN = ""
	part := strings.Split(good, ".")
	swapped := part[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"jti":"p-1","vin":"OTHER"}`)) + "." + part[2]
	for name, text := range map[string]string{
		"empty": "", "words": "hello", "long": strings.Repeat("a", MaxPassText+1),
		"another site's": elsewhere, "another key's": forged, "a device token": device, "another vehicle put in": swapped,
		"no signature": signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, passType, c),
		"HMAC":         signed(jwt.SigningMethodHS256, []byte(key.Public().(ed25519.PublicKey)), passType, c),
		"other type":   signed(jwt.SigningMethodEdDSA, key, "JWT", c),
		"no end":       signed(jwt.SigningMethodEdDSA, key, passType, timeless),
		"no vehicle":   signed(jwt.SigningMethodEdDSA, key, passType, nobody),
		"cut off":      good[:len(good)-3],
	} {
		if p, err := r.Read(text, samplePass().From); !errors.Is(err, ErrPass) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if p, err := r.Read(signed(jwt.SigningMethodEdDSA, key, passType, c), samplePass().From); err != nil || p.ID != "p" {
		t.Errorf("the table refuses what is good: %+v, %v", p, err)
	}
	verifier, err := NewVerifier("sallyport/test", "sallyport-api", map[string]ed25519.PublicKey{"k1": key.Public().(ed25519.PublicKey)})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := verifier.Verify(good, samplePass().From); !errors.Is(err, ErrToken) {
		t.Errorf("a pass is taken for a device's token: %+v, %v", d, err)
	}
}

// What a former key signed is read until the end of its overlap, and not at all
// where it has none.
func TestPassOfAFormerKey(t *testing.T) {
	s, _, key := passKeys(t)
	text, err := s.Sign(samplePass())
	if err != nil {
		t.Fatal(err)
	}
	pub, at := key.Public().(ed25519.PublicKey), samplePass().From
	for _, c := range []struct {
		name  string
		until time.Time
		read  bool
	}{{"signs now", time.Time{}, true}, {"within the overlap", at.Add(time.Second), true}, {"at its end", at, false}, {"long since", at.AddDate(0, 0, -1), false}} {
		r, err := NewPassReader("sallyport/test", map[string]TrustedKey{"k1": {Key: pub, Until: c.until}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(text, at); (err == nil) != c.read || err != nil && !errors.Is(err, ErrPass) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := NewPassReader("sallyport/test", map[string]TrustedKey{"k1": {}}); err == nil {
		t.Error("a key that is none is trusted")
	}
}

func FuzzReadPass(f *testing.F) {
	s, r, _ := passKeys(f)
	good, err := s.Sign(samplePass())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Add("a.b.c")
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := r.Read(text, samplePass().From)
		if err == nil && !reflect.DeepEqual(p, samplePass()) {
			t.Fatalf("%+v of %q", p, text)
		}
		if err != nil && !errors.Is(err, ErrPass) {
			t.Fatal(err)
		}
	})
}
