package translog

import (
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// asDecoded tells what readLine says that DecodeEntry would not.
func asDecoded(t interface{ Errorf(string, ...any) }, data []byte) (plain bool) {
	e, plain := readLine(data, nil)
	const body = `{"by":"anna","n":[1,{"x":"\\"}],"ok":true}`
	if known, again := readLine(data, []byte(body)); again != plain || again && string(known.body) != string(e.body) {
		t.Errorf("%q is read otherwise where its body is known", data)
	}
	if !plain {
		return false
	}
	want, err := DecodeEntry(data)
	if err != nil {
		t.Errorf("%q is read, and is no entry: %v", data, err)
		return true
	}
	commit := ""
	if want.Commit != nil {
		commit = hex.EncodeToString(want.Commit[:])
	}
	if e.seq != want.Seq || string(e.at) != want.At.UTC().Format(time.RFC3339Nano) || string(e.kind) != want.Kind || string(e.lane) != want.Lane ||
		string(e.passage) != want.Passage || string(e.row) != want.Row || string(e.body) != string(want.Body) || string(e.commit) != commit {
		t.Errorf("%q is read as %+v, and is %+v", data, e, want)
	}
	return true
}

// TestLineIsTheEntry: what is read in the plain way is the entry, and entries
// such as the store writes are read so.
func TestLineIsTheEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[ -~ä–]{0,12}`)
		e := Entry{
			Seq: rapid.Int64Range(0, 1<<40).Draw(t, "seq"), At: time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999).Draw(t, "ms")*1e6).UTC(),
			Kind: word.Draw(t, "kind"), Lane: word.Draw(t, "lane"), Passage: word.Draw(t, "passage"), Row: word.Draw(t, "row"),
		}
		if rapid.Bool().Draw(t, "body") {
			e.Body = json.RawMessage(`{"by":"anna","n":[1,{"x":"\\"}],"ok":true}`)
		}
		if rapid.Bool().Draw(t, "commit") {
			e.Commit = &Commitment{1, 2, 3}
		}
		data, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		asDecoded(t, data)
		at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
		data[at] = rapid.Byte().Draw(t, "byte")
		asDecoded(t, data)
	})
	for _, data := range []string{
		`{"seq":7,"at":"2026-05-04T08:00:00.125Z","kind":"act","lane":"north","passage":"p-1","row":"act","body":{"act":"open","by":"anna","supervisor":""},"commit":"` +
			hex.EncodeToString(make([]byte, 32)) + `"}`,
		`{"seq":0,"at":"2026-05-04T08:00:00Z","kind":"erased","body":{"before":"2026-05-04T08:00:00Z","why":"retention","seqs":[1,2]}}`,
	} {
		if !asDecoded(t, []byte(data)) {
			t.Errorf("%s is not read in the plain way", data)
		}
	}
}

func FuzzReadLine(f *testing.F) {
	f.Add([]byte(`{"seq":1,"at":"2026-05-04T08:00:00Z","kind":"act","body":{"by":"anna\n"}}`))
	f.Add([]byte(`{"seq":10,"at":"2026-05-04T08:00:00.1Z","kind":"act","lane":"n","passage":"p","row":"act","body":{"a":[1,-2,{}]},"commit":"00"}`))
	f.Fuzz(func(t *testing.T, data []byte) { asDecoded(t, data) })
}
