package ui

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sallyport/gate/sheet"
)

// The formats of exports. One mapping for each, for passages and for entries of
// the log alike:
//
//   - csv: RFC 4180 in UTF-8, a line of column names, instants by RFC 3339 in UTC. A
//     value that a spreadsheet would take for a formula has an apostrophe before it.
//   - xlsx: one sheet with the same columns, every cell a text.
//   - ecs: a JSON object a line, by the Elastic Common Schema 8.17: @timestamp,
//     event.sequence (number of the log entry), event.action (kind of the entry),
//     event.outcome, user.name, observer.name (the site), and all columns by their
//     names under "sallyport".
//   - syslog: RFC 5424 messages, one a line (RFC 6587 3.4.2): facility 13 (log
//     audit), MSGID is the kind, all columns by their names in one element of
//     structured data, [sallyport@32473 …], whose number is the one that RFC 5612
//     sets aside for documentation.
var exportFormats = map[string]struct{ ending, mime string }{
	"csv":    {"csv", "text/csv; charset=utf-8"},
	"xlsx":   {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	"ecs":    {"ndjson", "application/x-ndjson"},
	"syslog": {"log", "text/plain; charset=utf-8"},
}

// mostExported is the longest export, in rows: a longer one is cut, and its last
// row says so. A workbook is built in memory, and holds fewer.
const (
	mostExported = 200_000
	mostInBook   = 100_000
)

// exportRow is one row on its way out.
type exportRow struct {
	At      time.Time
	Seq     int64
	Kind    string
	By      string
	Outcome string // grant, flag, deny; empty: none
	Says    string // for a person who reads the message
	Cells   []string
}

// exporter writes rows in one format. Nothing is complete before end.
type exporter interface {
	row(exportRow) error
	end() error
}

func newExporter(format, site string, columns []string, w io.Writer) (exporter, error) {
	switch format {
	case "csv":
		e := &csvExport{csv.NewWriter(w)}
		e.UseCRLF = true
		return e, e.Write(columns)
	case "xlsx":
		return newBookExport(columns, w)
	case "ecs":
		return &ecsExport{site: site, columns: columns, w: bufio.NewWriter(w)}, nil
	case "syslog":
		return &syslogExport{site: site, columns: columns, w: bufio.NewWriter(w)}, nil
	}
	return nil, fmt.Errorf("format: %q is none of csv, xlsx, ecs, syslog", format)
}

// harmless keeps a spreadsheet from taking a value for a formula
// (https://owasp.org/www-community/attacks/CSV_Injection).
func harmless(s string) string {
	if r, _ := utf8.DecodeRuneInString(s); strings.ContainsRune("=+-@\t\r\n＝＋－＠", r) && s != "" {
		return "'" + s
	}
	return s
}

type csvExport struct{ *csv.Writer }

func (e *csvExport) row(r exportRow) error {
	cells := make([]string, len(r.Cells))
	for i, c := range r.Cells {
		cells[i] = harmless(c)
	}
	return e.Write(cells)
}

func (e *csvExport) end() error {
	e.Flush()
	return e.Error()
}

// bookExport keeps every value a text: a text in a cell is never computed. One
// that would be, were it typed in again, has an apostrophe before it all the same.
type bookExport struct{ *sheet.Book }

func newBookExport(columns []string, w io.Writer) (exporter, error) {
	b, err := sheet.NewBook(w, "Sallyport")
	if err != nil {
		return nil, err
	}
	return bookExport{b}, b.Row(columns)
}

func (e bookExport) row(r exportRow) error {
	cells := make([]string, len(r.Cells))
	for i, c := range r.Cells {
		cells[i] = harmless(c)
	}
	return e.Row(cells)
}

func (e bookExport) end() error { return e.Close() }

type ecsExport struct {
	site    string
	columns []string
	w       *bufio.Writer
}

func (e *ecsExport) row(r exportRow) error {
	event := map[string]any{"kind": "event", "category": []string{"authentication"}, "dataset": "sallyport.log", "module": "sallyport",
		"action": r.Kind, "sequence": r.Seq, "id": strconv.FormatInt(r.Seq, 10)}
	switch r.Outcome {
	case "grant":
		event["outcome"] = "success"
	case "deny":
		event["outcome"] = "failure"
	case "flag":
		event["outcome"] = "unknown"
	default:
		event["category"] = []string{"configuration"}
	}
	own := map[string]string{}
	for i, c := range r.Cells {
		if c != "" {
			own[e.columns[i]] = c
		}
	}
	doc := map[string]any{"@timestamp": r.At.UTC().Format(time.RFC3339Nano), "ecs": map[string]string{"version": "8.17.0"}, "event": event,
		"observer": map[string]string{"name": e.site, "product": "Sallyport", "type": "gate"}, "message": r.Says, "sallyport": own}
	if r.By != "" {
		doc["user"] = map[string]string{"name": r.By}
	}
	b, err := json.Marshal(doc)
	if err == nil {
		_, err = e.w.Write(append(b, '\n'))
	}
	return err
}

func (e *ecsExport) end() error { return e.w.Flush() }

type syslogExport struct {
	site    string
	columns []string
	w       *bufio.Writer
}

// syslogName is a header field of RFC 5424: printable ASCII without blanks, of so
// many characters at most.
func syslogName(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r > ' ' && r <= '~':
			return r
		}
		return -1
	}, s)
	if len(s) > most {
		s = s[:most]
	}
	if s == "" {
		return "-"
	}
	return s
}

// syslogValue is a value of structured data, on one line.
var syslogValue = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`, "\n", " ", "\r", " ")

func (e *syslogExport) row(r exportRow) error {
	severity := 6 // informational
	if r.Outcome == "deny" || r.Kind == "alarm" || r.Kind == "log-damaged" {
		severity = 4 // warning
	}
	fmt.Fprintf(e.w, "<%d>1 %s %s sallyport - %s [sallyport@32473", 13*8+severity, r.At.UTC().Format("2006-01-02T15:04:05.000000Z"), syslogName(e.site, 255), syslogName(r.Kind, 32))
	for i, c := range r.Cells {
		if c != "" {
			fmt.Fprintf(e.w, ` %s="%s"`, e.columns[i], syslogValue.Replace(strings.ToValidUTF8(c, "\ufffd")))
		}
	}
	_, err := fmt.Fprintf(e.w, "] \ufeff%s\n", strings.NewReplacer("\n", " ", "\r", " ").Replace(r.Says))
	return err
}

func (e *syslogExport) end() error { return e.w.Flush() }
