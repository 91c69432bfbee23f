package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"sallyport/gate"
	"sallyport/ui"
)

// draftFolder holds the drafts of rules, a file for each person: work in
// progress, which is no record and in no backup.
const draftFolder = "drafts"

// draftFiles keeps drafts as files (ui.RuleDrafts).
type draftFiles struct {
	dir string

	mu sync.Mutex
}

func (d *draftFiles) path(userID string) string {
	sum := sha256.Sum256([]byte(userID))
	return filepath.Join(d.dir, draftFolder, hex.EncodeToString(sum[:16])+".json")
}

// Draft reads a person's draft.
func (d *draftFiles) Draft(_ context.Context, userID string) (ui.RuleDraft, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.read(userID)
}

func (d *draftFiles) read(userID string) (ui.RuleDraft, error) {
	var out ui.RuleDraft
	text, err := os.ReadFile(d.path(userID))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return out, fmt.Errorf("draft: %w", gate.ErrNotFound)
	case err != nil:
		return out, fmt.Errorf("draft: %w", err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, fmt.Errorf("draft %s: %w", d.path(userID), err)
	}
	return out, nil
}

// KeepDraft puts a draft in the place of the one that was there, whole or not at
// all.
func (d *draftFiles) KeepDraft(_ context.Context, userID string, draft ui.RuleDraft, was int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, err := d.read(userID)
	if err != nil && !errors.Is(err, gate.ErrNotFound) {
		return err
	}
	if before.Rev != was {
		return fmt.Errorf("draft: revision %d, and not %d: %w", before.Rev, was, gate.ErrStale)
	}
	text, err := json.Marshal(draft)
	if err != nil {
		return fmt.Errorf("draft: %w", err)
	}
	path := d.path(userID)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("draft: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".draft-*")
	if err != nil {
		return fmt.Errorf("draft: %w", err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("draft: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// DropDraft throws a draft away; none is no error.
func (d *draftFiles) DropDraft(_ context.Context, userID string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := os.Remove(d.path(userID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("draft: %w", err)
	}
	return nil
}
