package translog_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"sallyport/gate/storetest"
	"sallyport/gate/translog"
)

var noon = storetest.Noon

// book is a log in memory with its key.
type book struct {
	log   *translog.Log
	store *storetest.Log
	key   note.Verifier
	heads []translog.Checkpoint
}

func newBook(t testing.TB) *book {
	t.Helper()
	signing, verifying, err := translog.GenerateKey(rand.Reader, "sallyport/test")
	if err != nil {
		t.Fatal(err)
	}
	b := &book{store: storetest.NewLog()}
	if b.log, err = translog.New(signing); err != nil {
		t.Fatal(err)
	}
	derived, err := translog.VerifierKey(signing)
	if err != nil || derived != verifying {
		t.Fatalf("derived key %q, want %q (%v)", derived, verifying, err)
	}
	if b.key, err = translog.NewVerifier(verifying); err != nil {
		t.Fatal(err)
	}
	return b
}

// add appends n entries in one batch.
func (b *book) add(t testing.TB, n int) {
	t.Helper()
	batch, err := b.log.Begin(b.store)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		want := batch.Next()
		seq, err := batch.Add(translog.Entry{At: noon.Add(time.Duration(batch.Next()) * 20 * time.Second), Kind: "test", Lane: "north", Body: json.RawMessage(`{"n":"<&>"}`)})
		if err != nil {
			t.Fatal(err)
		}
		if seq != want {
			t.Fatalf("sequence %d, want %d", seq, want)
		}
	}
	head, err := batch.Seal(noon.Add(time.Duration(batch.Next()) * 20 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if n > 0 {
		b.heads = append(b.heads, head)
	}
}

func (b *book) verify(t testing.TB, outside ...[]byte) translog.Report {
	t.Helper()
	r, err := translog.Verify(b.store, b.key, outside...)
	if err != nil {
		t.Fatal(err)
	}
	for perBlock := int64(1); perBlock <= 64; perBlock *= 4 {
		fast, clean, err := translog.VerifyBlocks(context.Background(), pieces(t, b.store), 2, perBlock, b.key, outside...)
		if err != nil || clean != r.Clean() || clean && !reflect.DeepEqual(fast, r) {
			t.Fatalf("in blocks of %d: %+v, clean %t, %v; one by one: %+v", perBlock, fast, clean, err, r)
		}
	}
	return r
}

// inPieces is a log in memory as a translog.Blocks.
type inPieces struct {
	entries     []translog.StoredEntry
	hashes      []translog.StoredHash
	checkpoints []translog.StoredCheckpoint
	rows        []translog.Row
}

func pieces(t testing.TB, r translog.Reader) *inPieces {
	t.Helper()
	return &inPieces{all(t, r.Entries()), all(t, r.Hashes()), all(t, r.Checkpoints()), all(t, r.Rows())}
}

func all[T any](t testing.TB, seq iter.Seq2[T, error]) (list []T) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

func (p *inPieces) Size() int64 { return int64(len(p.entries)) }

func (p *inPieces) Strays(context.Context) (bool, error) {
	n := p.Size()
	for _, h := range p.hashes {
		if h.Index < 0 || h.Index >= tlog.StoredHashIndex(0, n) {
			return true, nil
		}
	}
	for _, c := range p.checkpoints {
		if c.Size < 0 || c.Size > n {
			return true, nil
		}
	}
	for _, r := range p.rows {
		if r.Claims.Seq < 0 || r.Claims.Seq >= n {
			return true, nil
		}
	}
	return false, nil
}

func (p *inPieces) Block(_ context.Context, _ int, from, to int64) (b translog.Block, err error) {
	for _, e := range p.entries[from:to] {
		b.Entries = append(b.Entries, e.Data)
	}
	for _, h := range p.hashes {
		if h.Index >= tlog.StoredHashIndex(0, from) && h.Index < tlog.StoredHashIndex(0, to) {
			b.Hashes = append(b.Hashes, h.Hash...)
		}
	}
	for _, c := range p.checkpoints {
		if c.Size > from && c.Size <= to || from == 0 && c.Size == 0 {
			b.Checkpoints = append(b.Checkpoints, c)
		}
	}
	b.Rows = make([]translog.BlockRow, to-from)
	for _, r := range p.rows {
		if c := r.Claims; c.Seq >= from && c.Seq < to {
			twice := b.Rows[c.Seq-from].Row != ""
			b.Rows[c.Seq-from] = translog.BlockRow{
				Row: c.Row, Kind: c.Kind, At: c.At.UTC().AppendFormat(nil, time.RFC3339Nano), Lane: []byte(c.Lane), Passage: []byte(c.Passage), Body: c.Body,
				Damaged: twice || r.Damage != "", Erased: r.Erased, Salt: r.Salt, Fields: r.Fields,
			}
		}
	}
	return b, nil
}

// TestRootsAreRFC6962 compares heads with a tree computed as RFC 6962 §2.1
// defines it, by recursion.
func TestRootsAreRFC6962(t *testing.T) {
	var mth func(d [][]byte) tlog.Hash
	mth = func(d [][]byte) tlog.Hash {
		if len(d) == 1 {
			return tlog.RecordHash(d[0])
		}
		k := 1
		for k*2 < len(d) {
			k *= 2
		}
		return tlog.NodeHash(mth(d[:k]), mth(d[k:]))
	}
	b := newBook(t)
	for _, n := range []int{1, 1, 1, 4, 9, 1, 16, 2, 31} {
		b.add(t, n)
		head := b.heads[len(b.heads)-1]
		if want := mth(b.store.EntriesAt); head.Root != want || head.Size != int64(len(b.store.EntriesAt)) {
			t.Fatalf("head %+v, want root %s", head, want)
		}
		if r := b.verify(t); !r.Clean() || r.Head != head {
			t.Fatalf("report %+v", r)
		}
	}
}

// TestLawsOfTheLog: however the entries fall into batches, the log verifies,
// every entry can be proved under every head since, and every head continues
// those before.
func TestLawsOfTheLog(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBook(t)
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 12), 1, 8).Draw(rt, "batches") {
			b.add(t, n)
		}
		if r := b.verify(t); !r.Clean() || r.Entries != int64(len(b.store.EntriesAt)) {
			rt.Fatalf("report %+v", r)
		}
		for i, head := range b.heads {
			seq := rapid.Int64Range(0, head.Size-1).Draw(rt, "seq")
			proof, err := translog.ProveInclusion(b.store, head.Size, seq)
			if err != nil {
				rt.Fatal(err)
			}
			if err := translog.CheckInclusion(proof, head, seq, b.store.EntriesAt[seq]); err != nil {
				rt.Fatal(err)
			}
			if translog.CheckInclusion(proof, head, seq, append(bytes.Clone(b.store.EntriesAt[seq]), ' ')) == nil {
				rt.Fatal("a changed entry was proved")
			}
			for _, older := range b.heads[:i] {
				proof, err := translog.ProveConsistency(b.store, head.Size, older.Size)
				if err != nil {
					rt.Fatal(err)
				}
				if err := translog.CheckConsistency(proof, head, older); err != nil {
					rt.Fatal(err)
				}
				forged := older
				forged.Root[3] ^= 1
				if translog.CheckConsistency(proof, head, forged) == nil {
					rt.Fatal("a forged head was continued")
				}
			}
		}
	})
}

// TestAnyChangeIsFound: whatever byte of whatever is stored changes, the log
// does not verify, and the entry named is no later than the change.
func TestAnyChangeIsFound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBook(t)
		for _, n := range rapid.SliceOfN(rapid.IntRange(1, 9), 1, 5).Draw(rt, "batches") {
			b.add(t, n)
		}
		bit := byte(1) << rapid.IntRange(0, 7).Draw(rt, "bit")
		switch rapid.SampledFrom([]string{"entry", "hash", "checkpoint"}).Draw(rt, "what") {
		case "entry":
			e := rapid.IntRange(0, len(b.store.EntriesAt)-1).Draw(rt, "seq")
			at := rapid.IntRange(0, len(b.store.EntriesAt[e])-1).Draw(rt, "at")
			b.store.EntriesAt[e][at] ^= bit
			if r := b.verify(t); r.Clean() || r.First().Seq != int64(e) {
				rt.Fatalf("entry %d: %+v", e, r.Misfits)
			}
		case "hash":
			h := rapid.IntRange(0, len(b.store.HashesAt)-1).Draw(rt, "index")
			b.store.HashesAt[h][rapid.IntRange(0, 31).Draw(rt, "at")] ^= bit
			if b.verify(t).Clean() {
				rt.Fatal("not found")
			}
		case "checkpoint":
			for size, signed := range b.store.Checkpoint {
				bad := bytes.Clone(signed)
				bad[rapid.IntRange(0, len(bad)-1).Draw(rt, "at")] ^= bit
				b.store.Checkpoint[size] = bad
				break
			}
			if b.verify(t).Clean() {
				rt.Fatal("not found")
			}
		}
	})
}

// TestRewrittenWithoutTheKey: one who can compute all hashes anew, but cannot
// sign, is found by the first head after the change.
func TestRewrittenWithoutTheKey(t *testing.T) {
	b := newBook(t)
	for range 4 {
		b.add(t, 4)
	}
	other := newBook(t)
	other.log = b.log
	batch, err := other.log.Begin(other.store)
	if err != nil {
		t.Fatal(err)
	}
	for i, data := range b.store.EntriesAt {
		e, err := translog.DecodeEntry(data)
		if err != nil {
			t.Fatal(err)
		}
		if i == 6 {
			e.Lane = "south"
		}
		if _, err := batch.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := batch.Seal(noon); err != nil {
		t.Fatal(err)
	}
	b.store.EntriesAt, b.store.HashesAt = other.store.EntriesAt, other.store.HashesAt
	r := b.verify(t)
	if r.Clean() || r.First().Seq < 3 || r.First().Seq > 6 || !strings.Contains(r.First().What, "checkpoint") {
		t.Fatalf("misfits %+v", r.Misfits)
	}
	t.Log(r.First().What)
}

func TestOutsideHeads(t *testing.T) {
	b := newBook(t)
	b.add(t, 5)
	signed := bytes.Clone(b.store.Checkpoint[5])
	b.add(t, 5)
	if r := b.verify(t, signed); !r.Clean() {
		t.Errorf("misfits %+v", r.Misfits)
	}
	shorter := newBook(t)
	shorter.log, shorter.key = b.log, b.key
	shorter.add(t, 3)
	if r := shorter.verify(t, signed); r.Clean() || r.First().Seq != 3 {
		t.Errorf("a log that was cut off verifies: %+v", r.Misfits)
	}
	foreign := newBook(t)
	foreign.add(t, 7)
	if r := foreign.verify(t, signed); r.Clean() {
		t.Error("a head by another key was taken")
	}
}

func TestBatchTruncate(t *testing.T) {
	b := newBook(t)
	batch, err := b.log.Begin(b.store)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"kept", "dropped", "dropped"} {
		if _, err := batch.Add(translog.Entry{Kind: kind, At: noon}); err != nil {
			t.Fatal(err)
		}
	}
	batch.Truncate(1)
	if seq, err := batch.Add(translog.Entry{Kind: "kept", At: noon}); err != nil || seq != 1 {
		t.Fatalf("sequence %d, %v", seq, err)
	}
	if len(b.store.EntriesAt) != 0 {
		t.Error("something was written before Seal")
	}
	if head, err := batch.Seal(noon); err != nil || head.Size != 2 {
		t.Fatalf("head %+v, %v", head, err)
	}
	for _, e := range b.store.EntriesAt {
		if bytes.Contains(e, []byte("dropped")) {
			t.Errorf("entry %s", e)
		}
	}
	if r := b.verify(t); !r.Clean() {
		t.Errorf("misfits %+v", r.Misfits)
	}
}

func TestEntryHasOneForm(t *testing.T) {
	c := translog.Commit([32]byte{1}, []byte("x"))
	e := translog.Entry{Seq: 7, At: noon.In(time.FixedZone("CET", 3600)), Kind: "passage", Lane: "north", Passage: "p", Row: "passage", Body: json.RawMessage(`{"a":"<ż>"}`), Commit: &c}
	data, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"seq":7,"at":"2026-11-22T12:00:00.123456789Z","kind":"passage","lane":"north","passage":"p","row":"passage","body":{"a":"<ż>"},"commit":"` + fmt.Sprintf("%x", c[:]) + `"}`
	if string(data) != want {
		t.Errorf("%s\nwant\n%s", data, want)
	}
	back, err := translog.DecodeEntry(data)
	if err != nil || !back.At.Equal(e.At) || *back.Commit != c {
		t.Errorf("%+v, %v", back, err)
	}
	for _, other := range []string{
		" " + want, want + "\n", want + want,
		strings.Replace(want, `"seq":7`, `"seq":7.0`, 1),
		strings.Replace(want, `"seq":7,`, `"seq":7,"x":1,`, 1),
		strings.Replace(want, `.123456789Z`, `.1234567890Z`, 1),
		strings.Replace(want, `12:00:00.123456789Z`, `13:00:00.123456789+01:00`, 1),
		strings.Replace(want, `{"a":`, `{"a": `, 1),
		strings.Replace(want, `"lane":"north"`, `"lane":"south","lane":"north"`, 1),
		strings.ToUpper(want[:len(want)-66]) + want[len(want)-66:],
	} {
		if _, err := translog.DecodeEntry([]byte(other)); err == nil {
			t.Errorf("accepted %s", other)
		}
	}
}

func TestCommitment(t *testing.T) {
	salt := [32]byte{1}
	c := translog.Commit(salt, []byte("ab"), []byte("c"))
	for name, other := range map[string]translog.Commitment{
		"fields moved":   translog.Commit(salt, []byte("a"), []byte("bc")),
		"fields joined":  translog.Commit(salt, []byte("abc")),
		"a field more":   translog.Commit(salt, []byte("ab"), []byte("c"), nil),
		"another salt":   translog.Commit([32]byte{2}, []byte("ab"), []byte("c")),
		"fields swapped": translog.Commit(salt, []byte("c"), []byte("ab")),
	} {
		if other == c {
			t.Errorf("%s: the same commitment", name)
		}
	}
	text, err := c.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var back translog.Commitment
	if err := back.UnmarshalText(text); err != nil || back != c {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "00", strings.Repeat("z", 64)} {
		if back.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func FuzzDecodeEntry(f *testing.F) {
	e := translog.Entry{Seq: 1, At: noon, Kind: "act", Body: json.RawMessage(`{"by":"anna"}`)}
	data, err := e.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"seq":0,"at":"0001-01-01T00:00:00Z","kind":""}`))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := translog.DecodeEntry(data)
		if err != nil {
			return
		}
		again, err := e.Encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q is written again as %q, %v", data, again, err)
		}
	})
}

func FuzzOpenCheckpoint(f *testing.F) {
	signing, verifying, err := translog.GenerateKey(rand.Reader, "sallyport/test")
	if err != nil {
		f.Fatal(err)
	}
	log, err := translog.New(signing)
	if err != nil {
		f.Fatal(err)
	}
	key, err := translog.NewVerifier(verifying)
	if err != nil {
		f.Fatal(err)
	}
	store := storetest.NewLog()
	batch, err := log.Begin(store)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := batch.Add(translog.Entry{Kind: "x", At: noon}); err != nil {
		f.Fatal(err)
	}
	if _, err := batch.Seal(noon); err != nil {
		f.Fatal(err)
	}
	good := store.Checkpoint[1]
	f.Add(good)
	f.Add([]byte("sallyport/test\n1\nAAAA\nat x\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := translog.OpenCheckpoint(data, key); err == nil && !bytes.Equal(data, good) {
			t.Errorf("accepted %q", data)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, group := range []int{1, 64} {
		b.Run(fmt.Sprintf("group %d", group), func(b *testing.B) {
			book := newBook(b)
			for n := 0; b.Loop(); n++ {
				book.add(b, group)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(len(book.store.EntriesAt)), "ns/entry")
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	book := newBook(b)
	for range 200 {
		book.add(b, 500)
	}
	for b.Loop() {
		if r := book.verify(b); !r.Clean() {
			b.Fatal(r.Misfits)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/entry")
}
