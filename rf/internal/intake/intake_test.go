package intake

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestObject(t *testing.T) {
	var got []string
	err := Object([]byte(` {"a" : 1.5e3, "b":"x\"y" ,"c":{"a":[1,{}]},"d":null,"a":-0} `), func(k, v []byte) {
		got = append(got, string(k)+"="+string(v))
	})
	want := []string{`a=1.5e3`, `b="x\"y"`, `c={"a":[1,{}]}`, `d=null`, `a=-0`}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%q, %v", got, err)
	}
	// What rtl_433 22.11 prints for a flex decoder's empty rows, and others.
	for _, bad := range []string{`{"codes" : ["{1}8", {0}, {0}]}`, ``, `[]`, `{`, `{"a"}`, `{"a":}`, `{"a":01}`, `{"a":1,}`, `{"a":1}x`, `{"a":"` + "\n" + `"}`, `{"a":"\x"}`,
		`{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`} {
		if err := Object([]byte(bad), func(_, _ []byte) {}); !errors.Is(err, ErrJSON) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestNested(t *testing.T) {
	var got []string
	err := Nested([]byte(`{"in":{"a":1,"in":{"b":2},"x":{"in":{"c":3}}},"d":4,"in":[5]}`), func(k []byte) bool { return string(k) == "in" }, func(k, v []byte) {
		got = append(got, string(k)+"="+string(v))
	})
	if want := []string{`a=1`, `b=2`, `x={"in":{"c":3}}`, `d=4`, `in=[5]`}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("%q, %v", got, err)
	}
	all := func([]byte) bool { return true }
	if err := Nested([]byte(strings.Repeat(`{"a":`, 200)+"1"+strings.Repeat("}", 200)), all, func(_, _ []byte) {}); !errors.Is(err, ErrJSON) {
		t.Errorf("200 deep: %v", err)
	}
	if err := Nested([]byte(`{"a":{"b":1}`), all, func(_, _ []byte) {}); !errors.Is(err, ErrJSON) {
		t.Errorf("cut: %v", err)
	}
}

func TestScalars(t *testing.T) {
	if s, ok := String([]byte(`"a\u0041\n"`)); !ok || string(s) != "aA\n" {
		t.Errorf("%q", s)
	}
	if _, ok := String([]byte(`12`)); ok {
		t.Error("a number is no string")
	}
	for in, want := range map[string]float64{`12.5`: 12.5, `-1e2`: -100, `"40.5"`: 40.5} {
		if n, ok := Quoted([]byte(in)); !ok || n != want {
			t.Errorf("%s: %v", in, n)
		}
	}
	for _, bad := range []string{``, `"x"`, `true`, `1e999`, `"inf"`, `"0x10"`} {
		if n, ok := Quoted([]byte(bad)); ok {
			t.Errorf("%s is the number %v", bad, n)
		}
	}
}

func TestLines(t *testing.T) {
	for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader} {
		var got []string
		long := 0
		err := Lines(wrap(strings.NewReader("one\r\n\n"+strings.Repeat("x", 9000)+"\ntwo\n"+strings.Repeat("y", 5001)+"\n"+strings.Repeat("z", 5000)+"\nlast")), 5000,
			func(l []byte) error { got = append(got, string(l)); return nil }, func() { long++ })
		if err != nil || long != 2 || len(got) != 4 || got[0] != "one" || got[1] != "two" || len(got[2]) != 5000 || got[3] != "last" {
			t.Fatalf("%d lines, %d long, %v", len(got), long, err)
		}
	}
	stop := errors.New("stop")
	if err := Lines(strings.NewReader("a\nb\n"), 10, func([]byte) error { return stop }, nil); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	if err := Lines(iotest.ErrReader(stop), 10, nil, nil); !errors.Is(err, stop) {
		t.Fatal(err)
	}
}

func TestValues(t *testing.T) {
	for _, x := range []struct {
		in        string
		want      []string
		long, cut int
	}{
		{in: ``},
		{in: ` [ ]`},
		{in: "\n[{\"a\":\"],{\\\"\"}, [1,2],3 ]trailing", want: []string{`{"a":"],{\""}`, `[1,2]`, `3`}},
		{in: `[{"a":1},{"b":"` + strings.Repeat("x", 100) + `"},{"c":2}]`, want: []string{`{"a":1}`, `{"c":2}`}, long: 1},
		{in: `[{"a":1},{"b"`, want: []string{`{"a":1}`}, cut: 1},
		{in: "{\"a\":1}\n{\"b\":2}\n", want: []string{`{"a":1}`, `{"b":2}`}},
		{in: `[}}},1]`, want: []string{`}}}`, `1`}},
	} {
		var got []string
		long, cut := 0, 0
		err := Values(iotest.OneByteReader(strings.NewReader(x.in)), 64, func(v []byte) error { got = append(got, string(v)); return nil }, func() { long++ }, func() { cut++ })
		if err != nil || !slices.Equal(got, x.want) || long != x.long || cut != x.cut {
			t.Errorf("%q: %q, %d long, %d cut, %v", x.in, got, long, cut, err)
		}
	}
}

func TestObjects(t *testing.T) {
	for _, x := range []struct {
		in   string
		want []string
		long int
	}{
		{in: ``},
		{in: "{\"a\":\"}{\\\"\"}\n\n{\n  \"b\": [\n    {\n    }\n  ]\n}\nx\n", want: []string{"{\"a\":\"}{\\\"\"}", "{\n  \"b\": [\n    {\n    }\n  ]\n}", "x"}},
		{in: "{\"a\":\n{\"b\":1}\n", want: []string{"{\"a\":", "{\"b\":1}"}},
		{in: "{\n \"" + strings.Repeat("x", 40) + "\":1,\n \"" + strings.Repeat("y", 40) + "\":1\n}\n{\"b\":1}\n", want: []string{"{\"b\":1}"}, long: 1},
		{in: "{" + strings.Repeat("x", 100) + "\n{\"b\":1}\n", want: []string{"{\"b\":1}"}, long: 1},
		{in: "}}}\n{\"b\":1", want: []string{"}}}", "{\"b\":1"}},
	} {
		var got []string
		long := 0
		err := Objects(iotest.OneByteReader(strings.NewReader(x.in)), 64, func(v []byte) error { got = append(got, strings.TrimSpace(string(v))); return nil }, func() { long++ })
		if err != nil || !slices.Equal(got, x.want) || long != x.long {
			t.Errorf("%q: %q, %d long, %v", x.in, got, long, err)
		}
	}
	stop := errors.New("stop")
	if err := Objects(strings.NewReader("{\n"), 64, func([]byte) error { return stop }, nil); !errors.Is(err, stop) {
		t.Fatal(err)
	}
}

func TestWindow(t *testing.T) {
	stop := errors.New("stop")
	for name, in := range map[string]func(string) io.Reader{
		"whole":    func(s string) io.Reader { return strings.NewReader(s) },
		"bytes":    func(s string) io.Reader { return iotest.OneByteReader(strings.NewReader(s)) },
		"with end": func(s string) io.Reader { return iotest.DataErrReader(strings.NewReader(s)) },
	} {
		w := NewWindow(in("0123456789abcdefghij"), 8)
		for _, x := range []struct {
			skip, need int
			want       string
			err        error
		}{
			{0, 4, "0123", nil}, {0, 8, "01234567", nil}, {3, 8, "3456789a", nil}, {12, 4, "fghi", nil}, {0, 8, "", io.ErrUnexpectedEOF}, {5, 1, "", io.EOF},
		} {
			if err := w.Skip(x.skip); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if b, err := w.Need(x.need); string(b) != x.want || !errors.Is(err, x.err) {
				t.Errorf("%s: %d of %d: %q, %v", name, x.need, x.skip, b, err)
			}
		}
		if err := w.Skip(1); !errors.Is(err, io.EOF) || !errors.Is(Within(err), io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", name, err)
		}
		if w.Clear(); string(w.buf) != strings.Repeat("\x00", 8) {
			t.Errorf("%s: %q is left", name, w.buf)
		}
	}
	if _, err := NewWindow(iotest.ErrReader(stop), 8).Need(1); !errors.Is(err, stop) || !errors.Is(Within(err), stop) {
		t.Error(err)
	}
	if _, err := NewWindow(idle{}, 8).Need(1); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

// idle reads nothing, without an end.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// FuzzValid compares with the standard library, which nests deeper.
func FuzzValid(f *testing.F) {
	for _, s := range []string{`{"a":[1,-0.5e+7,"\u00e9\\",null,true,false,{}]}`, `{"codes" : ["{1}8", {0}]}`, `01`, `"` + "\x7f" + `"`, " 1 ", `{"a":1,"a":2}`, `-`, `1.`, `1e`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if strings.Count(string(b), "[")+strings.Count(string(b), "{") < maxDepth && Valid(b) != json.Valid(b) {
			t.Fatalf("%q: %v, the library says %v", b, Valid(b), json.Valid(b))
		}
		if err := Object(b, func(k, v []byte) {
			if !Valid(v) {
				t.Fatalf("%q was visited", v)
			}
			String(v)
			Quoted(v)
		}); err == nil && !Valid(b) {
			t.Fatalf("%q was walked", b)
		}
		if err := Nested(b, func([]byte) bool { return true }, func(_, v []byte) {
			if !Valid(v) {
				t.Fatalf("%q was visited", v)
			}
		}); (err == nil) != (Object(b, func(_, _ []byte) {}) == nil) {
			t.Fatalf("%q: %v", b, err)
		}
	})
}
