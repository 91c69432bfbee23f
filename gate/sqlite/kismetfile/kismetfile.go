// Package kismetfile reads the frames that Kismet logged into a kismetdb file,
// for the decoder of captures.
//
// It may import rf and database/sql; it is one of the places where SQL may
// stand. Life of one frame: the file is opened read-only, the type of each
// logged frame is looked at inside the database, and only those that may be
// broadcasts (Wi-Fi management, Bluetooth advertising) are read out of it and
// handed on, in the order in which they were logged; the bytes of a data frame
// never leave the file. Frames of phys without a capture format are passed over
// and counted. The schema was observed in version 10, written by Kismet 2026.11;
// its documentation stops at version 8. A log made with
// kis_log_data_packets=false has no data frames to begin with.
package kismetfile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver

	"sallyport/rf"
)

// maxFrame is how many bytes of a frame are read, as of one in a capture.
const maxFrame = 4096

// Counts are the frames of a file that were not handed on, by reason.
type Counts struct {
	Data  uint64 // Wi-Fi frames other than management
	Other uint64 // of no link type that carries broadcasts
}

// The number of a byte is had from its two hexadecimal digits: SQLite has no
// other way. A radiotap header has less than 256 bytes with any receiver known;
// of a longer one the type cannot be seen, and the frame counts as data.
const (
	headLength = `(instr('0123456789ABCDEF', substr(hex(substr(packet, 3, 1)), 1, 1)) - 1) * 16 + instr('0123456789ABCDEF', substr(hex(substr(packet, 3, 1)), 2, 1)) - 1`
	management = `(dlt = 127 AND hex(substr(packet, 4, 1)) = '00' AND substr(hex(substr(packet, ` + headLength + ` + 1, 1)), 2, 1) = '0'
		OR dlt = 105 AND substr(hex(substr(packet, 1, 1)), 2, 1) = '0')`
	// The advertising channels' access address, behind a pseudo-header or not.
	advertising = `(dlt = 256 AND hex(substr(packet, 11, 4)) = 'D6BE898E' OR dlt = 251 AND hex(substr(packet, 1, 4)) = 'D6BE898E')`
)

// Read hands every frame of the file at path that may be a broadcast to frame:
// its link type as pcap numbers them, its time and its bytes, which are valid
// only during the call. An error is the file's or frame's.
func Read(ctx context.Context, path string, frame func(link uint32, at time.Time, b []byte) error) (_ Counts, err error) {
	var n Counts
	if _, err := os.Stat(path); err != nil {
		return n, fmt.Errorf("reading kismetdb: %w", err)
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro&immutable=1"}
	db, err := sql.Open("sqlite3", dsn.String())
	if err != nil {
		return n, fmt.Errorf("reading %s: %w", path, err)
	}
	defer func() {
		if err = errors.Join(err, db.Close()); err != nil {
			err = fmt.Errorf("reading %s: %w", path, err)
		}
	}()
	var version int
	if err := db.QueryRowContext(ctx, `SELECT db_version FROM KISMET`).Scan(&version); err != nil {
		return n, fmt.Errorf("not a kismetdb file: %w", err)
	}
	err = db.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE dlt IN (105, 127) AND NOT `+management+`), count(*) FILTER (WHERE dlt NOT IN (105, 127) AND NOT `+advertising+`) FROM packets`).Scan(&n.Data, &n.Other)
	if err != nil {
		return n, fmt.Errorf("packets of version %d: %w", version, err)
	}
	rows, err := db.QueryContext(ctx, `SELECT ts_sec, ts_usec, dlt, substr(packet, 1, ?) FROM packets WHERE `+management+` OR `+advertising+` ORDER BY rowid`, maxFrame)
	if err != nil {
		return n, fmt.Errorf("packets of version %d: %w", version, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var sec, usec int64
		var link uint32
		var b sql.RawBytes
		if err := rows.Scan(&sec, &usec, &link, &b); err != nil {
			return n, err
		}
		at := time.Unix(sec, usec*1000).UTC()
		if usec < 0 || usec > 999_999 || !rf.ValidTime(at) {
			at = time.Time{} // refused by the decoder, and counted there
		}
		if err := frame(link, at, b); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}
