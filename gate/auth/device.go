package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Device is a machine as its token names it.
type Device struct {
	ID      string
	Kind    DeviceKind
	Lane    string    // the one lane it may speak of, or WholeSite
	Expires time.Time // end of the token's life; set by Verify
}

type deviceClaims struct {
	Kind string `json:"kind"`
	Lane string `json:"lane"`
	jwt.RegisteredClaims
}

// MaxTokenLife bounds the life of a device token. Revocation does not wait for
// it: every request looks the device up.
const MaxTokenLife = 366 * 24 * time.Hour

// Issuer mints device tokens (RFC 7519 tokens signed with EdDSA over Ed25519,
// RFC 8037). It is immutable and safe for concurrent use.
type Issuer struct {
	name, audience, kid string
	key                 ed25519.PrivateKey
}

// NewIssuer makes an issuer. name and audience go into the claims iss and aud,
// kid names the key in the header so that keys can rotate.
func NewIssuer(name, audience, kid string, key ed25519.PrivateKey) (*Issuer, error) {
	if name == "" || audience == "" || kid == "" {
		return nil, errors.New("auth: issuer, audience and key id must not be empty")
	}
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("auth: key %q has %d bytes, want %d", kid, len(key), ed25519.PrivateKeySize)
	}
	return &Issuer{name: name, audience: audience, kid: kid, key: key}, nil
}

// Mint signs a token for a device, valid from now for life.
func (is *Issuer) Mint(d Device, now time.Time, life time.Duration) (string, error) {
	if d.ID == "" || d.Lane == "" {
		return "", errors.New("auth: a device token needs an id and a lane")
	}
	if _, err := ParseDeviceKind(string(d.Kind)); err != nil {
		return "", err
	}
	if d.Lane == WholeSite && !MayBeWholeSite(d.Kind) {
		return "", fmt.Errorf("auth: a %s belongs to one lane", d.Kind)
	}
	if life <= 0 || life > MaxTokenLife {
		return "", fmt.Errorf("auth: life %s of a device token is not within (0, %s]", life, MaxTokenLife)
	}
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, deviceClaims{
		Kind: string(d.Kind),
		Lane: d.Lane,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    is.name,
			Subject:   d.ID,
			Audience:  jwt.ClaimStrings{is.audience},
			ExpiresAt: jwt.NewNumericDate(now.Add(life)),
			NotBefore: jwt.NewNumericDate(now),
			IssuedAt:  jwt.NewNumericDate(now),
			ID:        rand.Text(),
		},
	})
	t.Header["kid"] = is.kid
	s, err := t.SignedString(is.key)
	if err != nil {
		return "", fmt.Errorf("auth: sign token of device %q: %w", d.ID, err)
	}
	return s, nil
}

// TrustedKey is a key that signed device tokens and passes.
type TrustedKey struct {
	Key   ed25519.PublicKey
	Until time.Time // it is trusted until then; zero: it signs now, and is trusted until another does
}

// Verifier checks device tokens. It is safe for concurrent use.
type Verifier struct {
	name, audience string
	keys           atomic.Pointer[map[string]TrustedKey]
}

// NewVerifier makes a verifier that trusts these keys, by key id.
func NewVerifier(name, audience string, keys map[string]ed25519.PublicKey) (*Verifier, error) {
	if name == "" || audience == "" {
		return nil, errors.New("auth: issuer and audience must not be empty")
	}
	v := &Verifier{name: name, audience: audience}
	own := make(map[string]TrustedKey, len(keys))
	for kid, k := range keys {
		own[kid] = TrustedKey{Key: k}
	}
	return v, v.Trust(own)
}

// Trust puts these keys, by key id, in the place of those trusted until now: the
// one that signs, and those that it followed for as long as their tokens are to
// be accepted.
func (v *Verifier) Trust(keys map[string]TrustedKey) error {
	for kid, k := range keys {
		if kid == "" || len(k.Key) != ed25519.PublicKeySize {
			return fmt.Errorf("auth: key %q is not an Ed25519 public key", kid)
		}
	}
	own := maps.Clone(keys)
	v.keys.Store(&own)
	return nil
}

// Verify checks signature, algorithm, expiry, not-before, issuer and audience
// of a token at now and returns the device it names. Everything that is not in
// order is ErrToken. Whether the device is revoked is for the caller to look
// up.
func (v *Verifier) Verify(token string, now time.Time) (Device, error) {
	var c deviceClaims
	p := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithExpirationRequired(),
		jwt.WithIssuer(v.name),
		jwt.WithAudience(v.audience),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
	// The key function hands out typed Ed25519 keys only: a key as plain bytes
	// is what lets a forged HMAC token through.
	_, err := p.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		k, ok := (*v.keys.Load())[kid]
		if !ok {
			return nil, fmt.Errorf("key id %q is not trusted", kid)
		}
		if !k.Until.IsZero() && !now.Before(k.Until) {
			return nil, fmt.Errorf("key id %q was trusted until %s", kid, k.Until.Format(time.RFC3339))
		}
		return k.Key, nil
	})
	if err != nil {
		return Device{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	kind, err := ParseDeviceKind(c.Kind)
	if err != nil {
		return Device{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	if c.Subject == "" || c.Lane == "" {
		return Device{}, fmt.Errorf("%w: no device or no lane", ErrToken)
	}
	if c.Lane == WholeSite && !MayBeWholeSite(kind) {
		return Device{}, fmt.Errorf("%w: a %s of the whole site", ErrToken, kind)
	}
	return Device{ID: c.Subject, Kind: kind, Lane: c.Lane, Expires: c.ExpiresAt.Time}, nil
}
