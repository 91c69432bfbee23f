package telematics

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// large is a catalogue of n rows such as sources give them: each a copy of a
// row of the embedded catalogue under another id, with model names, years, part
// and approval numbers of its own.
func large(t testing.TB, n int) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	f := catalogue(t).File()
	own := f.Rows
	f.Rows = make([]Row, n)
	for i := range f.Rows {
		r := own[i%len(own)]
		r.ID = fmt.Sprintf("L%06d", i)
		r.Makes = slices.Clone(r.Makes)
		for j := range r.Makes {
			if i >= len(own) && rng.IntN(3) > 0 {
				r.Makes[j] = fmt.Sprintf("Make %d", rng.IntN(400))
			}
		}
		r.Models = slices.Clone(r.Models)
		for j := range r.Models {
			if i >= len(own) {
				r.Models[j] = fmt.Sprintf("%s %d", r.Models[j], rng.IntN(400))
			}
		}
		r.TCUParts, r.Approvals = slices.Clone(r.TCUParts), slices.Clone(r.Approvals)
		for j := range r.TCUParts {
			r.TCUParts[j] = fmt.Sprintf("%07d", rng.IntN(1e7))
		}
		for j := range r.Approvals {
			r.Approvals[j] = fmt.Sprintf("XMR%010d", rng.IntN(1e9))
		}
		f.Rows[i] = r
	}
	b, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var large100k = sync.OnceValue(func() []byte { return large(&testing.T{}, 100_000) })

func BenchmarkOpen(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(embedded); err != nil {
			b.Fatal(err)
		}
	}
}

// The budget is 300 ms on two processors. held_MB is what the open catalogue
// keeps, its own copy of the file's text included.
func BenchmarkOpen100k(b *testing.B) {
	text := large100k()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var c *Catalogue
	for b.Loop() {
		var err error
		if c, err = Open(text); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/1e6, "held_MB")
	b.ReportMetric(float64(len(text))/1e6, "file_MB")
	if c.Rows() != 100_000 {
		b.Fatal(c.Rows())
	}
}

// queries are all makes, models and years of a catalogue, in the spelling of
// registries, in its markets and others, and as many vehicles it does not hold.
func queries(c *Catalogue, most int) []Query {
	var qs []Query
	for i := range c.Rows() {
		r := c.Row(i)
		for _, mk := range r.Makes {
			for _, md := range r.Models {
				from, to := r.From, r.To
				if from == 0 {
					from = 2015
				}
				if to == 0 {
					to = 2026
				}
				for y := min(from, to) - 2; y <= max(from, to)+2; y++ {
					qs = append(qs,
						Query{Make: strings.ToUpper(mk), Model: strings.ToUpper(md), Year: y, Market: [...]string{"", "US", "DE", "PL", "CN"}[(i+y)%5]},
						Query{Make: strings.ToUpper(mk), Model: strings.ToUpper(md) + " Z", Year: y, Market: "PL", VehicleType: "PASSENGER CAR"})
				}
			}
		}
	}
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(qs), func(i, j int) { qs[i], qs[j] = qs[j], qs[i] })
	return qs[:min(len(qs), most)]
}

// The budget is a median of 5 µs and at most one allocation. The first round is
// made before anything is measured: it puts the answers together.
func BenchmarkLookup(b *testing.B) {
	for name, c := range map[string]*Catalogue{"embedded": catalogue(b), "100k": nil} {
		b.Run(name, func(b *testing.B) {
			if c == nil {
				var err error
				if c, err = Open(large100k()); err != nil {
					b.Fatal(err)
				}
			}
			qs := queries(c, 200_000)
			times := make([]time.Duration, 0, len(qs))
			first := time.Now()
			for _, q := range qs {
				c.Lookup(q)
			}
			round := time.Since(first)
			for _, q := range qs {
				t := time.Now()
				c.Lookup(q)
				times = append(times, time.Since(t))
			}
			slices.Sort(times)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.Lookup(qs[i%len(qs)])
			}
			b.ReportMetric(float64(round.Nanoseconds())/float64(len(qs)), "first_ns/op")
			b.ReportMetric(float64(times[len(times)/2].Nanoseconds()), "median_ns")
			b.ReportMetric(float64(times[len(times)*99/100].Nanoseconds()), "p99_ns")
			b.ReportMetric(float64(len(qs)), "queries")
		})
	}
	for name, q := range map[string]Query{
		"one candidate":  {Make: "TESLA", Model: "Model X", Year: 2021, Market: "US"},
		"two candidates": {Make: "TESLA", Model: "Model 3", Year: 2022, Market: "US"},
		"nothing known":  {Make: "HONDA", Model: "Civic", Year: 1998, Market: "US"},
	} {
		c := catalogue(b)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Lookup(q)
			}
		})
	}
}
