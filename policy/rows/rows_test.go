package rows

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func TestEach(t *testing.T) {
	var got []string
	err := Each(strings.NewReader("a\n\n  \nb\r\nc"), "f", func(n int, line []byte) error {
		got = append(got, string(rune('0'+n))+strings.TrimSpace(string(line)))
		return nil
	})
	if err != nil || strings.Join(got, " ") != "1a 4b 5c" {
		t.Errorf("%q %v", got, err)
	}
	err = Each(strings.NewReader("a\nb\n"), "f", func(n int, _ []byte) error {
		if n == 2 {
			return errors.New("bad")
		}
		return nil
	})
	if err == nil || err.Error() != "f line 2: bad" {
		t.Errorf("%v", err)
	}
	err = Each(strings.NewReader("a\n"+strings.Repeat("x", maxRow+1)), "f", func(int, []byte) error { return nil })
	if err == nil || !strings.HasPrefix(err.Error(), "f after line 1: ") {
		t.Errorf("%v", err)
	}
}

func TestRead(t *testing.T) {
	from := fstest.MapFS{"a.csv": {Data: []byte("one,GitHub file found by full_text, id 12 (script) + id 13\n" +
		"two,public GitHub notes found by full_text '2ajyu-' (file id 7): https://example.org\nthree,\"README (fork), open_file id 9\"\nfour,open_file 5\n" +
		"five,seed: 000_ab.txt (CIM Coalition),United States (per seed paper)\nsix,SSE 603236 (ticker: own knowledge),buyer not found; own knowledge says K\n")}}
	got, err := Read(from, "a.csv")
	want := "one,public GitHub file 12 (script) + id 13\ntwo,public GitHub notes (public GitHub file 7): https://example.org\n" +
		"three,\"README (fork), public GitHub file 9\"\nfour,public GitHub file 5\n" +
		"five,The Infrastructure Threat from Chinese Cellular (IoT) Modules (CIMs), by Charles Parton (CIM Coalition)," +
		"United States (per Charles Parton's paper)\nsix,SSE 603236 (ticker: no source was read),buyer not found; without a source: K\n"
	if err != nil || string(got) != want {
		t.Errorf("%v:\n%s\nwant\n%s", err, got, want)
	}
	if _, err := Read(from, "b.csv"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestStrict(t *testing.T) {
	var v struct {
		A int `json:"a"`
	}
	if err := Strict([]byte(`{"a":1,"note":"x"}`), &v, "note"); err != nil || v.A != 1 {
		t.Errorf("%+v %v", v, err)
	}
	for _, bad := range []string{`{"a":1,"b":2}`, `{"a":"x"}`, `{`, ``} {
		if err := Strict([]byte(bad), &v, "note"); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestCompact(t *testing.T) {
	if b, err := Compact(map[string]string{"q": "a<b & c"}); err != nil || string(b) != `{"q":"a<b & c"}` {
		t.Errorf("%s %v", b, err)
	}
	if _, err := Compact(func() {}); err == nil {
		t.Error("a function is no row")
	}
}
