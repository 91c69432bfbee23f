package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The gallery stands at one address, and ends when it is interrupted.
func TestUIGallery(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"ui", "gallery", "--addr", "127.0.0.1:0"}, &streams{in: strings.NewReader(""), out: w, err: io.Discard, now: time.Now})
		w.Close()
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSpace(line)+"jobs?lang=de", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), `lang="de"`) {
		t.Errorf("%d %v", res.StatusCode, err)
	}
	stop()
	if code := <-done; code != 0 {
		t.Errorf("ended with %d", code)
	}
}
