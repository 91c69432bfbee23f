package main

import (
	"cmp"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sallyport/gate/auth"
	"sallyport/ui"
)

// oidcConfig is [oidc] of site.toml: an OpenID Connect provider of the site's.
type oidcConfig struct {
	Issuer     string       `toml:"issuer"`      // https address, as it stands in tokens; absent: none
	Name       string       `toml:"name"`        // as people call it
	ClientID   string       `toml:"client_id"`   // what the provider calls this site
	SecretFile string       `toml:"secret_file"` // file of the client's secret, relative to the data directory; absent: a public client
	Site       string       `toml:"site"`        // address by which browsers reach this site: https://gate.example; /signin/return is what the provider sends back to
	Groups     string       `toml:"groups"`      // claim that holds the groups; absent is groups
	Person     string       `toml:"person"`      // claim that holds the name for records; absent is preferred_username
	CA         string       `toml:"ca"`          // file of the roots that the provider's certificate leads to; absent: those of this machine
	Roles      []roleConfig `toml:"role"`        // the first whose group a person is in gives the role; nobody else signs in so
}

// roleConfig is one [[oidc.role]].
type roleConfig struct {
	Group string `toml:"group"`
	Role  string `toml:"role"`
}

func (c oidcConfig) check() error {
	if c.Issuer == "" {
		if c.ClientID != "" || len(c.Roles) > 0 {
			return errors.New("oidc: issuer is missing")
		}
		return nil
	}
	for _, a := range []struct{ key, address string }{{"issuer", c.Issuer}, {"site", c.Site}} {
		u, err := url.Parse(a.address)
		if err != nil || u.Host == "" || u.Scheme != "https" && !loopback(u.Hostname()) {
			return fmt.Errorf("oidc.%s: %q is no https address", a.key, a.address)
		}
	}
	if c.ClientID == "" {
		return errors.New("oidc: client_id is missing")
	}
	if len(c.Roles) == 0 {
		return errors.New("oidc.role: no group has a role; nobody could sign in")
	}
	for i, r := range c.Roles {
		if _, err := auth.ParseRole(r.Role); err != nil || r.Group == "" {
			return fmt.Errorf("oidc.role %d: group %q, role %q", i+1, r.Group, r.Role)
		}
	}
	return nil
}

// provider is an OpenID Connect provider. What it says of itself is read when it
// is first needed: a gate starts without it.
type provider struct {
	cfg    oidcConfig
	secret string
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	known *oidc.Provider
}

// providerPatience is how long one answer of the provider may take.
const providerPatience = 10 * time.Second

// The algorithms that are taken of tokens: none with a shared secret, and not
// "none".
var providerAlgs = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

func newProvider(dir string, c oidcConfig, now func() time.Time) (*provider, error) {
	p := &provider{cfg: c, client: &http.Client{Timeout: providerPatience}, now: now}
	at := func(name string) string {
		if filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(dir, name)
	}
	if c.SecretFile != "" {
		text, err := os.ReadFile(at(c.SecretFile))
		if err != nil {
			return nil, fmt.Errorf("oidc.secret_file: %w", err)
		}
		if p.secret = strings.TrimSpace(string(text)); p.secret == "" {
			return nil, fmt.Errorf("oidc.secret_file: %s is empty", at(c.SecretFile))
		}
	}
	if c.CA != "" {
		text, err := os.ReadFile(at(c.CA))
		if err != nil {
			return nil, fmt.Errorf("oidc.ca: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("oidc.ca: %s holds no certificate", at(c.CA))
		}
		p.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	}
	return p, nil
}

// Name is what people call the provider.
func (p *provider) Name() string {
	if p.cfg.Name != "" {
		return p.cfg.Name
	}
	u, err := url.Parse(p.cfg.Issuer)
	if err != nil {
		return p.cfg.Issuer
	}
	return u.Hostname()
}

// discover is what the provider says of itself. Its keys are read anew whenever a
// token names one that is not known.
func (p *provider) discover(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		// The client outlives the request that is the first to need it.
		known, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.cfg.Issuer)
		if err != nil {
			return nil, nil, fmt.Errorf("identity provider: %w", err)
		}
		p.known = known
	}
	return p.known, &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.secret, Endpoint: p.known.Endpoint(),
		RedirectURL: strings.TrimSuffix(p.cfg.Site, "/") + "/signin/return", Scopes: []string{oidc.ScopeOpenID, "profile", "groups"}}, nil
}

// Begin is where the provider asks who somebody is.
func (p *provider) Begin(ctx context.Context, state, nonce, verifier string) (string, error) {
	_, cfg, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	return cfg.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

// strong are the methods (RFC 8176) that are more than something known.
var strong = []string{"mfa", "otp", "hwk", "sc", "fido"}

// Finish exchanges the code for a token and checks it.
func (p *provider) Finish(ctx context.Context, code, nonce, verifier string) (ui.Claimed, error) {
	known, cfg, err := p.discover(ctx)
	if err != nil {
		return ui.Claimed{}, err
	}
	refused := func(err error) (ui.Claimed, error) { return ui.Claimed{}, fmt.Errorf("%w: %w", ui.ErrRefused, err) }
	token, err := cfg.Exchange(context.WithValue(ctx, oauth2.HTTPClient, p.client), code, oauth2.VerifierOption(verifier))
	if _, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return refused(err)
	} else if err != nil {
		return ui.Claimed{}, fmt.Errorf("identity provider: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return refused(errors.New("there is no id_token"))
	}
	id, err := known.Verifier(&oidc.Config{ClientID: p.cfg.ClientID, SupportedSigningAlgs: providerAlgs, Now: p.now}).Verify(ctx, raw)
	if err != nil {
		return refused(err)
	}
	if nonce == "" || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return refused(errors.New("the nonce is another"))
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return refused(err)
	}
	if azp, there := claims["azp"]; there && azp != p.cfg.ClientID || !there && len(id.Audience) > 1 {
		return refused(errors.New("the token was given to another client"))
	}
	who := ui.Claimed{Subject: id.Issuer + " " + id.Subject}
	if id.Subject == "" {
		return refused(errors.New("the token names nobody"))
	}
	who.Name, _ = claims[cmp.Or(p.cfg.Person, "preferred_username")].(string)
	who.Strong = slices.ContainsFunc(texts(claims["amr"]), func(m string) bool { return slices.Contains(strong, m) })
	groups := texts(claims[cmp.Or(p.cfg.Groups, "groups")])
	for _, r := range p.cfg.Roles {
		if slices.Contains(groups, r.Group) {
			who.Role = auth.Role(r.Role)
			return who, nil
		}
	}
	return refused(fmt.Errorf("none of the groups %q has a role here", groups))
}

// texts is a claim that is a list of texts, or one.
func texts(claim any) []string {
	switch v := claim.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, x := range v {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}
