package translog

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Blocks is a whole log and its rows, as of one moment, read in blocks.
type Blocks interface {
	// Size is the number of entries.
	Size() int64
	// Block is the part of the log of the entries from … to−1. It may be called
	// by as many goroutines at once as there are workers, each of which gives
	// its own number, from 0.
	Block(ctx context.Context, worker int, from, to int64) (Block, error)
	// Strays tells whether anything is stored that belongs to no entry from 0
	// to Size()−1: it would be in no block.
	Strays(ctx context.Context) (bool, error)
}

// Block is a part of a log as it lies in the store.
type Block struct {
	Entries     [][]byte           // in order; all that are stored in that range
	Hashes      []byte             // the hashes that these entries complete, 32 bytes each, in order
	Checkpoints []StoredCheckpoint // those over from+1 … to entries; with the first block, that over none
	Rows        []BlockRow         // one for each entry; the zero BlockRow where an entry has none
}

// BlockRow is a record as it lies in the store, with its instant and its body in
// the form in which its entry has them.
type BlockRow struct {
	Row, Kind     string
	At            []byte // RFC 3339 in UTC, without trailing zeros
	Lane, Passage []byte
	Body          []byte
	Damaged       bool     // a column cannot be read, or two rows claim the entry
	Erased        bool     // salt and data are gone
	Salt          []byte   // SaltSize bytes
	Fields        [][]byte // the personal data; nil when the table holds none
}

// VerifyBlocks checks what Verify checks, with several workers and perBlock
// entries a block. It answers clean only where Verify would find nothing; where
// it does not, Verify says what does not fit. Outside are checkpoints kept
// elsewhere, as in Verify.
func VerifyBlocks(ctx context.Context, b Blocks, workers int, perBlock int64, key note.Verifier, outside ...[]byte) (report Report, clean bool, err error) {
	heads := make([]Checkpoint, 0, len(outside))
	for _, signed := range outside {
		c, err := OpenCheckpoint(signed, key)
		if err != nil || c.Size > b.Size() {
			return report, false, nil
		}
		heads = append(heads, c)
	}
	slices.SortStableFunc(heads, func(a, b Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	if stray, err := b.Strays(ctx); err != nil || stray {
		return report, false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	blocks := (b.Size() + perBlock - 1) / perBlock
	if blocks == 0 {
		blocks = 1 // the checkpoint over nothing
	}
	results := make(chan *checked, workers)
	turn := make(chan int64)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			digest := sha256.New()
			for n := range turn {
				from := n * perBlock
				to := min(from+perBlock, b.Size())
				c := &checked{number: n, from: from, to: to, hash: digest}
				stored, err := b.Block(ctx, w, from, to)
				if err != nil {
					c.err = err
				} else {
					c.check(stored, key)
				}
				results <- c
			}
		})
	}
	go func() {
		defer close(results)
		defer wg.Wait()
		defer close(turn)
		for n := range blocks {
			select {
			case turn <- n:
			case <-ctx.Done():
				return
			}
		}
	}()

	j := joined{outside: heads, erased: make(map[int64]bool), gone: make(map[int64]bool), clean: true}
	waiting := make(map[int64]*checked)
	var next int64
	for c := range results {
		if c.err != nil && err == nil {
			err = c.err
		}
		j.clean = j.clean && c.fits
		if err != nil || !j.clean {
			cancel()
			continue
		}
		for waiting[c.number] = c; waiting[next] != nil; next++ {
			j.join(waiting[next])
			delete(waiting, next)
		}
	}
	if err == nil && next < blocks && j.clean {
		err = ctx.Err()
	}
	if err != nil || !j.clean {
		return Report{}, false, err
	}
	j.report.Entries = b.Size()
	return j.report, j.finish(b.Size()), nil
}

// checked is what one block says by itself.
type checked struct {
	number, from, to int64
	hash             hash.Hash // of the worker
	err              error
	fits             bool
	leaves           []Hash
	hashes           []byte // stored ones: compared when the block is joined
	heads            []Checkpoint
	erasures         []erasure
	gone             []int64 // rows without their personal data
	rows             int64
}

type erasure struct{ by, seq int64 }

func (c *checked) check(b Block, key note.Verifier) {
	if int64(len(b.Entries)) != c.to-c.from || len(b.Rows) != len(b.Entries) {
		return
	}
	c.hashes = b.Hashes
	for _, stored := range b.Checkpoints {
		head, err := OpenCheckpoint(stored.Signed, key)
		if err != nil || head.Size != stored.Size || head.Size < c.from || head.Size > c.to {
			return
		}
		c.heads = append(c.heads, head)
	}
	c.leaves = make([]Hash, len(b.Entries))
	for i, data := range b.Entries {
		seq := c.from + int64(i)
		c.leaf(data, &c.leaves[i])
		e, plain := readLine(data, b.Rows[i].Body)
		if !plain {
			whole, err := DecodeEntry(data)
			if err != nil {
				return
			}
			e = line{seq: whole.Seq, kind: []byte(whole.Kind), lane: []byte(whole.Lane), passage: []byte(whole.Passage), row: []byte(whole.Row), body: whole.Body}
			e.at = whole.At.UTC().AppendFormat(nil, time.RFC3339Nano)
			if whole.Commit != nil {
				e.commit = hex.AppendEncode(nil, whole.Commit[:])
			}
		}
		if e.seq != seq {
			return
		}
		if string(e.kind) == KindErased && !c.erases(seq, e.body) {
			return
		}
		if r := &b.Rows[i]; (len(e.row) > 0 || r.Row != "") && !c.row(e, r) {
			return
		}
	}
	c.fits = true
}

// leaf is tlog.RecordHash, by a hash that is used again.
func (c *checked) leaf(data []byte, h *Hash) {
	c.hash.Reset()
	c.hash.Write(leafPrefix[:])
	c.hash.Write(data)
	c.hash.Sum(h[:0])
}

// leafPrefix comes before an entry that is hashed (RFC 6962 §2.1).
var leafPrefix = [1]byte{0}

func (c *checked) erases(seq int64, body []byte) bool {
	var what Erasure
	if json.Unmarshal(body, &what) != nil {
		return false
	}
	for _, s := range what.Seqs {
		if s < 0 || s >= seq {
			return false
		}
		c.erasures = append(c.erasures, erasure{by: seq, seq: s})
	}
	return true
}

// row tells whether a row fits its entry.
func (c *checked) row(e line, r *BlockRow) bool {
	c.rows++
	if r.Damaged || string(e.row) != r.Row || string(e.kind) != r.Kind || !bytes.Equal(e.at, r.At) ||
		!bytes.Equal(e.lane, r.Lane) || !bytes.Equal(e.passage, r.Passage) || !bytes.Equal(e.body, r.Body) {
		return false
	}
	switch {
	case r.Erased:
		c.gone = append(c.gone, e.seq)
		return e.commit != nil
	case e.commit == nil:
		return r.Fields == nil
	case r.Fields == nil || len(r.Salt) != SaltSize:
		return false
	}
	var want, got Commitment
	if _, err := hex.Decode(want[:], e.commit); err != nil {
		return false
	}
	commit(c.hash, &got, r.Salt, r.Fields)
	return got == want
}

// joined is the log from its beginning to the end of the last block joined.
type joined struct {
	clean    bool
	report   Report
	frontier []subtree
	outside  []Checkpoint
	covered  int64
	erased   map[int64]bool // entries of which an entry says that their data was erased
	gone     map[int64]bool // entries of which it is gone
}

// join takes the next block into the tree, and compares the hashes that it
// completes and the heads within it.
func (j *joined) join(c *checked) {
	heads := c.heads
	if c.from == 0 {
		heads = j.at(0, heads)
	}
	for i, leaf := range c.leaves {
		s := subtree{0, leaf}
		for {
			if len(c.hashes) < len(s.hash) || Hash(c.hashes[:len(s.hash)]) != s.hash {
				j.clean = false
				return
			}
			c.hashes = c.hashes[len(s.hash):]
			top := len(j.frontier) - 1
			if top < 0 || j.frontier[top].level != s.level {
				break
			}
			s = subtree{s.level + 1, tlog.NodeHash(j.frontier[top].hash, s.hash)}
			j.frontier = j.frontier[:top]
		}
		j.frontier = append(j.frontier, s)
		heads = j.at(c.from+int64(i)+1, heads)
	}
	if len(c.hashes) > 0 || len(heads) > 0 {
		j.clean = false
	}
	for _, e := range c.erasures {
		j.erased[e.seq] = true
	}
	for _, seq := range c.gone {
		j.gone[seq] = true
	}
	j.report.Rows += c.rows
	j.report.Erased += int64(len(c.gone))
}

// at compares the heads over so many entries, and gives those that follow.
func (j *joined) at(size int64, heads []Checkpoint) []Checkpoint {
	for len(heads) > 0 && heads[0].Size == size {
		j.report.Checkpoints++
		if heads[0].Root != root(j.frontier) {
			j.clean = false
		}
		j.covered, j.report.Head = size, heads[0]
		heads = heads[1:]
	}
	for len(j.outside) > 0 && j.outside[0].Size == size {
		if j.outside[0].Root != root(j.frontier) {
			j.clean = false
		}
		j.outside = j.outside[1:]
	}
	return heads
}

// finish tells whether nothing is left over.
func (j *joined) finish(size int64) bool {
	if !j.clean || len(j.outside) > 0 || j.covered < size || len(j.erased) != len(j.gone) {
		return false
	}
	for seq := range j.gone {
		if !j.erased[seq] {
			return false
		}
	}
	return true
}
