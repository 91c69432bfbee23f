package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/gate/auth"
)

const (
	latencyLanes = 8
	latencyRate  = 10 // vehicles a second and lane: 90 times what a busy lane has
)

// latencySite has eight lanes without an arm, so that the next vehicle may follow
// at once.
func latencySite() string {
	var b strings.Builder
	b.WriteString("site = \"busy\"\nname = \"Busy\"\npolicy = \"paper-baseline\"\nretention_days = 30\n")
	for i := range latencyLanes {
		fmt.Fprintf(&b, "\n[[lane]]\nid = \"lane-%d\"\nname = \"Lane %d\"\nzone = \"restricted\"\nmarket = \"EU\"\nturn_out = \"left\"\n[lane.arm]\nkind = \"none\"\n", i, i)
	}
	return b.String()
}

// BenchmarkArrivalToEvent measures the time from sending a VIN by HTTP until the
// event with its verdict has come out of the stream, at a site as it is served:
// real store on disk, real rules and reference data, eight lanes that get ten
// vehicles a second each. An iteration is one vehicle at every lane. The budget is
// 50 ms for 99 of 100.
func BenchmarkArrivalToEvent(b *testing.B) {
	dir := b.TempDir()
	s := &streams{out: io.Discard, err: io.Discard, now: time.Now}
	if _, err := makeSite(b.Context(), dir, "busy", latencySite(), s); err != nil {
		b.Fatal(err)
	}
	cfg, err := loadSite(dir)
	if err != nil {
		b.Fatal(err)
	}
	st, err := wireSite(b.Context(), dir, cfg, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- st.serve(ctx, "127.0.0.1:0", func(base string) { address <- base })
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}()
	var base string
	select {
	case base = <-address:
	case err := <-ended:
		ended <- nil
		b.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * latencyLanes}}
	defer client.CloseIdleConnections()

	type seen struct {
		vin string
		at  time.Time
	}
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	next := make([]chan string, latencyLanes)
	done := make(chan error, latencyLanes)
	for i := range latencyLanes {
		next[i] = make(chan string, 1)
		lane := fmt.Sprintf("lane-%d", i)
		d, err := st.enrolment.add(ctx, st.store, enrolRequest{Name: lane, Kind: string(auth.KindKiosk), Lane: lane, Life: time.Hour})
		if err != nil {
			b.Fatal(err)
		}
		send := func(method, path string, body io.Reader) (*http.Response, error) {
			req, err := http.NewRequestWithContext(ctx, method, base+"/api/v1/lanes/"+lane+path, body)
			if err != nil {
				return nil, err
			}
			req.Header.Set("Authorization", "Bearer "+d.Token)
			return client.Do(req)
		}
		stream, err := send(http.MethodGet, "/events", nil)
		if err != nil || stream.StatusCode != http.StatusOK {
			b.Fatal(err, stream)
		}
		defer stream.Body.Close()
		events := make(chan seen, 64)
		go func() {
			defer close(events)
			lines := bufio.NewScanner(stream.Body)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
				at := time.Now()
				if !ok {
					continue
				}
				var e struct {
					Answer *struct {
						VIN string `json:"vin"`
					} `json:"answer"`
				}
				if json.Unmarshal(data, &e) == nil && e.Answer != nil {
					events <- seen{e.Answer.VIN, at}
				}
			}
		}()
		wg.Go(func() {
			for v := range next[i] {
				begun := time.Now()
				resp, err := send(http.MethodPost, "/arrivals", strings.NewReader(`{"vin":"`+v+`"}`))
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if resp.StatusCode != http.StatusCreated {
						err = fmt.Errorf("%s: %s", v, resp.Status)
					}
				}
				if err != nil {
					done <- err
					continue
				}
				for e := range events {
					if e.vin == v {
						mu.Lock()
						took = append(took, e.at.Sub(begun))
						mu.Unlock()
						break
					}
				}
				done <- nil
			}
		})
	}
	tick := time.NewTicker(time.Second / latencyRate)
	defer tick.Stop()
	n := 0
	for b.Loop() {
		<-tick.C
		for i := range latencyLanes {
			next[i] <- withCheckDigit(fmt.Sprintf("2HGEJ667?WH%06d", n))
			n++
		}
		for range latencyLanes {
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		}
	}
	for i := range next {
		close(next[i])
	}
	wg.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(len(took)), "vehicles")
}
