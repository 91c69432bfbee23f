package barrier

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"sallyport/gate"
)

// Sim is a traffic arm that only exists on paper: it writes each command to a
// journal, takes its time, and reports. It may be used from several goroutines.
type Sim struct {
	journal *os.File
	delay   time.Duration
	fail    func(gate.PassageID) error
}

// SimConfig says how a Sim behaves.
type SimConfig struct {
	Journal string                     // file that commands are appended to; made if need be
	Delay   time.Duration              // from the command to the arm being up
	Fail    func(gate.PassageID) error // nil never fails; called after the journal, so that a failure has had its effect
}

// Command is one line of the journal.
type Command struct {
	Passage gate.PassageID `json:"passage"`
	At      time.Time      `json:"at"`
}

var _ gate.Arm = (*Sim)(nil)

// NewSim opens the journal.
func NewSim(cfg SimConfig) (*Sim, error) {
	f, err := os.OpenFile(cfg.Journal, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("simulated arm: %w", err)
	}
	return &Sim{journal: f, delay: cfg.Delay, fail: cfg.Fail}, nil
}

// Raise journals the command with one write, so that the line is whole or
// absent whenever the process is killed, and then moves.
func (s *Sim) Raise(ctx context.Context, id gate.PassageID) error {
	line, err := json.Marshal(Command{Passage: id, At: time.Now().UTC()})
	if err != nil {
		return fmt.Errorf("simulated arm: %w", err)
	}
	if _, err := s.journal.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("simulated arm: %w", err)
	}
	if s.delay > 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("simulated arm: %w", ctx.Err())
		case <-time.After(s.delay):
		}
	}
	if s.fail != nil {
		if err := s.fail(id); err != nil {
			return fmt.Errorf("simulated arm: %w", err)
		}
	}
	return nil
}

// Close closes the journal.
func (s *Sim) Close() error { return s.journal.Close() }

// ReadJournal reads the commands of a journal; one that is not there has none.
func ReadJournal(path string) ([]Command, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var list []Command
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		var c Command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("journal: line %d: %w", n, err)
		}
		list = append(list, c)
	}
	return list, lines.Err()
}
