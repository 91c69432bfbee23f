package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"sallyport/gate/auth"
	"sallyport/ui"
)

// testProvider is an OpenID Connect provider: it says of itself what it is,
// gives a code for the challenge that it was asked with, and exchanges it once.
type testProvider struct {
	*httptest.Server
	key    *ecdsa.PrivateKey
	claims jwt.MapClaims                       // of the next token
	sign   func(jwt.MapClaims) (string, error) // nil: ES256 with its key

	challenge, code string
}

func newTestProvider(t *testing.T) *testProvider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &testProvider{key: key}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if r.FormValue("code") != p.code || p.code == "" || base64.RawURLEncoding.EncodeToString(sum[:]) != p.challenge {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]string{"error": "invalid_grant"})
			return
		}
		p.code = ""
		sign := p.sign
		if sign == nil {
			sign = func(c jwt.MapClaims) (string, error) { return p.token(jwt.SigningMethodES256, key, c) }
		}
		id, err := sign(p.claims)
		if err != nil {
			t.Error(err)
		}
		answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": id})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *testProvider) token(m jwt.SigningMethod, key any, c jwt.MapClaims) (string, error) {
	tok := jwt.NewWithClaims(m, c)
	tok.Header["kid"] = "k"
	return tok.SignedString(key)
}

func TestIdentityProvider(t *testing.T) {
	t.Parallel()
	p := newTestProvider(t)
	now := time.Now()
	cfg := oidcConfig{Issuer: p.URL, ClientID: "gate", Site: "https://gate.example/", Roles: []roleConfig{{"chiefs", "security-manager"}, {"watch", "guard"}}}
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	site, err := newProvider(t.TempDir(), cfg, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	base := jwt.MapClaims{"iss": p.URL, "aud": "gate", "sub": "7", "exp": now.Add(time.Minute).Unix(), "iat": now.Unix(), "nonce": "n1",
		"preferred_username": "Jan Żak", "groups": []string{"all", "watch", "chiefs"}, "amr": []string{"pwd", "otp"}}
	ask := func(change func(jwt.MapClaims), sign func(jwt.MapClaims) (string, error)) (ui.Claimed, error) {
		t.Helper()
		const verifier = "a-verifier-of-at-least-forty-three-characters-in-all"
		address, err := site.Begin(ctx, "s1", "n1", verifier)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if q.Get("state") != "s1" || q.Get("nonce") != "n1" || q.Get("code_challenge_method") != "S256" || q.Get("redirect_uri") != "https://gate.example/signin/return" {
			t.Fatalf("asked with %v", q)
		}
		p.challenge, p.code, p.sign = q.Get("code_challenge"), "c1", sign
		p.claims = maps.Clone(base)
		if change != nil {
			change(p.claims)
		}
		return site.Finish(ctx, "c1", "n1", verifier)
	}
	who, err := ask(nil, nil)
	if want := (ui.Claimed{Subject: p.URL + " 7", Name: "Jan Żak", Role: auth.SecurityManager, Strong: true}); err != nil || who != want {
		t.Fatalf("%+v, %v", who, err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := func(k string, v any) func(jwt.MapClaims) { return func(c jwt.MapClaims) { c[k] = v } }
	without := func(k string) func(jwt.MapClaims) { return func(c jwt.MapClaims) { delete(c, k) } }
	for name, tt := range map[string]struct {
		change func(jwt.MapClaims)
		sign   func(jwt.MapClaims) (string, error)
	}{
		"another nonce":         {set("nonce", "n2"), nil},
		"no nonce":              {without("nonce"), nil},
		"another audience":      {set("aud", "other"), nil},
		"two audiences, no azp": {set("aud", []string{"gate", "other"}), nil},
		"given to another":      {func(c jwt.MapClaims) { c["aud"], c["azp"] = []string{"gate", "other"}, "other" }, nil},
		"another issuer":        {set("iss", "https://evil.example"), nil},
		"expired":               {set("exp", now.Add(-time.Second).Unix()), nil},
		"no expiry":             {without("exp"), nil},
		"nobody":                {without("sub"), nil},
		"no role":               {set("groups", []string{"all"}), nil},
		"no groups":             {without("groups"), nil},
		"another key":           {nil, func(c jwt.MapClaims) (string, error) { return p.token(jwt.SigningMethodES256, other, c) }},
		"alg none": {nil, func(c jwt.MapClaims) (string, error) {
			return p.token(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, c)
		}},
		"HS256 with the public key": {nil, func(c jwt.MapClaims) (string, error) {
			pub, err := p.key.PublicKey.Bytes()
			if err != nil {
				return "", err
			}
			return p.token(jwt.SigningMethodHS256, pub, c)
		}},
		"not a token": {nil, func(jwt.MapClaims) (string, error) { return "a.b.c", nil }},
	} {
		if who, err := ask(tt.change, tt.sign); !errors.Is(err, ui.ErrRefused) {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
	// The verifier is the one of the challenge, and the code works once.
	if _, err := site.Begin(ctx, "s", "n1", "one"); err != nil {
		t.Fatal(err)
	}
	p.code = "c1"
	if _, err := site.Finish(ctx, "c1", "n1", "another verifier"); !errors.Is(err, ui.ErrRefused) {
		t.Errorf("another verifier: %v", err)
	}
	// A provider that is away is no refusal, and no sign-in.
	p.Close()
	if _, err := site.Finish(ctx, "c1", "n1", "v"); err == nil || errors.Is(err, ui.ErrRefused) {
		t.Errorf("away: %v", err)
	}
	away, err := newProvider(t.TempDir(), cfg, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := away.Begin(context.WithoutCancel(ctx), "s", "n", "v"); err == nil {
		t.Error("a provider that is away was asked")
	}
}

func TestIdentityProviderConfig(t *testing.T) {
	t.Parallel()
	good := oidcConfig{Issuer: "https://id.example", ClientID: "gate", Site: "https://gate.example", Roles: []roleConfig{{"g", "guard"}}}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*oidcConfig){
		"plain issuer": func(c *oidcConfig) { c.Issuer = "http://id.example" },
		"plain site":   func(c *oidcConfig) { c.Site = "http://gate.example" },
		"no client":    func(c *oidcConfig) { c.ClientID = "" },
		"no role":      func(c *oidcConfig) { c.Roles = nil },
		"no such role": func(c *oidcConfig) { c.Roles = []roleConfig{{"g", "root"}} },
		"no issuer":    func(c *oidcConfig) { c.Issuer = "" },
	} {
		c := good
		change(&c)
		if c.check() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
