package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/policy"
	"sallyport/policy/pack"
)

func TestPolicyFormatCommand(t *testing.T) {
	src, err := pack.Source(pack.PaperBaseline)
	if err != nil {
		t.Fatal(err)
	}
	untidy := strings.Replace(string(src), "title:", "title:   ", 1)
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(untidy), 0o640); err != nil {
		t.Fatal(err)
	}
	run := func(c policyFormatCmd) (string, error) {
		var out, notes strings.Builder
		c.File = file
		err := c.Run(&streams{out: &out, err: &notes})
		return out.String(), err
	}
	printed, err := run(policyFormatCmd{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run(policyFormatCmd{Check: true}); err == nil {
		t.Error("an untidy file passes the check")
	}
	if _, err := run(policyFormatCmd{Write: true}); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(file)
	if err != nil || string(written) != printed {
		t.Errorf("written is not what was printed: %v", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("another mode: %v %v", info, err)
	}
	if out, err := run(policyFormatCmd{Check: true}); err != nil || out != "" {
		t.Errorf("a tidy file does not pass: %q %v", out, err)
	}
	a, err := policy.Load("a", src)
	if err != nil {
		t.Fatal(err)
	}
	b, err := policy.Load("b", written)
	if err != nil || a.Hash() != b.Hash() {
		t.Errorf("another policy: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if err := os.WriteFile(file, []byte("policy: x\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := run(policyFormatCmd{Write: true}); err == nil || !strings.Contains(err.Error(), "policy:1:1") {
		t.Errorf("a faulty file: %v", err)
	}
}

func TestPolicySchemaAndFacts(t *testing.T) {
	var out strings.Builder
	if err := (&policySchemaCmd{}).Run(&streams{out: &out}); err != nil || !json.Valid([]byte(out.String())) {
		t.Errorf("no JSON: %v", err)
	}
	out.Reset()
	if err := (&policyFactsCmd{}).Run(&streams{out: &out}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"vehicle.built_on", "devices.looked_for", "authorised_by", "From the air", "one of: private"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the list of facts has no %q", want)
		}
	}
}
