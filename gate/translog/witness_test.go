package translog_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"sallyport/gate/translog"
)

// Keys of the tests alone.
const (
	goldenKey     = "PRIVATE+KEY+sallyport/golden+268aa571+AVIZybBY4VKX++nO7fVHAw2wjqVT3ivghh5NgJ74qtu+"
	goldenWitness = "PRIVATE+KEY+witness.example/duty-officer+c9ba2356+BGzU6a9HUTPgi/Yd627cjnaKhdAU3ui7LSsr/ciRKg8o"
)

func cosigner(t testing.TB) (*translog.Cosigner, note.Verifier) {
	t.Helper()
	c, err := translog.NewCosigner(goldenWitness)
	if err != nil {
		t.Fatal(err)
	}
	v, err := translog.NewWitness(c.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	return c, v
}

// request asks for the last head, with a proof from the older size.
func (b *book) request(t testing.TB, old int64) translog.WitnessRequest {
	t.Helper()
	size := b.heads[len(b.heads)-1].Size
	r := translog.WitnessRequest{Old: old, Head: bytes.Clone(b.store.Checkpoint[size])}
	if old > 0 {
		var err error
		if r.Proof, err = translog.ProveConsistency(b.store, size, old); err != nil {
			t.Fatal(err)
		}
	}
	back, err := translog.ParseWitnessRequest(r.Text())
	if err != nil || back.Old != r.Old || !slices.Equal(back.Proof, r.Proof) || !bytes.Equal(back.Head, r.Head) {
		t.Fatalf("%+v read as %+v, %v", r, back, err)
	}
	return r
}

// TestCosign follows a witness that cosigns a log as it grows, and is shown in
// turn what a forger would show it.
func TestCosign(t *testing.T) {
	c, w := cosigner(t)
	b := newBook(t)
	b.add(t, 3)
	at := noon.Truncate(time.Second)
	first, err := c.Cosign(b.request(t, 0), b.key, nil, at)
	if err != nil {
		t.Fatal(err)
	}
	h, err := translog.OpenCosigned(first, b.key, w)
	if err != nil || h.Size != 3 || len(h.Seen) != 1 || !h.Seen[0].Known || !h.Seen[0].At.Equal(at) || !bytes.Equal(h.Log, b.store.Checkpoint[3]) {
		t.Fatalf("%+v, %v", h, err)
	}
	if h, err := translog.OpenCosigned(first, b.key); err != nil || h.SeenBy() || h.Seen[0].Name != w.Name() {
		t.Errorf("without the witness's key: %+v, %v", h, err)
	}
	b.add(t, 4)
	second, err := c.Cosign(b.request(t, 3), b.key, first, at.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}

	shorter := newBook(t)
	shorter.log, shorter.key = b.log, b.key
	shorter.add(t, 2)
	shrunk := shorter.request(t, 0)
	other := newBook(t)
	other.log, other.key = b.log, b.key
	for _, n := range []int{1, 2, 4} {
		batch, err := other.log.Begin(other.store)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			if _, err := batch.Add(translog.Entry{At: noon, Kind: "forged"}); err != nil {
				t.Fatal(err)
			}
		}
		head, err := batch.Seal(noon)
		if err != nil {
			t.Fatal(err)
		}
		other.heads = append(other.heads, head)
	}
	stranger := newBook(t)
	stranger.add(t, 9)
	b.add(t, 1)
	other.add(t, 1)
	for name, f := range map[string]struct {
		r    translog.WitnessRequest
		last []byte
		want error
	}{
		"a shorter log":               {shrunk, second, translog.ErrShrunk},
		"another log":                 {other.request(t, 7), second, translog.ErrFork},
		"a proof from another head":   {b.request(t, 3), second, translog.ErrProof},
		"no proof":                    {translog.WitnessRequest{Head: b.request(t, 0).Head}, second, translog.ErrProof},
		"a proof that is cut off":     {translog.WitnessRequest{Old: 7, Proof: b.request(t, 7).Proof[1:], Head: b.request(t, 7).Head}, second, translog.ErrFork},
		"a proof to one who has none": {b.request(t, 3), nil, translog.ErrProof},
		"a log by another key":        {stranger.request(t, 0), nil, nil},
	} {
		got, err := c.Cosign(f.r, b.key, f.last, at)
		if err == nil || got != nil || f.want != nil && !errors.Is(err, f.want) {
			t.Errorf("%s: %v, want %v", name, err, f.want)
			continue
		}
		t.Logf("%s: %v", name, err)
	}
	// The same size with another root.
	same := newBook(t)
	same.log, same.key = b.log, b.key
	batch, err := same.log.Begin(same.store)
	if err != nil {
		t.Fatal(err)
	}
	for range 7 {
		if _, err := batch.Add(translog.Entry{At: noon, Kind: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	head, err := batch.Seal(noon)
	if err != nil {
		t.Fatal(err)
	}
	same.heads = append(same.heads, head)
	if _, err := c.Cosign(same.request(t, 7), b.key, second, at); !errors.Is(err, translog.ErrFork) {
		t.Errorf("two heads of seven entries: %v", err)
	}
}

// TestCosignatureForm computes key id and signature as the specification says
// (https://c2sp.org/tlog-cosignature), by hand.
func TestCosignatureForm(t *testing.T) {
	c, w := cosigner(t)
	b := newBook(t)
	b.add(t, 1)
	signed, err := c.Cosign(b.request(t, 0), b.key, nil, time.Unix(1679315147, 0))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(signed), "\n")
	text := strings.Join(lines[:4], "\n") + "\n"
	name, value, _ := strings.Cut(strings.TrimPrefix(lines[6], "— "), " ")
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil || name != w.Name() || len(raw) != 4+8+64 {
		t.Fatalf("%q: %d bytes, %v", lines[6], len(raw), err)
	}
	parts := strings.Split(c.VerifierKey(), "+")
	public, err := base64.StdEncoding.DecodeString(strings.Join(parts[2:], "+"))
	if err != nil {
		t.Fatal(err)
	}
	id := sha256.Sum256(append([]byte(name+"\n"), public...))
	if public[0] != 4 || !bytes.Equal(raw[:4], id[:4]) || fmt.Sprintf("%x", id[:4]) != parts[1] {
		t.Errorf("key id %x, want %x", raw[:4], id[:4])
	}
	if at := binary.BigEndian.Uint64(raw[4:]); at != 1679315147 {
		t.Errorf("instant %d", at)
	}
	if !ed25519.Verify(public[1:], []byte("cosignature/v1\ntime 1679315147\n"+text), raw[12:]) {
		t.Error("the signature is not over the cosigned message")
	}
}

// TestAnyChangeOfACosignedHeadIsFound changes each bit.
func TestAnyChangeOfACosignedHeadIsFound(t *testing.T) {
	c, w := cosigner(t)
	b := newBook(t)
	b.add(t, 1)
	signed, err := c.Cosign(b.request(t, 0), b.key, nil, noon)
	if err != nil {
		t.Fatal(err)
	}
	sig := bytes.LastIndex(signed, []byte("— ")) + len("— "+w.Name())
	for at := range signed {
		for bit := range 8 {
			bad := bytes.Clone(signed)
			bad[at] ^= 1 << bit
			h, err := translog.OpenCosigned(bad, b.key, w)
			if err == nil && (h.SeenBy() || at > sig) {
				t.Errorf("byte %d, bit %d: accepted %q", at, bit, bad)
			}
		}
	}
	for _, bad := range [][]byte{signed[:len(signed)-1], append(bytes.Clone(signed), '\n'), append(bytes.Clone(signed), "— x \n"...), bytes.Replace(signed, []byte("\n\n"), []byte("\n"), 1), nil} {
		if _, err := translog.OpenCosigned(bad, b.key, w); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func TestWitnessKeys(t *testing.T) {
	signing, verifying, err := translog.GenerateWitnessKey(rand.Reader, "w.example/1")
	if err != nil {
		t.Fatal(err)
	}
	c, err := translog.NewCosigner(signing + "\n")
	if err != nil || c.VerifierKey() != verifying {
		t.Fatalf("%v, %v", c, err)
	}
	for _, bad := range []string{"", "x", goldenKey, strings.Replace(signing, "w.", "v.", 1), signing[:len(signing)-2], verifying} {
		if _, err := translog.NewCosigner(bad); err == nil {
			t.Errorf("signing key %q accepted", bad)
		}
	}
	log, err := translog.VerifierKey(goldenKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "x", "a+b", log, strings.Replace(verifying, "w.", "v.", 1), verifying[:len(verifying)-2], signing} {
		if _, err := translog.NewWitness(bad); err == nil {
			t.Errorf("verifier key %q accepted", bad)
		}
	}
	if _, _, err := translog.GenerateWitnessKey(rand.Reader, "with blank"); err == nil {
		t.Error("a name with a blank")
	}
}

func FuzzParseWitnessRequest(f *testing.F) {
	f.Add([]byte("old 0\n\nsallyport/x\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nat 2026-11-22T12:00:00Z\n\n— x AAAA\n"))
	f.Add([]byte("old 2\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nhead"))
	f.Add([]byte("old -1\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := translog.ParseWitnessRequest(data); err == nil && !bytes.Equal(r.Text(), data) {
			t.Errorf("%q is written again as %q", data, r.Text())
		}
	})
}

// fill adds an entry with personal data for each name.
func (b *book) fill(t testing.TB, n int) (salts map[int64][]byte) {
	t.Helper()
	salts = make(map[int64][]byte)
	batch, err := b.log.Begin(b.store)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		seq := batch.Next()
		salt := sha256.Sum256(fmt.Append(nil, seq))
		commit := translog.Commit(salt, personal(seq)...)
		if _, err := batch.Add(translog.Entry{At: noon.Add(time.Duration(seq) * time.Second), Kind: "passage", Lane: "north", Row: "passage", Body: []byte(`{"n":"<&>"}`), Commit: &commit}); err != nil {
			t.Fatal(err)
		}
		salts[seq] = salt[:]
	}
	head, err := batch.Seal(noon.Add(time.Hour + time.Duration(batch.Next())*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	b.heads = append(b.heads, head)
	return salts
}

func personal(seq int64) [][]byte {
	return [][]byte{fmt.Appendf(nil, "VIN%d<ż>\u2028", seq), {0xff, byte(seq)}, {}}
}

// pack is a bundle of the entries, of which every second one is disclosed.
func (b *book) pack(t testing.TB, key string, older [][]byte, seqs ...int64) []byte {
	t.Helper()
	last := b.heads[len(b.heads)-1].Size
	p := translog.Bundle{Key: key, What: "a test", Made: noon, Head: b.store.Checkpoint[last]}
	for _, signed := range older {
		h, err := translog.OpenCosigned(signed, b.key)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := translog.ProveConsistency(b.store, last, h.Size)
		if err != nil {
			t.Fatal(err)
		}
		p.Older = append(p.Older, translog.OlderHead{Signed: signed, Proof: proof})
	}
	for _, seq := range seqs {
		e := translog.BundleEntry{Seq: seq, Data: b.store.EntriesAt[seq]}
		if seq%2 == 0 {
			salt := sha256.Sum256(fmt.Append(nil, seq))
			e.Salt = salt[:]
			for i, f := range personal(seq) {
				e.Fields = append(e.Fields, translog.Field{Name: string(rune('a' + i)), Value: f})
			}
		}
		p.Entries = append(p.Entries, e)
	}
	var out bytes.Buffer
	if err := translog.MakeBundle(&out, b.store, p); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// golden is a book whose key, entries and instants are always the same.
func golden(t testing.TB) (b *book, key string) {
	t.Helper()
	b = newBook(t)
	var err error
	if b.log, err = translog.New(goldenKey); err != nil {
		t.Fatal(err)
	}
	if key, err = translog.VerifierKey(goldenKey); err != nil {
		t.Fatal(err)
	}
	if b.key, err = translog.NewVerifier(key); err != nil {
		t.Fatal(err)
	}
	return b, key
}

// TestBundle: any choice of entries of any log is proved.
func TestBundle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b, key := golden(t)
		var older [][]byte
		for _, n := range rapid.SliceOfN(rapid.IntRange(1, 12), 1, 5).Draw(rt, "batches") {
			b.fill(t, n)
			older = append(older, b.store.Checkpoint[b.heads[len(b.heads)-1].Size])
		}
		size := b.heads[len(b.heads)-1].Size
		var seqs []int64
		disclosed := int64(0)
		for seq := range size {
			if rapid.Bool().Draw(rt, "in") {
				seqs = append(seqs, seq)
				disclosed += 1 - seq%2
			}
		}
		rep, err := translog.CheckBundle(bytes.NewReader(b.pack(t, key, older, seqs...)), key)
		if err != nil || rep.Entries != int64(len(seqs)) || rep.Disclosed != disclosed || rep.Withheld != rep.Entries-disclosed || len(rep.Older) != len(older) || rep.Head != b.heads[len(b.heads)-1] {
			rt.Fatalf("%+v, %v", rep, err)
		}
	})
}

// small is a bundle of 11 entries of which four are in it, with a cosigned head.
func small(t testing.TB) (data []byte, key string, w note.Verifier) {
	t.Helper()
	c, w := cosigner(t)
	b, key := golden(t)
	b.fill(t, 6)
	seen, err := c.Cosign(b.request(t, 0), b.key, nil, noon)
	if err != nil {
		t.Fatal(err)
	}
	b.fill(t, 5)
	return b.pack(t, key, [][]byte{seen}, 1, 2, 7, 10), key, w
}

// TestBundleGolden holds the format: a bundle written today reads for ever.
func TestBundleGolden(t *testing.T) {
	data, key, w := small(t)
	goldenFile(t, "testdata/bundle.golden", data)
	rep, err := translog.CheckBundle(bytes.NewReader(data), key, w)
	if err != nil || rep.Entries != 4 || rep.Disclosed != 2 || len(rep.Seen) != 1 || !rep.Seen[0].Known {
		t.Errorf("%+v, %v", rep, err)
	}
}

// TestAnyChangeOfABundleIsFound changes each byte, drops and doubles each line.
func TestAnyChangeOfABundleIsFound(t *testing.T) {
	data, key, w := small(t)
	want, err := translog.CheckBundle(bytes.NewReader(data), key, w)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	try := func(what string, bad []byte) {
		t.Helper()
		got, err := translog.CheckBundle(bytes.NewReader(bad), key, w)
		var named *translog.BundleError
		switch {
		case err == nil:
			// What is only said, and proves nothing, may differ: who wrote what,
			// when, and the names of columns.
			// A witness of another name is not known, and has seen nothing.
			got.What, got.Made = want.What, want.Made
			if got.Seen == nil {
				got.Seen = want.Seen
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: accepted as %+v", what, got)
			}
		case !errors.As(err, &named) || named.Line < 1:
			t.Errorf("%s: %v names no line", what, err)
		default:
			refused++
		}
	}
	for at := range data {
		for _, bit := range []byte{1, 4, 0x20} {
			bad := bytes.Clone(data)
			bad[at] ^= bit
			try(fmt.Sprintf("byte %d ^ %#x", at, bit), bad)
		}
	}
	if refused < len(data) {
		t.Errorf("%d changes refused of %d", refused, 3*len(data))
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	lines = lines[:len(lines)-1]
	for i := range lines {
		if _, err := translog.CheckBundle(bytes.NewReader(bytes.Join(slices.Delete(slices.Clone(lines), i, i+1), nil)), key, w); err == nil && i != 1 { // an older head is not counted
			t.Errorf("line %d can be left out", i+1)
		}
		if _, err := translog.CheckBundle(bytes.NewReader(bytes.Join(slices.Insert(slices.Clone(lines), i, lines[i]), nil)), key, w); err == nil && i != 1 {
			t.Errorf("line %d can be there twice", i+1)
		}
		if _, err := translog.CheckBundle(bytes.NewReader(bytes.Join(lines[:i], nil)), key, w); err == nil {
			t.Errorf("cut off before line %d", i+1)
		}
	}
	other := newBook(t)
	other.fill(t, 1)
	if _, err := translog.CheckBundle(bytes.NewReader(data), strings.Replace(key, "golden", "olden", 1)); err == nil {
		t.Error("another key was taken")
	}
}

func FuzzCheckBundle(f *testing.F) {
	data, key, w := small(f)
	f.Add(data)
	f.Add([]byte(`{"sallyport_log_bundle":1}` + "\n"))
	first, _, _ := bytes.Cut(data, []byte("\n"))
	f.Add(append(bytes.Clone(first), "\n{\"entry\":{}}\n{\"head\":\"x\"}\n"...))
	want, err := translog.CheckBundle(bytes.NewReader(data), key, w)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rep, err := translog.CheckBundle(bytes.NewReader(data), key, w)
		if err == nil && (rep.Head != want.Head || rep.Entries > 11) {
			t.Errorf("accepted %q as %+v", data, rep)
		}
	})
}
