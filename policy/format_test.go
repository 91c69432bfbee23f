package policy

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// packs are the rule files that ship.
func packs(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("pack/packs/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("no packs: %v %v", files, err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		if out[filepath.Base(f)], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestFormatPacks(t *testing.T) {
	for name, src := range packs(t) {
		out, err := Format(src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := Format(out)
		if err != nil || !bytes.Equal(again, out) {
			t.Errorf("%s: another layout the second time: %v", name, err)
		}
		if was, is := commentsOf(src), commentsOf(out); len(was) != len(is) {
			t.Errorf("%s: comments %q became %q", name, was, is)
		}
		if load(t, string(src)).Hash() != load(t, string(out)).Hash() {
			t.Errorf("%s: another policy", name)
		}
	}
}

const disorderly = `# What this is.
# In two lines.

title: "A  test"   # beside the title
policy: test
version: '1'

may_change:
  - security-manager
  - commander
omits: [one thing, another thing]

rules:
# on the first rule
- say: {en: "words # and no comment", pl: 'it''s said'}
  title: The only rule
  when:
    # on the condition
    all:
    - is: true
      fact: modem
    - {not: {surely: {is: public, fact: site.zone}}} # beside a part
  outcome: flag
  instrument: {title: test, authority: site}
  id: only
  # at the end of the rule

- id: second
  title: >
    Words over
    two lines # and no comment
  outcome: deny
  instrument: {authority: site, title: t}
  say: {en: w}
  when: {any_module: {fact: module.maker, controlled_from: {at_least: 25, country: CN}}}
# at the end
`

const orderly = `# What this is.
# In two lines.

policy: test
version: "1"
title: A test # beside the title
may_change: [security-manager, commander]

omits:
  - one thing
  - another thing

rules:
  # on the first rule
  - id: only
    title: The only rule
    outcome: flag
    instrument: {authority: site, title: test}
    when:
      # on the condition
      all:
        - {fact: modem, is: true}
        # beside a part
        - {not: {surely: {fact: site.zone, is: public}}}
    say:
      en: 'words # and no comment'
      pl: it's said
    # at the end of the rule

  - id: second
    title: 'Words over two lines # and no comment'
    outcome: deny
    instrument: {authority: site, title: t}
    when: {any_module: {fact: module.maker, controlled_from: {country: CN, at_least: 25}}}
    say:
      en: w
# at the end
`

func TestFormat(t *testing.T) {
	out, err := Format([]byte(disorderly))
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != orderly {
		t.Errorf("got\n%s", out)
	}
}

func TestFormatRefusesFaults(t *testing.T) {
	var ps Problems
	if _, err := Format([]byte("policy: x\n")); !errors.As(err, &ps) {
		t.Errorf("%v", err)
	}
}

func TestCommentsOf(t *testing.T) {
	src := "# a\nb: \"c # d\" # e\nf: 'g '' # h' #i\nj: k#l\nm: |\n  n # o\n  # p\nq: >-\n   r # s\n- t: |\n   # u\n  v: w # x\ny: \"z\n  # still z\"\t# last\n"
	want := []string{"# a", "# e", "#i", "# x", "# last"}
	if got := commentsOf([]byte(src)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func FuzzFormat(f *testing.F) {
	for _, src := range packs(f) {
		if len(src) < 9_000 {
			f.Add(src)
		}
	}
	f.Add([]byte(disorderly))
	f.Add([]byte(orderly))
	f.Add([]byte(threeMoments + "examples:\n  - name: x # why\n    expect: {outcome: flag}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		out, err := Format(src)
		if err != nil {
			var ps Problems
			if !errors.As(err, &ps) && !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		again, err := Format(out)
		if err != nil || !bytes.Equal(out, again) {
			t.Fatalf("%v\nonce\n%s\ntwice\n%s", err, out, again)
		}
		if load(t, string(src)).Hash() != load(t, string(out)).Hash() {
			t.Fatalf("another policy\n%s", out)
		}
	})
}

func BenchmarkFormat(b *testing.B) {
	src := packs(b)["paper-baseline.yaml"]
	for b.Loop() {
		if _, err := Format(src); err != nil {
			b.Fatal(err)
		}
	}
}
