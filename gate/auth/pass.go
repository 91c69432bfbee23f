package auth

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Pass is what a vehicle's pass says: a token (RFC 7519, EdDSA over Ed25519)
// small enough for a QR code. It names the vehicle, so that a copy is of no use
// to another one.
type Pass struct {
	ID         string
	VIN        string
	Plate      string
	Lanes      []string // ids; none is every lane
	Zones      []string // names; none is every zone
	Conditions []string // ids or words
	From       time.Time
	Until      time.Time
}

type passClaims struct {
	VIN        string   `json:"vin,omitempty"`
	Plate      string   `json:"plt,omitempty"`
	Lanes      []string `json:"lan,omitempty"`
	Zones      []string `json:"zon,omitempty"`
	Conditions []string `json:"con,omitempty"`
	jwt.RegisteredClaims
}

// passAudience keeps passes and device tokens apart, whoever signs them.
const passAudience = "sallyport-pass"

// passType is the type in the header of a pass.
const passType = "pass+jwt"

// MaxPassText bounds the text of a pass, in bytes: a QR code of level M holds
// 2,331 bytes, and one of 1,000 is still read off paper.
const MaxPassText = 1000

// ErrPass says that a text is no pass that was signed here. Whether one that was
// is good now, here and for the vehicle is for the caller to see.
var ErrPass = errors.New("auth: not a pass of this site")

// PassSigner signs passes. It is immutable and safe for concurrent use.
type PassSigner struct {
	name, kid string
	key       ed25519.PrivateKey
}

// NewPassSigner makes one. name is the site's, kid names the key.
func NewPassSigner(name, kid string, key ed25519.PrivateKey) (*PassSigner, error) {
	if name == "" || kid == "" || len(key) != ed25519.PrivateKeySize {
		return nil, errors.New("auth: passes need an issuer, a key id and an Ed25519 key")
	}
	return &PassSigner{name, kid, key}, nil
}

// Sign is the text of a pass.
func (s *PassSigner) Sign(p Pass) (string, error) {
	if p.ID == "" || p.VIN+p.Plate == "" || !p.Until.After(p.From) {
		return "", errors.New("auth: a pass has an id, a vehicle and a time")
	}
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, passClaims{
		VIN: p.VIN, Plate: p.Plate, Lanes: p.Lanes, Zones: p.Zones, Conditions: p.Conditions,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: s.name, Audience: jwt.ClaimStrings{passAudience}, ID: p.ID,
			NotBefore: jwt.NewNumericDate(p.From), ExpiresAt: jwt.NewNumericDate(p.Until),
		},
	})
	t.Header["typ"], t.Header["kid"] = passType, s.kid
	text, err := t.SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("auth: sign pass %q: %w", p.ID, err)
	}
	if len(text) > MaxPassText {
		return "", fmt.Errorf("auth: pass %q has %d bytes; at most %d fit a code that is read off paper", p.ID, len(text), MaxPassText)
	}
	return text, nil
}

// PassReader reads passes. It is immutable and safe for concurrent use.
type PassReader struct {
	name string
	keys map[string]TrustedKey
}

// NewPassReader makes one that trusts these keys, by key id: the one that signs,
// and those that it followed for as long as what they signed is to be accepted.
func NewPassReader(name string, keys map[string]TrustedKey) (*PassReader, error) {
	if name == "" {
		return nil, errors.New("auth: passes need an issuer")
	}
	own := make(map[string]TrustedKey, len(keys))
	for kid, k := range keys {
		if kid == "" || len(k.Key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("auth: key %q is not an Ed25519 public key", kid)
		}
		own[kid] = TrustedKey{Key: slices.Clone(k.Key), Until: k.Until}
	}
	return &PassReader{name, own}, nil
}

// Read checks that a text is a pass that was signed here with a key that is
// trusted at an instant, and says what it says. Its own time is not checked.
// Everything else that is not in order is ErrPass.
func (r *PassReader) Read(text string, at time.Time) (Pass, error) {
	if len(text) > MaxPassText {
		return Pass{}, fmt.Errorf("%w: %d bytes", ErrPass, len(text))
	}
	var c passClaims
	p := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	t, err := p.ParseWithClaims(text, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		k, ok := r.keys[kid]
		if !ok {
			return nil, fmt.Errorf("key id %q is not trusted", kid)
		}
		if !k.Until.IsZero() && !at.Before(k.Until) {
			return nil, fmt.Errorf("key id %q was trusted until %s", kid, k.Until.Format(time.RFC3339))
		}
		return k.Key, nil
	})
	switch {
	case err != nil:
		return Pass{}, fmt.Errorf("%w: %w", ErrPass, err)
	case t.Header["typ"] != passType || c.Issuer != r.name || !slices.Equal(c.Audience, jwt.ClaimStrings{passAudience}):
		return Pass{}, fmt.Errorf("%w: a token for something else", ErrPass)
	case c.ID == "" || c.VIN+c.Plate == "" || c.NotBefore == nil || c.ExpiresAt == nil:
		return Pass{}, fmt.Errorf("%w: it lacks an id, a vehicle or a time", ErrPass)
	}
	return Pass{ID: c.ID, VIN: c.VIN, Plate: c.Plate, Lanes: c.Lanes, Zones: c.Zones, Conditions: c.Conditions,
		From: c.NotBefore.UTC(), Until: c.ExpiresAt.UTC()}, nil
}
