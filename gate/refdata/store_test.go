package refdata

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tamper changes one byte of an installed file.
func tamper(t *testing.T, s *site, name string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if name != heldFile {
		h, err := s.held()
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(s.dir, h.Dir, filepath.FromSlash(name))
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A figure in the middle becomes another: what is JSON stays JSON.
	for i := len(b) / 2; i < len(b); i++ {
		if b[i] >= '1' && b[i] <= '8' {
			b[i]++
			break
		}
	}
	if name == heldFile {
		b = b[:len(b)/2]
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// dyingDisk works until its last call, which a power cut interrupts, and then
// does nothing more.
type dyingDisk struct {
	osDisk
	left int
	torn bool // the last call leaves half of its work behind
}

var errDead = errors.New("the power is gone")

func (d *dyingDisk) alive() (whole, half bool) {
	d.left--
	return d.left > 0, d.left == 0 && d.torn
}

func (d *dyingDisk) Mkdir(path string) error {
	if whole, half := d.alive(); whole || half {
		err := d.osDisk.Mkdir(path)
		if whole {
			return err
		}
	}
	return errDead
}

func (d *dyingDisk) Write(path string, data []byte) error {
	whole, half := d.alive()
	if half {
		_ = os.WriteFile(path, data[:len(data)/2], 0o644)
	}
	if whole {
		return d.osDisk.Write(path, data)
	}
	return errDead
}

func (d *dyingDisk) Rename(from, to string) error {
	whole, half := d.alive()
	if whole || half { // a rename is done or not done
		err := d.osDisk.Rename(from, to)
		if whole {
			return err
		}
	}
	return errDead
}

func (d *dyingDisk) Sync(dir string) error {
	if whole, _ := d.alive(); whole {
		return d.osDisk.Sync(dir)
	}
	return errDead
}

func (d *dyingDisk) RemoveAll(path string) error {
	whole, half := d.alive()
	if half {
		_ = os.RemoveAll(filepath.Join(path, "metadata"))
	}
	if whole {
		return d.osDisk.RemoveAll(path)
	}
	return errDead
}

// TestCrashLeavesOldOrNew cuts the power at every step of an installation: the
// next start finds the old release whole, or the new one, and the next
// installation succeeds.
func TestCrashLeavesOldOrNew(t *testing.T) {
	c := newCouncil(t)
	a := c.agreement(Advice, "pl", "de", "us")
	v1 := c.release(a, day0, small(t, "2026-11-01", row("V1", "Telit")), "pl", "de")
	v2 := c.release(a, day0.Add(days), small(t, "2026-11-02", row("V1", "Quectel")), "pl", "de")
	v3 := c.release(a, day0.Add(2*days), small(t, "2026-11-03", row("V1", "u-blox")), "pl", "de")
	root := v1.Files[rootName(1)]
	template := newSite(t, root)
	template.install(c.pack(v1), Trust{At: day0})

	for _, torn := range []bool{false, true} {
		old, now, steps := 0, 0, 0
		for {
			steps++
			s := newSite(t, root)
			c.ok(os.CopyFS(s.dir, os.DirFS(template.dir)))
			s.disk = &dyingDisk{left: steps, torn: torn}
			_, err := s.try(c.pack(v2), Trust{At: day0.Add(days)})
			s.disk = osDisk{} // the power is back
			if err == nil {
				break
			}
			if !errors.Is(err, errDead) {
				t.Fatalf("step %d: %v", steps, err)
			}
			is, err := s.Load(root)
			if err != nil {
				t.Fatalf("torn %v, step %d: the next start: %v", torn, steps, err)
			}
			d, err := is.Open()
			c.ok(err)
			switch {
			case is.Numbers.Release == 1 && d.Catalogue.Edition() == "2026-11-01.c":
				old++
			case is.Numbers.Release == 2 && d.Catalogue.Edition() == "2026-11-02.c":
				now++
			default:
				t.Fatalf("step %d: neither old nor new: %+v", steps, is.Numbers)
			}
			s.install(c.pack(v3), Trust{At: day0.Add(2 * days)})
			entries, err := os.ReadDir(s.dir)
			c.ok(err)
			if len(entries) != 3 { // HELD, lock and one release
				t.Errorf("step %d: left behind: %v", steps, entries)
			}
		}
		if old < 10 || now < 2 {
			t.Errorf("torn %v: %d steps before the pointer moved and %d after it: the cut missed a part", torn, old, now)
		}
		t.Logf("torn %v: power cut at %d steps: %d left the old release, %d the new one", torn, steps-1, old, now)
	}
}

func TestLostDirectoryIsRememberedByTheLog(t *testing.T) {
	c := newCouncil(t)
	a := c.agreement(Advice, "pl", "de", "us")
	v1 := c.release(a, day0, small(t, "2026-11-01", row("V1", "Telit")), "pl", "de")
	v2 := c.release(a, day0.Add(days), small(t, "2026-11-02", row("V1", "Quectel")), "pl", "de")
	s := newSite(t, v1.Files[rootName(1)])
	s.install(c.pack(v1), Trust{At: day0})
	known := s.install(c.pack(v2), Trust{At: day0.Add(days)}).Numbers
	c.ok(os.RemoveAll(s.dir))
	if _, err := s.try(c.pack(v1), Trust{At: day0.Add(days), Held: known}); ClassOf(err) != Rollback {
		t.Errorf("the older release: %v", err)
	}
	// The release that was held may come back.
	s.install(c.pack(v2), Trust{At: day0.Add(days), Held: known})
}

// Keys that were given back cannot lead a site that lost its roots past the
// root that it held.
func TestLostRootsAreRememberedByTheLog(t *testing.T) {
	c := newCouncil(t)
	v1 := c.release(c.agreement(Advice, "pl", "de", "us"), day0, small(t, "2026-11-01", row("V1", "Telit")), "pl", "de")
	s := newSite(t, v1.Files[rootName(1)])
	s.install(c.pack(v1), Trust{At: day0})
	stale := c.repo.clone()
	v2 := c.release(c.agreement(Advice, "pl", "fr", "us"), day0.Add(days), small(t, "2026-11-02", row("V1", "Quectel")), "pl", "de", "us", "fr")
	known := s.install(c.pack(v2), Trust{At: day0.Add(days)}).Numbers
	if known.Root != 2 {
		t.Fatalf("%+v", known)
	}
	// de has given its key back and goes another way from root 1, with us, over
	// as many roots as it takes.
	c.repo = stale
	c.release(c.agreement(Advice, "mallory", "de", "us"), day0.Add(days), nil, "de", "us", "mallory")
	for range 2 {
		c.release(c.agreement(Advice, "mallory", "de"), day0.Add(2*days), small(t, "2026-11-03", row("V1", "u-blox")), "de", "us", "mallory")
		c.release(c.agreement(Advice, "mallory", "us", "de"), day0.Add(2*days), nil, "de", "us", "mallory")
	}
	c.ok(os.RemoveAll(s.dir))
	if _, err := s.try(c.pack(c.repo), Trust{At: day0.Add(2 * days), Held: known}); ClassOf(err) != Mixed || !strings.Contains(err.Error(), "another root 2") {
		t.Errorf("past the root that was held: %v", err)
	}
	s.install(c.pack(v2), Trust{At: day0.Add(2 * days), Held: known})
}
