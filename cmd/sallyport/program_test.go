package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// builder builds the program once for all tests that need the real one.
type builder struct {
	once sync.Once
	path string
	err  error
}

var theBinary builder

func (b *builder) build() {
	dir, err := os.MkdirTemp("", "sallyport-test-")
	if err != nil {
		b.err = err
		return
	}
	b.path = filepath.Join(dir, "sallyport")
	if out, err := exec.Command("go", "build", "-o", b.path, ".").CombinedOutput(); err != nil {
		b.err = fmt.Errorf("go build: %w\n%s", err, out)
	}
}

// TestMain removes the built program after all tests.
func TestMain(m *testing.M) {
	code := m.Run()
	if theBinary.path != "" {
		os.RemoveAll(filepath.Dir(theBinary.path))
	}
	os.Exit(code)
}

func program(t testing.TB) string {
	t.Helper()
	theBinary.once.Do(theBinary.build)
	if theBinary.err != nil {
		t.Fatal(theBinary.err)
	}
	return theBinary.path
}

// running is one process of the real program.
type running struct {
	cmd  *exec.Cmd
	base string // http://127.0.0.1:port
	logs *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs the program and waits for the line that says where it listens.
func start(t testing.TB, args ...string) *running {
	t.Helper()
	cmd := exec.Command(program(t), args...)
	logs := &lockedBuffer{}
	cmd.Stderr = logs
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &running{cmd: cmd, logs: logs}
	found := make(chan string, 1)
	go func() {
		sc := bufio.NewScanner(stdout)
		for sc.Scan() {
			fmt.Fprintln(logs, sc.Text())
			if _, addr, ok := strings.Cut(sc.Text(), "listening on "); ok {
				select {
				case found <- strings.TrimSpace(addr):
				default:
				}
			}
		}
		close(found)
	}()
	t.Cleanup(func() { r.kill() })
	select {
	case addr, ok := <-found:
		if !ok {
			t.Fatalf("the program ended before it listened:\n%s", logs)
		}
		r.base = addr
	case <-time.After(60 * time.Second):
		t.Fatalf("the program did not listen within a minute:\n%s", logs)
	}
	return r
}

// kill ends the process with signal 9, as a power cut would.
func (r *running) kill() {
	if r.cmd.ProcessState == nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
	}
}

// command runs the program to its end and returns what it printed.
func command(t testing.TB, in string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t), args...)
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// call sends a JSON request with a device token and reads the JSON answer.
func (r *running) call(ctx context.Context, method, path, token string, body, answer any) (int, error) {
	var rd io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		rd = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, rd)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if answer != nil && len(b) > 0 {
		if err := json.Unmarshal(b, answer); err != nil {
			return resp.StatusCode, fmt.Errorf("%s %s: %d %s: %w", method, path, resp.StatusCode, b, err)
		}
	}
	return resp.StatusCode, nil
}

// waitFor asks again until ok, or ctx ends. It is for what another process
// does, which offers no event to wait for.
func waitFor(ctx context.Context, t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		case <-tick.C:
		}
	}
}
