package vin_test

import (
	"os"
	"testing"

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

// BenchmarkDecodeOracle is all VINs of the oracle, in turn: the mean over every
// kind of vehicle.
func BenchmarkDecodeOracle(b *testing.B) {
	ix := index(b)
	type row struct {
		VIN vin.VIN `json:"vin"`
	}
	rows := lines[row](b, shared(b, "data", "vin", "oracle-dev.jsonl"))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		sink = ix.Decode(rows[i%len(rows)].VIN, vin.Options{Year: 2026})
		i++
	}
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
