package kismetfile

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/rf"
	"sallyport/rf/pcap"
)

// logged makes a kismetdb of the given packets.
func logged(t testing.TB, packets ...any) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log.kismet")
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "_journal_mode=OFF&_synchronous=OFF"}
	db, err := sql.Open("sqlite3", dsn.String())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{`CREATE TABLE KISMET (kismet_version TEXT, db_version INT, db_module TEXT)`, `INSERT INTO KISMET VALUES ('2026', 10, 'kismetlog')`,
		`CREATE TABLE packets (ts_sec INT, ts_usec INT, phyname TEXT, dlt INT, packet BLOB)`} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(packets); i += 2 {
		if _, err := db.Exec(`INSERT INTO packets VALUES (1795349148, ?, 'x', ?, ?)`, i, packets[i], packets[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestOnlyBroadcastsLeaveTheFile(t *testing.T) {
	tap := []byte{0, 0, 8, 0, 0, 0, 0, 0}
	long := append([]byte{0, 0, 0xA0, 0, 0, 0, 0, 0}, make([]byte, 0xA0-8)...)
	path := logged(t,
		127, append(bytes.Clone(tap), "\x80\x00 beacon"...),
		127, append(bytes.Clone(tap), "\x08\x00 SECRET"...),
		127, append(bytes.Clone(tap), "\x88\x00 SECRET"...),
		127, append(bytes.Clone(tap), "\xd4\x00 SECRET"...),
		127, append(bytes.Clone(long), "\x40\x00 probe"...),
		127, append([]byte{0, 0, 8, 1, 0, 0, 0, 0}, "\x80\x00 SECRET"...),
		127, []byte{0},
		127, nil,
		105, []byte("\x50\x00 response"),
		105, []byte("\x48\x00 SECRET"),
		256, []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xd6\xbe\x89\x8e advertisement"),
		256, []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04 SECRET"),
		251, []byte("\xd6\xbe\x89\x8e bare"),
		276, []byte("SECRET"),
	)
	var got []string
	n, err := Read(t.Context(), path, func(link uint32, at time.Time, b []byte) error {
		if at.Unix() != 1795349148 || bytes.Contains(b, []byte("SECRET")) {
			t.Errorf("%d, %v, %q", link, at, b)
		}
		got = append(got, string(b[bytes.LastIndexByte(b, ' ')+1:]))
		return nil
	})
	if err != nil || strings.Join(got, " ") != "beacon probe response advertisement bare" || n.Other != 2 {
		t.Fatalf("%q, %+v, %v", got, n, err)
	}
	stop := errors.New("stop")
	if _, err := Read(t.Context(), path, func(uint32, time.Time, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, path, nil); err == nil {
		t.Error("read after its end")
	}
	if _, err := Read(t.Context(), path+"x", nil); err == nil {
		t.Error("read what is not there")
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(t.Context(), text, nil); err == nil || !strings.Contains(err.Error(), "not a kismetdb file") {
		t.Errorf("%v", err)
	}
}

// TestRealLog compares what Kismet logged of a capture with the capture itself.
func TestRealLog(t *testing.T) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "..", "..", "..", "..", "shared", "data", "rf", "captures")
	path := filepath.Join(root, "kismet", "test1_and_exthdr.kismet")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED, PROVES NOTHING: %s is not here (%v)", path, err)
	}
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	fromLog := map[rf.Observation]int{}
	d := pcap.New(pcap.Config{Sensor: "s"}, p)
	n, err := Read(t.Context(), path, func(link uint32, at time.Time, b []byte) error {
		if o, ok := d.Frame(link, at, b); ok {
			fromLog[o]++
		}
		return nil
	})
	if err != nil || n.Data+n.Other+d.Tally().Total() != 154 {
		t.Fatalf("%+v, %d, %v", n, d.Tally().Total(), err)
	}
	b, err := os.ReadFile(filepath.Join(root, "aircrack-ng", "test1.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	c := pcap.New(pcap.Config{Sensor: "s"}, p)
	same, missing := 0, 0
	if err := c.Decode(bytes.NewReader(b), func(o rf.Observation) error {
		if fromLog[o] > 0 {
			fromLog[o]--
			same++
		} else {
			missing++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for o, n := range fromLog {
		if n != 0 {
			t.Errorf("%+v is in the log %d times more than in the capture", o, n)
		}
	}
	t.Logf("%d of the capture's observations are in the log and %d are not; %+v and %v not handed on", same, missing, n, d.Tally().Refused())
	// Kismet had dropped ten repeats: their times are not in the file at all.
	if missing != 10 || same != 126 {
		t.Errorf("%d the same, %d missing", same, missing)
	}
}

// FuzzPackets holds that every packet is handed on or counted, whatever it is,
// and that what is handed on may be a broadcast.
func FuzzPackets(f *testing.F) {
	f.Add(uint32(127), []byte("\x00\x00\x08\x00\x00\x00\x00\x00\x80\x00 beacon"), uint32(105), []byte("\x48\x00 data"))
	f.Add(uint32(256), []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xd6\xbe\x89\x8e"), uint32(251), []byte("\xd6\xbe\x89\x8e"))
	f.Add(uint32(127), []byte{}, uint32(276), []byte("x"))
	f.Fuzz(func(t *testing.T, firstLink uint32, first []byte, secondLink uint32, second []byte) {
		var packets []any
		for _, x := range []struct {
			link uint32
			b    []byte
		}{{firstLink, first}, {secondLink, second}} {
			packets = append(packets, x.link, x.b)
		}
		read := uint64(0)
		n, err := Read(t.Context(), logged(t, packets...), func(link uint32, _ time.Time, b []byte) error {
			read++
			switch link {
			case 127:
				head := int(b[2]) | int(b[3])<<8
				b = b[head:]
				fallthrough
			case 105:
				if b[0]&0x0C != 0 {
					t.Errorf("%x is no management frame", b)
				}
			case 251, 256:
				if !bytes.Contains(b, []byte{0xD6, 0xBE, 0x89, 0x8E}) {
					t.Errorf("%x is no advertisement", b)
				}
			default:
				t.Errorf("link %d", link)
			}
			return nil
		})
		if err != nil || read+n.Data+n.Other != 2 {
			t.Errorf("%d read, %+v, %v", read, n, err)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	tap := []byte{0, 0, 8, 0, 0, 0, 0, 0}
	beacon := append(bytes.Clone(tap), "\x80\x00\x00\x00\xff\xff\xff\xff\xff\xff\x00\x26\xb4\x01\x02\x03\x00\x26\xb4\x01\x02\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x64\x00\x11\x04\x00\x04home"...)
	data := append(append(bytes.Clone(tap), 0x88, 0), make([]byte, 1400)...)
	var packets []any
	for range 1000 {
		packets = append(packets, 127, beacon, 127, beacon, 127, beacon, 127, data)
	}
	path := logged(b, packets...)
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		b.Fatal(err)
	}
	d := pcap.New(pcap.Config{Sensor: "s"}, p)
	b.ReportAllocs()
	frames := uint64(0)
	for b.Loop() {
		n, err := Read(b.Context(), path, func(link uint32, at time.Time, frame []byte) error {
			d.Frame(link, at, frame)
			return nil
		})
		if err != nil || n.Data != 1000 {
			b.Fatalf("%+v, %v", n, err)
		}
		frames += 3000 + n.Data
	}
	if d.Tally().Taken() != frames/4*3 {
		b.Fatal(d.Tally().Refused())
	}
	b.ReportMetric(float64(frames)/b.Elapsed().Seconds(), "frames/s")
}
