package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// tlsConfig is [tls] of site.toml. Absent, the site speaks plain HTTP.
type tlsConfig struct {
	Certificate string   `toml:"certificate"` // PEM, the site's first, then those that lead to a root; relative to the data directory
	Key         string   `toml:"key"`         // PEM, likewise
	Generate    bool     `toml:"generate"`    // make a certificate and sign it oneself; its fingerprint is printed at each start
	Names       []string `toml:"names"`       // host names and addresses of that one; absent: those of this machine
	Redirect    string   `toml:"redirect"`    // address to listen on for plain HTTP, and to send on to HTTPS; absent: none
	Terminated  bool     `toml:"terminated"`  // another program of the site's speaks TLS before this one
}

func (c tlsConfig) check() error {
	switch {
	case (c.Certificate == "") != (c.Key == ""):
		return errors.New("tls: certificate and key belong together")
	case c.Certificate != "" && c.Generate:
		return errors.New("tls: generate makes a certificate, and one is named")
	case c.Terminated && c.on():
		return errors.New("tls: terminated says that another program speaks TLS, and this one is to as well")
	case c.Redirect != "" && !c.on():
		return errors.New("tls.redirect: there is no HTTPS to send on to")
	}
	if c.Redirect != "" {
		if _, _, err := net.SplitHostPort(c.Redirect); err != nil {
			return fmt.Errorf("tls.redirect: %w", err)
		}
	}
	return nil
}

// on says whether this program speaks TLS.
func (c tlsConfig) on() bool { return c.Generate || c.Certificate != "" }

// The files of a certificate that was made here.
const (
	ownCertFile = "tls.crt"
	ownKeyFile  = "tls.key"
)

const (
	ownCertLife   = 2 * 365 * day
	ownCertBefore = 30 * day // it is made anew so long before its end
)

// open reads the site's certificate, or makes one, and says what it is.
func (c tlsConfig) open(dir, addr string, now time.Time) (_ *tls.Config, fingerprint string, err error) {
	certFile, keyFile := c.Certificate, c.Key
	if c.Generate {
		certFile, keyFile = ownCertFile, ownKeyFile
		if err := c.generate(dir, addr, now); err != nil {
			return nil, "", fmt.Errorf("tls: %w", err)
		}
	}
	at := func(name string) string {
		if filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(dir, name)
	}
	info, err := os.Stat(at(keyFile))
	if err != nil {
		return nil, "", fmt.Errorf("tls: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, "", fmt.Errorf("tls: %s can be read by everybody (mode %04o)", at(keyFile), info.Mode().Perm())
	}
	pair, err := tls.LoadX509KeyPair(at(certFile), at(keyFile))
	if err != nil {
		return nil, "", fmt.Errorf("tls: %w", err)
	}
	if now.After(pair.Leaf.NotAfter) {
		return nil, "", fmt.Errorf("tls: the certificate in %s expired on %s", at(certFile), pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, printOf(pair.Certificate[0]), nil
}

// printOf is the SHA-256 of a certificate, as browsers show it.
func printOf(der []byte) string {
	sum := sha256.Sum256(der)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// hosts are the names and addresses that the certificate is for.
func (c tlsConfig) hosts(addr string) []string {
	if len(c.Names) > 0 {
		return c.Names
	}
	out := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil && name != "" {
		out = append(out, name)
	}
	if host, _, err := net.SplitHostPort(addr); err == nil && host != "" {
		if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
			out = append(out, host)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// generate makes the certificate where there is none, where it soon ends, or where
// it is for other names.
func (c tlsConfig) generate(dir, addr string, now time.Time) error {
	hosts := c.hosts(addr)
	if text, err := os.ReadFile(filepath.Join(dir, ownCertFile)); err == nil {
		if block, _ := pem.Decode(text); block != nil {
			if cert, err := x509.ParseCertificate(block.Bytes); err == nil && now.Before(cert.NotAfter.Add(-ownCertBefore)) &&
				!slices.ContainsFunc(hosts, func(h string) bool { return cert.VerifyHostname(h) != nil }) {
				if _, err := os.Stat(filepath.Join(dir, ownKeyFile)); err == nil {
					return nil
				}
			}
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	cert := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Sallyport " + hosts[0]}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(ownCertLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			cert.IPAddresses = append(cert.IPAddresses, ip)
		} else {
			cert.DNSNames = append(cert.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := replacePrivate(filepath.Join(dir, ownKeyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})); err != nil {
		return err
	}
	return replacePrivate(filepath.Join(dir, ownCertFile), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// redirect sends whoever comes by plain HTTP on to HTTPS, until the context ends.
func redirect(ctx context.Context, addr, secure string) error {
	_, port, err := net.SplitHostPort(secure)
	if err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("tls.redirect: %w", err)
	}
	srv := &http.Server{
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			host, _, err := net.SplitHostPort(r.Host)
			if err != nil {
				host = strings.Trim(r.Host, "[]")
			}
			target := "https://" + net.JoinHostPort(host, port)
			if port == "443" {
				target = strings.TrimSuffix(target, ":443")
			}
			w.Header().Set("X-Content-Type-Options", "nosniff")
			http.Redirect(w, r, target+r.URL.RequestURI(), http.StatusPermanentRedirect)
		}),
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
