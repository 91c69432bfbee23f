package kismetfile

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/rf"
	"sallyport/rf/pcap"
)

// logged makes a kismetdb of the given packets.
func logged(t *testing.T, packets ...any) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log.kismet")
	db, err := sql.Open("sqlite3", "file:"+path)
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
