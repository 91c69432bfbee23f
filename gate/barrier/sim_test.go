package barrier_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/barrier"
)

func sim(t *testing.T, cfg barrier.SimConfig) *barrier.Sim {
	t.Helper()
	s, err := barrier.NewSim(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSimJournalsBeforeItMoves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "arm.journal")
	if list, err := barrier.ReadJournal(path); err != nil || len(list) != 0 {
		t.Fatalf("no journal yet: %v, %v", list, err)
	}
	broken := errors.New("gear")
	synctest.Test(t, func(t *testing.T) {
		s := sim(t, barrier.SimConfig{Journal: path, Delay: 3 * time.Second, Fail: func(id gate.PassageID) error {
			if id == "p2" {
				return broken
			}
			return nil
		}})
		start := time.Now()
		if err := s.Raise(t.Context(), "p1"); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v, want 3 s", took)
		}
		if err := s.Raise(t.Context(), "p2"); !errors.Is(err, broken) {
			t.Errorf("error %v, want the fault", err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Raise(short, "p3"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want a deadline", err)
		}
	})
	again := sim(t, barrier.SimConfig{Journal: path})
	if err := again.Raise(t.Context(), "p4"); err != nil {
		t.Error(err)
	}
	list, err := barrier.ReadJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range list {
		ids = append(ids, string(c.Passage))
	}
	if got := strings.Join(ids, " "); got != "p1 p2 p3 p4" {
		t.Errorf("journal %q, want every command in order", got)
	}
}

func TestReadJournalNamesTheLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	if err := os.WriteFile(path, []byte("{\"passage\":\"p1\"}\nrubbish\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := barrier.ReadJournal(path); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("error %v, want one that names line 2", err)
	}
}
