package refdata

import (
	"archive/tar"
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

const tenGB = 10_000_000_000

// rawBundle packs entries with any header, as somebody would who means harm.
func rawBundle(t testing.TB, entries ...rawEntry) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, e := range append([]rawEntry{{h: tar.Header{Name: formatName}}}, entries...) {
		h := e.h
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Size == 0 {
			h.Size = int64(len(e.data))
		}
		if h.Format == 0 {
			h.Format = tar.FormatUSTAR
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
		if e.cut {
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type rawEntry struct {
	h    tar.Header
	data []byte
	cut  bool // the archive ends after what was written of this entry
}

// entries turns files into entries in the right order.
func entries(files Files) (out []rawEntry) {
	for _, n := range slices.Sorted(maps.Keys(files)) {
		out = append(out, rawEntry{h: tar.Header{Name: n}, data: files[n]})
	}
	return out
}

// edit changes one metadata file's JSON and leaves its signatures.
func edit(t testing.TB, f Files, name string, change func(m map[string]any)) {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(f[name], &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	f[name] = b
}

func signedPart(m map[string]any) map[string]any { return m["signed"].(map[string]any) }

// resign has a metadata file say something else and signs that with the keys.
func resign(c *council, r *Repo, role string, change func(signed map[string]any), by ...string) {
	c.t.Helper()
	name := metadataDir + role + ".json"
	edit(c.t, r.Files, name, func(m map[string]any) {
		change(signedPart(m))
		m["signatures"] = []any{}
	})
	forceSign(c, r, name, by...)
}

// forceSign signs whether the key may or not, and whatever it is.
func forceSign(c *council, r *Repo, name string, by ...string) {
	c.t.Helper()
	edit(c.t, r.Files, name, func(m map[string]any) {
		payload, err := cjson.EncodeCanonical(m["signed"])
		c.ok(err)
		for _, n := range by {
			pub, err := c.keys[n].Public()
			c.ok(err)
			m["signatures"] = append(m["signatures"].([]any), map[string]any{"keyid": pub.KeyID, "sig": hex.EncodeToString(ed25519.Sign(c.keys[n].key, payload))})
		}
	})
}

func TestRefusals(t *testing.T) {
	c := newCouncil(t)
	a := c.agreement(Advice, "pl", "de", "us")
	v1 := c.release(a, day0, small(t, "2026-11-01", row("V1", "Telit")), "pl", "de")
	v2 := c.release(a, day0.Add(days), small(t, "2026-11-02", row("V1", "Telit"), row("V2", "Quectel")), "pl", "de")
	// The release that every case starts from: unsigned, signed by pl alone, signed by two.
	_, err := c.repo.Draft(a, small(t, "2026-11-03", row("V1", "Telit"), row("V3", "u-blox")), nil, day0.Add(2*days))
	c.ok(err)
	v3draft := c.repo.clone()
	c.sign(c.repo, "pl", "us")
	v3 := c.repo.clone()
	root := v1.Files[rootName(1)]

	// Another root, of other countries, and a release under it.
	other := newCouncil(t)
	foreign := other.release(other.agreement(Advice, "pl", "de", "us"), day0.Add(2*days), small(t, "2026-11-03"), "pl", "de")

	signedBy := func(by ...string) *Repo {
		r := v3draft.clone()
		c.sign(r, by...)
		return r
	}
	change := func(r *Repo, f func(r *Repo)) []byte {
		r = r.clone()
		f(r)
		return c.pack(r)
	}
	with := func(name string, data []byte) func(*Repo) {
		return func(r *Repo) { r.Files[name] = data }
	}
	whole := c.pack(v3)
	catalogue := targetsDir + "catalogue/catalogue.json"

	signed := func(k Kind, data string) []byte {
		r := v3.clone()
		_, err := r.Draft(a, []Put{{Role: "supply", Kind: k, Data: []byte(data)}}, nil, day0.Add(2*days))
		c.ok(err)
		c.sign(r, "pl", "us")
		return c.pack(r)
	}

	tests := []struct {
		name   string
		want   Class
		says   string // part of the sentence
		bundle []byte
		empty  bool      // nothing is installed; else release 2 is
		at     time.Time // day0 + 3 days where zero
		known  Numbers
	}{
		{name: "fewer than m signatures", want: FewSignatures, says: "needs 2 signatures and has 1 (pl)", bundle: c.pack(signedBy("pl"))},
		{name: "no signature", want: FewSignatures, says: "has 0 (nobody)", bundle: c.pack(v3draft)},
		{name: "one of them by an unknown key", want: UnknownKey, says: "may not sign it", bundle: change(signedBy("pl"), func(r *Repo) {
			forceSign(c, r, metadataDir+"timestamp.json", "mallory")
		})},
		{name: "the same signature twice", want: Malformed, bundle: change(signedBy("pl"), func(r *Repo) {
			edit(t, r.Files, metadataDir+"timestamp.json", func(m map[string]any) {
				s := m["signatures"].([]any)
				m["signatures"] = append(s, s[0])
			})
		})},
		{name: "a release of other countries", want: Mixed, says: "another root 1", bundle: c.pack(foreign)},
		{name: "a role signed by too few", want: FewSignatures, says: "catalogue", bundle: change(v3, func(r *Repo) {
			edit(t, r.Files, metadataDir+"catalogue.json", func(m map[string]any) { m["signatures"] = m["signatures"].([]any)[:1] })
		})},
		{name: "a role signed by the wrong authority", want: UnknownKey, says: "catalogue", bundle: change(v3, func(r *Repo) {
			resign(c, r, "catalogue", func(map[string]any) {}, "pl", "cz")
		})},
		{name: "a bit changed in the data", want: BadHash, says: "catalogue/catalogue.json", bundle: change(v3, func(r *Repo) {
			b := bytes.Clone(r.Files[catalogue])
			b[len(b)/2] ^= 1
			r.Files[catalogue] = b
		})},
		{name: "data of another length", want: BadHash, bundle: change(v3, with(catalogue, append(bytes.Clone(v3.Files[catalogue]), '\n')))},
		{name: "metadata changed after signing", want: BadSignature, says: "changed after it was signed", bundle: change(v3, func(r *Repo) {
			edit(t, r.Files, metadataDir+"timestamp.json", func(m map[string]any) { signedPart(m)["expires"] = "2036-01-01T00:00:00Z" })
		})},
		{name: "a file exchanged for the one of the last release", want: BadHash, bundle: change(v3, with(catalogue, v2.Files[catalogue]))},
		{name: "two files exchanged for each other", want: BadHash, bundle: change(v3, func(r *Repo) {
			s := targetsDir + "supply/supply.json"
			r.Files[catalogue], r.Files[s] = r.Files[s], r.Files[catalogue]
		})},
		{name: "a file left out", want: Missing, bundle: change(v3, func(r *Repo) { delete(r.Files, catalogue) })},
		{name: "a file that nobody signed for", want: Unexpected, bundle: change(v3, with(targetsDir+"catalogue/supply.json", []byte("{}")))},
		{name: "metadata that the snapshot does not name", want: Unexpected, bundle: change(v3, with(metadataDir+"lists.json", v3.Files[metadataDir+"rf.json"]))},

		{name: "an older release", want: Rollback, says: "release 1; release 2 is held", bundle: c.pack(v1)},
		{name: "the same release", want: Held, bundle: c.pack(v2)},
		{name: "the same release, grown old", want: Held, bundle: c.pack(v2), at: day0.Add(400 * days)},
		{name: "the same release with a file of another", want: BadHash, says: "catalogue/catalogue.json", bundle: change(v2, with(catalogue, v3.Files[catalogue]))},
		{name: "the same release without a file", want: Missing, bundle: change(v2, func(r *Repo) { delete(r.Files, catalogue) })},
		{name: "the same release with a file that nobody signed for", want: Unexpected, bundle: change(v2, with(targetsDir+"catalogue/supply.json", []byte("{}")))},
		{name: "the same release with metadata changed after signing", want: BadSignature, says: "catalogue", bundle: change(v2, func(r *Repo) {
			edit(t, r.Files, metadataDir+"catalogue.json", func(m map[string]any) { signedPart(m)["expires"] = "2036-01-01T00:00:00Z" })
		})},
		{name: "the same release with another's snapshot", want: Mixed, says: "snapshot", bundle: change(v2, with(metadataDir+"snapshot.json", v3.Files[metadataDir+"snapshot.json"]))},
		{name: "the same release, cut short", want: Truncated, bundle: c.pack(v2)[:len(c.pack(v2))*2/3]},
		{name: "another release of the same number", want: Mixed, says: "a number was given twice", bundle: change(v2, func(r *Repo) {
			resign(c, r, "timestamp", func(s map[string]any) { s["expires"] = "2026-12-30T00:00:00Z" }, "pl", "de")
		})},
		{name: "an older snapshot under a new timestamp", want: Rollback, says: "snapshot", bundle: change(v3, with(metadataDir+"snapshot.json", v1.Files[metadataDir+"snapshot.json"]))},
		{name: "an older role under a new snapshot, signed by all", want: Rollback, says: "catalogue", bundle: change(v3, func(r *Repo) {
			r.Files[metadataDir+"catalogue.json"] = v1.Files[metadataDir+"catalogue.json"]
			r.Files[catalogue] = v1.Files[catalogue]
			old := v1.Files[metadataDir+"snapshot.json"]
			var m map[string]any
			c.ok(json.Unmarshal(old, &m))
			was := signedPart(m)["meta"].(map[string]any)["catalogue.json"]
			resign(c, r, "snapshot", func(s map[string]any) { s["meta"].(map[string]any)["catalogue.json"] = was }, "pl", "us")
			rebind(c, r, "pl", "us")
		})},
		{name: "older than the log remembers, after the directory was lost", want: Rollback, says: "release 3 is held", bundle: c.pack(v2), empty: true,
			known: Numbers{Release: 3, SignedHash: "ff"}},
		{name: "a number that leaps", want: Leap, bundle: change(v3, func(r *Repo) {
			resign(c, r, "timestamp", func(s map[string]any) { s["version"] = int64(1) << 40 }, "pl", "us")
		})},

		{name: "expired", want: Expired, says: "valid until 2026-12-24", bundle: whole, at: day0.Add(33 * days)},
		{name: "a role expired", want: Expired, says: "catalogue", at: day0.Add(3 * days), bundle: change(v3, func(r *Repo) {
			resign(c, r, "catalogue", func(s map[string]any) { s["expires"] = "2026-11-24T00:00:00Z" }, "pl", "us")
			resnap(c, r, "catalogue", "pl", "us")
		})},
		{name: "the clock is behind", want: Clock, says: "set the clock", bundle: whole, at: day0.Add(-days), empty: true},

		{name: "pieces of two releases: the role", want: Mixed, bundle: change(v3, func(r *Repo) {
			r.Files[metadataDir+"catalogue.json"], r.Files[catalogue] = v2.Files[metadataDir+"catalogue.json"], v2.Files[catalogue]
		})},
		{name: "pieces of two releases: the snapshot", want: Mixed, bundle: change(v3, with(metadataDir+"snapshot.json", v2.Files[metadataDir+"snapshot.json"]))},
		{name: "one number signed twice for two contents", want: Mixed, bundle: change(v3, func(r *Repo) {
			resign(c, r, "catalogue", func(s map[string]any) { s["expires"] = "2027-01-01T00:00:00Z" }, "pl", "us")
		})},

		{name: "a threshold of nought", want: Delegation, says: "cannot stand", bundle: change(v3, func(r *Repo) {
			resign(c, r, "targets", func(s map[string]any) { delegation(s, 0)["threshold"] = 0 }, "pl", "us")
			resnap(c, r, "targets", "pl", "us")
		})},
		{name: "a role trusted for more than its folder", want: Delegation, bundle: change(v3, func(r *Repo) {
			resign(c, r, "targets", func(s map[string]any) { delegation(s, 3)["paths"] = []any{"*/*"} }, "pl", "us")
			resnap(c, r, "targets", "pl", "us")
		})},
		{name: "an ally in the folder of another", want: Delegation, says: "trusted for", bundle: change(v3, func(r *Repo) {
			ally(c, r, "catalogue/catalogue.json")
		})},
		{name: "an ally with a kind that it is not trusted for", want: Delegation, says: "trusted for", bundle: change(v3, func(r *Repo) {
			ally(c, r, "ally-cz/vpic.idx")
		})},
		{name: "an ally without a standing", want: Delegation, bundle: change(v3, func(r *Repo) {
			resign(c, r, "targets", func(s map[string]any) { delete(delegation(s, 3), xStanding) }, "pl", "us")
			resnap(c, r, "targets", "pl", "us")
		})},
		{name: "an Ed25519 key of a wrong length", want: Delegation, bundle: change(v3, func(r *Repo) {
			resign(c, r, "targets", func(s map[string]any) {
				for _, k := range s["delegations"].(map[string]any)["keys"].(map[string]any) {
					k.(map[string]any)["keyval"].(map[string]any)["public"] = "abcd"
				}
			}, "pl", "us")
			resnap(c, r, "targets", "pl", "us")
		})},
		{name: "a timestamp that names no snapshot", want: Malformed, bundle: change(v3, func(r *Repo) {
			resign(c, r, "timestamp", func(s map[string]any) { s["meta"] = map[string]any{"snapshot.json": nil} }, "pl", "us")
		})},

		{name: "empty", want: Truncated, bundle: nil},
		{name: "cut in the middle", want: Truncated, bundle: whole[:len(whole)/2]},
		{name: "cut before the last byte", want: Truncated, bundle: whole[:len(whole)-1]},
		{name: "cut inside a file, in a frame that is whole", want: Truncated, bundle: rawBundle(t, append(entries(metaOf(v3)),
			rawEntry{h: tar.Header{Name: catalogue, Size: int64(len(v3.Files[catalogue]))}, data: v3.Files[catalogue][:9], cut: true})...)},
		{name: "a bit changed in the archive", want: Damaged, bundle: func() []byte { b := bytes.Clone(whole); b[len(b)-2] ^= 4; return b }()},
		{name: "something behind the end", want: Damaged, bundle: append(bytes.Clone(whole), "more"...)},
		{name: "another archive behind the end", want: Unexpected, bundle: append(bytes.Clone(whole), whole...)},
		{name: "a text", want: NotABundle, bundle: []byte("hello, this is no bundle at all")},
		{name: "a tar of something else", want: NotABundle, bundle: otherTar(t)},

		{name: "a path that climbs out", want: BadName, bundle: rawBundle(t, append(entries(metaOf(v3)), rawEntry{h: tar.Header{Name: "targets/../../../etc/cron.d/x"}, data: []byte("x")})...)},
		{name: "an absolute path", want: BadName, bundle: rawBundle(t, rawEntry{h: tar.Header{Name: "/etc/passwd"}, data: []byte("x")})},
		{name: "a path with a backslash", want: BadName, bundle: rawBundle(t, rawEntry{h: tar.Header{Name: `targets\..\x`}, data: []byte("x")})},
		{name: "a hidden file", want: BadName, bundle: rawBundle(t, rawEntry{h: tar.Header{Name: "targets/catalogue/.x"}, data: []byte("x")})},
		{name: "upper case, which some disks take for lower", want: BadName, bundle: rawBundle(t, rawEntry{h: tar.Header{Name: "metadata/Timestamp.json"}, data: []byte("{}")})},
		{name: "a symbolic link", want: NotAFile, bundle: rawBundle(t, rawEntry{h: tar.Header{Name: catalogue, Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}})},
		{name: "a hard link", want: NotAFile, bundle: rawBundle(t, rawEntry{h: tar.Header{Name: catalogue, Typeflag: tar.TypeLink, Linkname: "metadata/targets.json"}})},
		{name: "a device", want: NotAFile, bundle: rawBundle(t, rawEntry{h: tar.Header{Name: catalogue, Typeflag: tar.TypeChar}})},
		{name: "a folder", want: NotAFile, bundle: rawBundle(t, rawEntry{h: tar.Header{Name: "targets/catalogue/", Typeflag: tar.TypeDir}})},
		{name: "one name twice", want: Duplicate, bundle: rawBundle(t, append(entries(metaOf(v3)), entries(metaOf(v1))[2:]...)...)},
		{name: "a second name in an extended header", want: NotABundle, bundle: rawBundle(t, rawEntry{
			h: tar.Header{Name: "metadata/targets.json", Format: tar.FormatPAX, PAXRecords: map[string]string{"SALLYPORT.x": "y"}}, data: []byte("{}")})},
		{name: "metadata behind the data", want: Unexpected, bundle: rawBundle(t, append(entries(v3.Files), rawEntry{h: tar.Header{Name: "metadata/aaa.json"}, data: []byte("{}")})...)},
		{name: "a 10 GB bomb that nobody signed for", want: Unexpected, bundle: rawBundle(t, append(entries(metaOf(v3)), rawEntry{h: tar.Header{Name: targetsDir + "catalogue/bomb.json", Size: 8 << 20}, data: make([]byte, 8<<20)})...)},
		{name: "a 10 GB bomb under the name of a signed file", want: TooLarge, bundle: rawBundle(t, append(entries(metaOf(v3)),
			rawEntry{h: tar.Header{Name: catalogue, Size: tenGB, Format: tar.FormatGNU}, data: make([]byte, 1<<20), cut: true})...)},
		{name: "a 10 GB bomb in metadata", want: TooLarge, bundle: rawBundle(t, rawEntry{h: tar.Header{Name: "metadata/targets.json", Size: tenGB, Format: tar.FormatGNU}, data: make([]byte, 1<<20), cut: true})},
		{name: "a bomb of many middling metadata files", want: TooLarge, bundle: rawBundle(t, many(20, 1<<20)...)},
		{name: "too many files", want: TooMany, bundle: rawBundle(t, many(600, 2)...)},
		{name: "a Zstandard window of 128 MB", want: TooLarge, bundle: wideWindow(t)},

		{name: "signed, and not to be read", want: Unusable, says: "catalogue/catalogue.json", bundle: func() []byte {
			r := v3.clone()
			p := Put{Role: "catalogue", Kind: Catalogue, Data: []byte(`{"edition":""}`)}
			_, err := r.Draft(a, []Put{p}, nil, day0.Add(2*days))
			c.ok(err)
			c.sign(r, "pl", "us")
			return c.pack(r)
		}()},
		{name: "signed, and the lists name parties that are not there", want: Unusable, says: "do not fit together", bundle: func() []byte {
			r := v3.clone()
			l := []byte(`{"edition":"2026-11-03.l","lists":[{"id":"x","title":"X","editions":[{"id":"e","from":"2026-01-01","source":"s","certainty":"official","entries":[{"name":"Nobody","party":"nobody","source":"s","certainty":"official"}]}]}]}`)
			_, err := r.Draft(a, []Put{{Role: "supply", Kind: Lists, Data: l}}, nil, day0.Add(2*days))
			c.ok(err)
			c.sign(r, "pl", "us")
			return c.pack(r)
		}()},
		{name: "signed, and a row of an edge misspells a field", want: Unusable, says: `edge "E2": unknown field "untl"`, bundle: signed(Supply,
			`{"edition":"2026-11-03.s","edges":[{"id":"E2","from":"maker","to":"owner","kind":"owned_by","untl":"2025","source":"s","certainty":"official"}]}`)},
		{name: "signed, and an edge is on nobody's word", want: Unusable, says: `edge "E2": it names no source`, bundle: signed(Supply,
			`{"edition":"2026-11-03.s","edges":[{"id":"E2","from":"maker","to":"owner","kind":"owned_by"}]}`)},
		{name: "signed, and an entry misspells a field", want: Unusable, says: `list "x", edition "e", entry "N": unknown field "til"`, bundle: signed(Lists,
			`{"edition":"2026-11-03.l","lists":[{"id":"x","title":"X","editions":[{"id":"e","from":"2026-01-01","source":"s","certainty":"official","entries":[{"name":"N","til":"2026-02-01","source":"s","certainty":"official"}]}]}]}`)},
		{name: "signed, and who is trusted for lists says who owns whom", want: Unusable, says: "a file of lists holds edges", bundle: signed(Lists,
			`{"edition":"2026-11-03.l","edges":[{"id":"E2","from":"maker","to":"owner","kind":"owned_by","source":"s","certainty":"official"}]}`)},
		{name: "a contribution alone", want: Missing, says: "contribution", bundle: func() []byte {
			r, err := Contribute("site-krk", 1, day0.Add(90*days), Put{Role: "site-krk", Kind: Aggregates, Data: []byte("{}")})
			c.ok(err)
			c.sign(r, "krk")
			return c.pack(r)
		}()},
	}
	// A site that holds v2, to be copied.
	template := newSite(t, root)
	template.install(c.pack(v1), Trust{At: day0.Add(days)})
	template.install(c.pack(v2), Trust{At: day0.Add(2 * days)})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, root)
			if !tt.empty {
				c.ok(os.CopyFS(s.dir, os.DirFS(template.dir)))
			}
			at := tt.at
			if at.IsZero() {
				at = day0.Add(3 * days)
			}
			before := tree(t, s.dir)
			_, err := s.try(tt.bundle, Trust{At: at, Held: tt.known})
			if err == nil {
				t.Fatal("was accepted")
			}
			var r *Refusal
			if !errors.As(err, &r) {
				t.Fatalf("is no refusal: %v", err)
			}
			t.Log(err)
			if r.Class != tt.want {
				t.Errorf("class %s, want %s", r.Class, tt.want)
			}
			if !strings.Contains(r.Sentence+fmt.Sprint(r.Err), tt.says) {
				t.Errorf("%q does not say %q", r.Sentence, tt.says)
			}
			if !strings.HasSuffix(r.Sentence, ".") || strings.Count(r.Sentence, "\n") > 0 {
				t.Errorf("not one sentence: %q", r.Sentence)
			}
			if diff := cmp.Diff(before, tree(t, s.dir)); diff != "" {
				t.Errorf("something was changed:\n%s", diff)
			}
		})
	}
	// The same site takes the release itself: what was refused was refused for
	// its own fault.
	s := newSite(t, root)
	s.install(c.pack(v2), Trust{At: day0.Add(2 * days)})
	s.install(whole, Trust{At: day0.Add(3 * days)})
}

func metaOf(r *Repo) Files {
	out := Files{}
	for n, b := range r.Files {
		if strings.HasPrefix(n, metadataDir) {
			out[n] = b
		}
	}
	return out
}

func delegation(signed map[string]any, i int) map[string]any {
	return signed["delegations"].(map[string]any)["roles"].([]any)[i].(map[string]any)
}

// resnap has snapshot and timestamp speak of a role as it is now.
func resnap(c *council, r *Repo, role string, by ...string) {
	c.t.Helper()
	m, err := parse[metadata.TargetsType](role, r.Files.meta(role))
	var h string
	if err == nil {
		h, err = signedHash(m.Signed)
	}
	c.ok(err)
	resign(c, r, "snapshot", func(s map[string]any) {
		s["meta"].(map[string]any)[role+".json"] = map[string]any{"version": m.Signed.Version, xSigned: h}
	}, by...)
	rebind(c, r, by...)
}

// rebind has the timestamp speak of the snapshot as it is now.
func rebind(c *council, r *Repo, by ...string) {
	c.t.Helper()
	snap, err := parse[metadata.SnapshotType]("snapshot", r.Files.meta("snapshot"))
	c.ok(err)
	h, err := signedHash(snap.Signed)
	c.ok(err)
	resign(c, r, "timestamp", func(s map[string]any) {
		s["meta"].(map[string]any)["snapshot.json"].(map[string]any)[xSigned] = h
	}, by...)
}

// ally has the ally sign for a path.
func ally(c *council, r *Repo, path string) {
	c.t.Helper()
	k, err := Contribute("ally-cz", 1, day0.Add(90*days), Put{Role: "ally-cz", Kind: Catalogue, Data: []byte("x")})
	c.ok(err)
	name := metadataDir + "ally-cz.json"
	edit(c.t, k.Files, name, func(m map[string]any) {
		t := signedPart(m)["targets"].(map[string]any)
		t[path] = t["ally-cz/catalogue.json"]
		delete(t, "ally-cz/catalogue.json")
	})
	forceSign(c, k, name, "cz")
	r.Files[name] = k.Files[name]
	resnap(c, r, "ally-cz", "pl", "us")
}

func many(n, size int) (out []rawEntry) {
	for i := range n {
		out = append(out, rawEntry{h: tar.Header{Name: fmt.Sprintf("metadata/r%d.json", i)}, data: bytes.Repeat([]byte{' '}, size)})
	}
	return out
}

func otherTar(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	err = w.WriteHeader(&tar.Header{Name: "holiday.jpg", Typeflag: tar.TypeReg, Size: 1})
	_, err2 := io.WriteString(w, "x")
	if err := errors.Join(err, err2, w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func wideWindow(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(128<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	_, err = z.Write(make([]byte, 1<<20))
	if err := errors.Join(err, z.Flush(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// countingReader says how much of a stick was read.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// zeros is a stick of 10 GB.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left <= 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.left))
	clear(p[:n])
	z.left -= int64(n)
	return n, nil
}

func TestBombIsRefusedEarly(t *testing.T) {
	c := newCouncil(t)
	v1 := c.release(c.agreement(Advice, "pl", "de", "us"), day0, small(t, "2026-11-01", row("V1", "Telit")), "pl", "de")
	trust := Trust{Root: v1.Files[rootName(1)], At: day0}
	// 10 GB under a name that is signed for, all of it there, as a stream.
	pr, pw := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		z, err := zstd.NewWriter(pw, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return
		}
		w := tar.NewWriter(z)
		_ = w.WriteHeader(&tar.Header{Name: formatName, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR})
		for _, e := range entries(metaOf(v1)) {
			_ = w.WriteHeader(&tar.Header{Name: e.h.Name, Typeflag: tar.TypeReg, Size: int64(len(e.data)), Format: tar.FormatUSTAR})
			_, _ = w.Write(e.data)
		}
		_ = w.WriteHeader(&tar.Header{Name: targetsDir + "catalogue/catalogue.json", Typeflag: tar.TypeReg, Size: tenGB, Format: tar.FormatGNU})
		_, err = io.Copy(w, &zeros{tenGB})
		_ = pw.CloseWithError(errors.Join(err, z.Close()))
	}()
	in := &countingReader{r: pr}
	_, err := Read(in, DefaultLimits(), trust)
	_ = pr.Close()
	<-done
	if ClassOf(err) != TooLarge {
		t.Errorf("refused as %v", err)
	}
	if in.n > 1<<20 {
		t.Errorf("%d bytes of the stick were read before it was refused", in.n)
	}
}
