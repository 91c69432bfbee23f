package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a careless hand may do to a site's directory stops the start, and says
// what to put right.
func TestStartRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, dir string, cfg *siteConfig)
		want  string
	}{
		"a device key that others can read": {func(t *testing.T, dir string, _ *siteConfig) {
			if _, err := deviceKey(dir); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(dir, deviceKeyFile), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "0600"},
		"a log key that others can read": {func(t *testing.T, dir string, _ *siteConfig) {
			if err := os.Chmod(filepath.Join(dir, "log.key"), 0o640); err != nil {
				t.Fatal(err)
			}
		}, "0600"},
		"no log key": {func(t *testing.T, dir string, _ *siteConfig) {
			if err := os.Remove(filepath.Join(dir, "log.key")); err != nil {
				t.Fatal(err)
			}
		}, "log.key"},
		"another site's configuration": {func(_ *testing.T, _ string, cfg *siteConfig) { cfg.Site = "s2" }, `site is "s2"`},
		"a part of the site's id":      {func(_ *testing.T, _ string, cfg *siteConfig) { cfg.Site = "s" }, `site is "s"`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cfg := newTestSite(t, dir)
			tt.spoil(t, dir, &cfg)
			st, err := wireSite(t.Context(), dir, cfg, time.Now, slog.New(slog.DiscardHandler))
			if err == nil {
				_ = st.store.Close()
				t.Fatal("the site started")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not say %q", err, tt.want)
			}
		})
	}
}
