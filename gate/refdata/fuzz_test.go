package refdata

import (
	"archive/tar"
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// FuzzReadArchive holds that any bytes end in a refusal or in files that keep
// the limits and the names of the format, and that what was read is written
// back as the same files.
func FuzzReadArchive(f *testing.F) {
	c := newCouncil(f)
	v1 := c.release(c.agreement(Advice, "pl", "de", "us"), day0, small(f, "2026-11-01", row("V1", "Telit")), "pl", "de")
	whole := c.pack(v1)
	plain := func(b []byte) []byte {
		z, err := zstd.NewReader(nil)
		c.ok(err)
		defer z.Close()
		out, err := z.DecodeAll(b, nil)
		c.ok(err)
		return out
	}
	f.Add(whole, false)
	f.Add(plain(whole), true)
	f.Add(plain(rawBundle(f, rawEntry{h: tar.Header{Name: targetsDir + "catalogue/catalogue.json", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}})), true)
	f.Add(plain(rawBundle(f, rawEntry{h: tar.Header{Name: "metadata/targets.json", Format: tar.FormatPAX, PAXRecords: map[string]string{"SALLYPORT.x": "y"}}, data: []byte("{}")})), true)
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd}, false)
	f.Add([]byte{}, false)
	lim := Limits{Archive: 1 << 20, Metadata: 64 << 10, File: 256 << 10, Total: 1 << 20, Files: 64}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(64<<10))
	c.ok(err)
	f.Fuzz(func(t *testing.T, b []byte, pack bool) {
		if pack { // so that the fuzzer gets behind the compression
			b = z.EncodeAll(b, nil)
		}
		files, err := readArchive(bytes.NewReader(b), lim, nil)
		if err != nil {
			var r *Refusal
			if !errors.As(err, &r) {
				t.Fatalf("no refusal: %v", err)
			}
			return
		}
		total := 0
		for name, data := range files {
			if total += len(data); checkName(name) != nil || strings.Contains(name, "..") || strings.HasPrefix(name, "/") || len(data) > int(lim.File) {
				t.Fatalf("read %q, %d bytes", name, len(data))
			}
		}
		if total > int(lim.Total) || len(files) > lim.Files {
			t.Fatalf("%d files, %d bytes", len(files), total)
		}
		var again bytes.Buffer
		if err := WriteArchive(&again, files); err != nil {
			t.Fatal(err)
		}
		back, err := readArchive(&again, lim, nil)
		if err != nil || len(back) != len(files) {
			t.Fatalf("written back: %v", err)
		}
		for name := range files {
			if !bytes.Equal(files[name], back[name]) {
				t.Fatalf("%q came back changed", name)
			}
		}
	})
}

// FuzzMetadata puts any bytes in the place of each metadata file of a release
// that is signed properly: it ends in a release or a refusal, never a crash.
func FuzzMetadata(f *testing.F) {
	c := newCouncil(f)
	v1 := c.release(c.agreement(Advice, "pl", "de", "us"), day0, small(f, "2026-11-01", row("V1", "Telit")), "pl", "de")
	root := v1.Files[rootName(1)]
	names := []string{rootName(1), rootName(2), metadataDir + "timestamp.json", metadataDir + "snapshot.json", metadataDir + "targets.json", metadataDir + "catalogue.json"}
	for i, n := range names {
		f.Add(v1.Files[n], uint8(i))
	}
	f.Add([]byte(`{"signed":{"_type":"timestamp","meta":{"snapshot.json":null}},"signatures":[]}`), uint8(2))
	f.Add([]byte(`{"signed":{"_type":"root","roles":{"root":null},"keys":{"a":null}},"signatures":null}`), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, at uint8) {
		r := v1.clone()
		r.Files[names[int(at)%len(names)]] = b
		rel, err := check(r.Files, Trust{Root: root})
		if err != nil && ClassOf(err) == "" {
			t.Fatalf("no refusal: %v", err)
		}
		if err == nil && rel.Release != 1 {
			t.Fatalf("release %d came out of a file that nobody signed", rel.Release)
		}
		// The same bytes as what a new site is given to trust.
		_ = CheckRoot(b)
		_, _ = (&Repo{Files: r.Files}).Status()
	})
}
