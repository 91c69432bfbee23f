package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A token whose header names another algorithm is refused, whatever key it was
// signed with: the public key that everybody may have must never be a secret.
func TestTokenOfAnotherAlgorithm(t *testing.T) {
	pub, priv := keys(t)
	v, err := NewVerifier("i", "a", map[string]ed25519.PublicKey{"k1": pub})
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	written := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{"iss": "i", "aud": "a", "sub": "d", "kind": "kiosk", "lane": "north", "exp": now.Add(time.Hour).Unix()}
	sign := func(m jwt.SigningMethod, key any) string {
		tok := jwt.NewWithClaims(m, claims)
		tok.Header["kid"] = "k1"
		s, err := tok.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if _, err := v.Verify(sign(jwt.SigningMethodEdDSA, priv), now); err != nil {
		t.Fatalf("the token that the others are changed from: %v", err)
	}
	for name, tok := range map[string]string{
		"none":                                sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		"HS256, the public key as the secret": sign(jwt.SigningMethodHS256, []byte(pub)),
		"HS256, its PEM as the secret":        sign(jwt.SigningMethodHS256, written),
		"HS384":                               sign(jwt.SigningMethodHS384, []byte(pub)),
		"HS512, its DER as the secret":        sign(jwt.SigningMethodHS512, der),
		"RS256":                               sign(jwt.SigningMethodRS256, rsaKey),
		"PS256":                               sign(jwt.SigningMethodPS256, rsaKey),
		"ES256":                               sign(jwt.SigningMethodES256, ecKey),
	} {
		if d, err := v.Verify(tok, now); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
}

// A new key signs from now on, and what the old one signed is good until the
// overlap ends.
func TestRotation(t *testing.T) {
	oldPub, oldKey := keys(t)
	newPub, newKey := keys(t)
	v, err := NewVerifier("i", "a", map[string]ed25519.PublicKey{"k1": oldPub})
	if err != nil {
		t.Fatal(err)
	}
	mint := func(kid string, key ed25519.PrivateKey) string {
		is, err := NewIssuer("i", "a", kid, key)
		if err != nil {
			t.Fatal(err)
		}
		tok, err := is.Mint(Device{ID: "d", Kind: KindKiosk, Lane: "north"}, now, 100*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	before, after := mint("k1", oldKey), mint("k2", newKey)
	good := func(tok string, at time.Time) bool { _, err := v.Verify(tok, at); return err == nil }
	if !good(before, now) || good(after, now) {
		t.Fatal("before the rotation")
	}
	end := now.Add(10 * time.Hour)
	if err := v.Trust(map[string]TrustedKey{"k1": {Key: oldPub, Until: end}, "k2": {Key: newPub}}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		at     time.Time
		before bool
	}{{now, true}, {end.Add(-time.Second), true}, {end, false}, {end.Add(time.Hour), false}} {
		if good(before, tt.at) != tt.before || !good(after, tt.at) {
			t.Errorf("at %s: old %v, new %v", tt.at, good(before, tt.at), good(after, tt.at))
		}
	}
	// The kid names the key, and the key must fit it.
	if good(mint("k2", oldKey), now) || good(mint("k1", newKey), now) {
		t.Error("a key under the other's name is trusted")
	}
	if err := v.Trust(map[string]TrustedKey{"k3": {Key: oldPub[:7]}}); err == nil || !good(after, now) {
		t.Error("a damaged key is trusted, or took the place of the good ones")
	}
}

// The whole site is for what does not stand at a lane.
func TestWholeSite(t *testing.T) {
	pub, priv := keys(t)
	is, err := NewIssuer("i", "a", "k1", priv)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier("i", "a", map[string]ed25519.PublicKey{"k1": pub})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range DeviceKinds() {
		tok, err := is.Mint(Device{ID: "d", Kind: k, Lane: WholeSite}, now, time.Hour)
		if (err == nil) != (k == KindAlarm || k == KindIntegration) {
			t.Errorf("%s for the whole site: %v", k, err)
		}
		forged := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"iss": "i", "aud": "a", "sub": "d", "kind": string(k), "lane": "*", "exp": now.Add(time.Hour).Unix()})
		forged.Header["kid"] = "k1"
		if tok == "" {
			if tok, err = forged.SignedString(priv); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := v.Verify(tok, now); (err == nil) != MayBeWholeSite(k) {
			t.Errorf("token of a %s of the whole site: %v", k, err)
		}
	}
}
