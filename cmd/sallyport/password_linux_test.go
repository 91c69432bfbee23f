package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// promptTerminal is a terminal at which a command asks for a password.
type promptTerminal struct {
	keys, tty *os.File
	shown     chan string // all that it showed, once it was closed
}

func openPrompt(t *testing.T) *promptTerminal {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Skipf("SKIPPED: no terminal to test with: %v", err)
	}
	k := &promptTerminal{keys, tty, make(chan string, 1)}
	go func() {
		var b bytes.Buffer
		_, _ = io.Copy(&b, keys) // ends with an error of the terminal when its other side is closed
		k.shown <- b.String()
	}()
	return k
}

func (k *promptTerminal) echoes(t *testing.T) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(k.tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// asked waits until the terminal no longer shows what is typed: nothing tells of
// that but the terminal itself.
func (k *promptTerminal) asked(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); k.echoes(t); {
		if time.Now().After(end) {
			t.Fatal("the terminal shows what is typed")
		}
		time.Sleep(time.Millisecond)
	}
}

// end closes the terminal and gives all that it showed.
func (k *promptTerminal) end(t *testing.T) string {
	t.Helper()
	if err := k.tty.Close(); err != nil {
		t.Fatal(err)
	}
	shown := <-k.shown
	if err := k.keys.Close(); err != nil {
		t.Fatal(err)
	}
	return shown
}

func (k *promptTerminal) streams() *streams {
	return &streams{in: k.tty, out: k.tty, err: k.tty, now: func() time.Time { return testNow }}
}

// At a terminal the password is asked for, and not shown.
func TestPasswordAtTheTerminal(t *testing.T) {
	dir := rulesSite(t)
	file := ruleFile(t, "grants", "grant", "")
	k := openPrompt(t)
	code := make(chan int, 1)
	go func() {
		code <- run(t.Context(), []string{"policy", "propose", file, "--by", "anna", "--note", "order 7", "--data", dir}, k.streams())
	}()
	k.asked(t)
	if _, err := k.keys.WriteString(managerWord + "\n"); err != nil {
		t.Fatal(err)
	}
	exit, echoes := <-code, k.echoes(t)
	shown := k.end(t)
	if exit != 0 || !echoes || !strings.Contains(shown, "Password of anna: ") || !strings.Contains(shown, "version 2, grants 7: proposed") {
		t.Errorf("exit %d, the terminal shows what is typed again: %t\n%s", exit, echoes, shown)
	}
	if strings.Contains(shown, managerWord) {
		t.Errorf("the password was shown: %s", shown)
	}
}

// An interrupt ends the asking, and the terminal is as it was.
func TestPasswordInterrupted(t *testing.T) {
	dir := rulesSite(t)
	k := openPrompt(t)
	ctx, interrupt := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"posture", "set", "delta", "--by", "ewa", "--why", "x", "--data", dir}, k.streams())
	}()
	k.asked(t)
	interrupt()
	if exit, echoes := <-code, k.echoes(t); exit != 1 || !echoes {
		t.Errorf("exit %d, the terminal shows what is typed again: %t", exit, echoes)
	}
	if _, err := k.keys.WriteString("\n"); err != nil { // lets the reader go
		t.Fatal(err)
	}
	if shown := k.end(t); !strings.Contains(shown, "password: interrupted") {
		t.Errorf("%s", shown)
	}
}

// Where a password is piped in, nobody is asked; none is an error of its own.
func TestPasswordPipedIn(t *testing.T) {
	dir := rulesSite(t)
	code, _, errs := rules(t, dir, managerWord, "posture", "set", "delta", "--by", "ewa", "--why", "x")
	if code != 0 || errs != "" {
		t.Errorf("exit %d, said %q", code, errs)
	}
	if code, _, errs = rules(t, dir, "", "posture", "set", "delta", "--by", "ewa", "--why", "x"); code != 1 || !strings.Contains(errs, "password: none was given") {
		t.Errorf("no password: exit %d: %s", code, errs)
	}
}
