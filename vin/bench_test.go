package vin_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"sallyport/vin"
)

var sink vin.Decoded

// BenchmarkDecode is one VIN at a time: of a usual (WMI, year), of one of the
// hundredth with more than 400 patterns, of the one with the most (2,659), and of
// makers outside vPIC, for whom the tables of the world answer.
func BenchmarkDecode(b *testing.B) {
	ix := index(b)
	for _, c := range []struct{ name, vin string }{
		{"typical", "1HGCM82633A004352"},
		{"no-second-year", "19UDE2F73JA111111"},
		{"406-patterns", "1C4PJMDX7KD188313"},
		{"most-patterns", "1M1B202D2GS705609"},
		{"plant-code", "YV1MC5851CJ126651"},
		{"published-place", "UU1DBG005MU043525"},
		{"unknown-maker", "LSJWH4098PN070110"},
	} {
		b.Run(c.name, func(b *testing.B) {
			v, _ := vin.Parse(c.vin)
			b.ReportAllocs()
			for b.Loop() {
				sink = ix.Decode(v, vin.Options{Year: 2026})
			}
		})
	}
}

// oracleVINs is the VINs of the oracle: all kinds of vehicles, partial and
// broken ones too.
func oracleVINs(b *testing.B) []vin.VIN {
	type row struct {
		VIN vin.VIN `json:"vin"`
	}
	rows := lines[row](b, shared(b, "data", "vin", "oracle-dev.jsonl"))
	vins := make([]vin.VIN, len(rows))
	for i, r := range rows {
		vins[i] = r.VIN
	}
	return vins
}

// BenchmarkDecodeOracle is all VINs of the oracle, in turn: the mean over every
// kind of vehicle.
func BenchmarkDecodeOracle(b *testing.B) {
	ix, vins := index(b), oracleVINs(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		sink = ix.Decode(vins[i%len(vins)], vin.Options{Year: 2026})
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "VINs/s")
}

// BenchmarkDecodeMedian times each decode of the oracle's VINs by itself, and so
// holds the cost of reading the clock.
func BenchmarkDecodeMedian(b *testing.B) {
	ix, vins := index(b), oracleVINs(b)
	var took []time.Duration
	i := 0
	for b.Loop() {
		start := time.Now()
		sink = ix.Decode(vins[i%len(vins)], vin.Options{Year: 2026})
		took = append(took, time.Since(start))
		i++
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
}

// BenchmarkOpen is the cold start: check and prepare the whole index.
func BenchmarkOpen(b *testing.B) {
	data, err := os.ReadFile("vpic.idx")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := vin.Open(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if v, _ := vin.Parse("1HGCM82633A004352"); len(v) != vin.Length {
			b.Fatal(v)
		}
	}
}
