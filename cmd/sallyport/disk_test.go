package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"context"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
)

// TestDiskOfTheRealProgram runs the real program on a small disk of its own, fills
// the disk, and gives room again: each time the lane is in manual procedure and
// says so, answers nobody with a verdict, and is back by itself. A backup for which there is no room leaves nothing behind. In the end
// the log fits, and holds all that was acknowledged.
func TestDiskOfTheRealProgram(t *testing.T) {
	program(t)
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("SKIPPED: a file system of one's own needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(disk, "site")
	if out, err := command(t, "", "init", "--data", dir, "--site", "kill", "--name", "Full"); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(killSite), 0o600); err != nil {
		t.Fatal(err)
	}
	k := &killer{t: t, dir: dir, token: addDevice(t, dir, "kiosk", "north"), acts: map[gate.PassageID]bool{}}
	p := start(t, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	n := 0
	arrive := func() int {
		t.Helper()
		n++
		var got struct {
			Passage gate.PassageID `json:"passage"`
		}
		code, err := p.call(ctx, http.MethodPost, "/api/v1/lanes/north/arrivals", k.token,
			map[string]any{"vin": withCheckDigit(fmt.Sprintf("2HGEJ667?WH%06d", n)), "class": "private"}, &got)
		if err != nil {
			t.Fatal(err)
		}
		if code == http.StatusCreated {
			k.passages = append(k.passages, got.Passage)
		}
		return code
	}
	lane := func() (state string, code int) {
		t.Helper()
		var v struct {
			State string `json:"state"`
		}
		if _, err := p.call(ctx, http.MethodGet, "/api/v1/lanes/north", k.token, nil, &v); err != nil {
			t.Fatal(err)
		}
		code, err := p.call(ctx, http.MethodGet, "/healthz", "", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return v.State, code
	}
	filler := filepath.Join(disk, "filler")
	for round := range 2 {
		hurt := func() error {
			f, err := os.Create(filler)
			if err != nil {
				return err
			}
			block := make([]byte, 4096)
			for err == nil {
				_, err = f.Write(block)
			}
			if !errors.Is(err, syscall.ENOSPC) {
				return err
			}
			return f.Close()
		}
		if code := arrive(); code != http.StatusCreated {
			t.Fatalf("round %d, with room: status %d\n%s", round, code, p.logs)
		}
		if err := hurt(); err != nil {
			t.Fatal(err)
		}
		// What is left in the write-ahead log may hold some more.
		for tries := 0; arrive() == http.StatusCreated; tries++ {
			if tries > 2000 {
				t.Fatal("the disk is full, and records are still made")
			}
		}
		if state, health := lane(); state != string(gate.Manual) || health != http.StatusServiceUnavailable {
			t.Errorf("the disk is full: the lane is %s, health %d", state, health)
		}
		if code := arrive(); code == http.StatusCreated {
			t.Error("the disk is full: a verdict was given")
		}
		to := filepath.Join(disk, "copy.sallyport")
		if out, err := command(t, "", "backup", "--data", dir, "--to", to); err == nil {
			t.Errorf("the disk is full, and a backup was made:\n%s", out)
		} else {
			t.Logf("backup: %s", strings.TrimSpace(out))
		}
		left, err := os.ReadDir(disk)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range left {
			if f.Name() != "site" && f.Name() != "filler" {
				t.Errorf("a backup that could not be made left %s", f.Name())
			}
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		waitFor(ctx, t, func() bool {
			state, health := lane()
			return state == string(gate.Idle) && health == http.StatusOK
		})
	}
	if code := arrive(); code != http.StatusCreated {
		t.Errorf("with a whole disk: status %d\n%s", code, p.logs)
	}
	if out, err := command(t, "", "backup", "--data", dir, "--to", filepath.Join(disk, "copy.sallyport")); err != nil {
		t.Errorf("with a whole disk: %v\n%s", err, out)
	}
	p.kill()
	if out, err := command(t, "", "log", "verify", "--data", dir); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for _, id := range k.passages {
		if _, err := store.Passage(t.Context(), id); err != nil {
			t.Errorf("acknowledged passage %s: %v", id, err)
		}
	}
	t.Logf("%d of %d arrivals acknowledged", len(k.passages), n)
	if _, err := os.Stat(filler); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
