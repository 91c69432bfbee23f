package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

const tokenBytes = 32

// ErrToken says that a token is not one that this package makes, or not valid
// now. The chain says why; a client is told only that it was refused.
var ErrToken = errors.New("auth: token refused")

// NewToken draws a session token of 32 random bytes and returns its text (43
// characters of unpadded base64url), which only the browser keeps, and its
// SHA-256, which only the store keeps.
func NewToken() (token string, hash [32]byte) {
	raw := make([]byte, tokenBytes)
	rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw), sha256.Sum256(raw)
}

// HashToken returns the hash under which the store knows a token. Text that
// NewToken cannot have made is ErrToken.
func HashToken(token string) ([32]byte, error) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return [32]byte{}, ErrToken
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return [32]byte{}, ErrToken
	}
	return sha256.Sum256(raw), nil
}
