package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"sallyport/gate"
	"sallyport/vin"
)

// TestAssessBadInput holds that a line that is no request is answered with its
// number, that nothing is decided for it, and that the next line is read.
func TestAssessBadInput(t *testing.T) {
	good := `{"vin":"2HGEJ6672WH500001","class":"private","zone":"restricted"}`
	for name, bad := range map[string]struct{ in, says string }{
		"not JSON":             {`vin=5YJX`, "invalid character"},
		"not UTF-8":            {"{\"vin\":\"5YJ\xff\"", "unexpected EOF"},
		"unknown field":        {`{"vin":"5YJXCAE42MF000001","zoen":"restricted"}`, "zoen"},
		"unknown class":        {`{"vin":"5YJXCAE42MF000001","class":"civil"}`, "civil"},
		"unknown zone":         {`{"vin":"5YJXCAE42MF000001","zone":"secret"}`, "secret"},
		"bad instant":          {`{"vin":"5YJXCAE42MF000001","at":"yesterday"}`, "yesterday"},
		"bad declared kind":    {`{"vin":"5YJXCAE42MF000001","declared":[{"kind":"sim","value":"1"}]}`, "declared[0]"},
		"too many declared":    {`{"vin":"5YJXCAE42MF000001","declared":[` + strings.Repeat(`{"kind":"no_modem"},`, 64) + `{"kind":"no_modem"}]}`, "declared"},
		"declared no value":    {`{"vin":"5YJXCAE42MF000001","declared":[{"kind":"imei","value":""}]}`, "declared[0]"},
		"two values":           {good + good, "more than one"},
		"1 MB and more":        {`{"vin":"` + strings.Repeat("A", 1<<20) + `"}`, "longer than"},
		"deep nesting":         {strings.Repeat("[", 20000), "request"},
		"a list":               {`[1,2]`, "cannot unmarshal"},
		"a bad model year":     {`{"vin":"5YJXCAE42MF000001","model_year":"new"}`, "model_year"},
		"bad observation time": {`{"vin":"5YJXCAE42MF000001","observations":[{"ts":"now"}]}`, "parsing time"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := runWith(t, []byte(bad.in+"\n"+good+"\n"), "assess")
			lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
			if len(lines) != 2 {
				t.Fatalf("%d answers to 2 lines: %.500s", len(lines), out)
			}
			var fault assessFault
			if err := json.Unmarshal(lines[0], &fault); err != nil {
				t.Fatal(err)
			}
			if fault.Line != 1 || !strings.Contains(fault.Error, bad.says) {
				t.Errorf("fault %+v does not speak of %q", fault, bad.says)
			}
			if strings.Contains(string(lines[0]), `"verdict"`) {
				t.Errorf("a verdict for a bad line: %s", lines[0])
			}
			var a gate.Answer
			if err := json.Unmarshal(lines[1], &a); err != nil {
				t.Fatal(err)
			}
			if a.Verdict != "grant" {
				t.Errorf("the good line after it got %q", a.Verdict)
			}
			if code != 1 || len(errs) == 0 {
				t.Errorf("exit code %d, errors %q: a caller must notice", code, errs)
			}
		})
	}
}

// TestAssessOfNothing holds that an empty request, or a VIN that is none, is
// never granted: unknown is not clean.
func TestAssessOfNothing(t *testing.T) {
	for _, in := range []string{
		`{}`, `{"vin":""}`, `{"vin":"?"}`, `{"vin":"IOQ"}`, `{"plate":"AB 123"}`,
		`{"vin":"5YJXCAE43MF000001","zone":"restricted","class":"private"}`,
		`{"vin":"2HGEJ6672WH50000","zone":"restricted","class":"private","model_year":2020}`,
		`{"vin":"2HGEJ6673WH500001","zone":"restricted","class":"private"}`,  // an old car's, one character misread
		`{"vin":"2HGEJ6672WH5000012","zone":"restricted","class":"private"}`, // one too many
		`{"vin":"2HGEJ6672WH","zone":"restricted","class":"private"}`,        // a part of it
		`{"vin":"2HGEJ667*WH","zone":"restricted","class":"private"}`,
		`{"vin":"2HGEJ6672WH50000O","zone":"restricted","class":"private"}`,
		`{"vin":"5YJXCAE42XF000001","zone":"restricted","class":"private"}`, // a new car's, its year made old
		`{"vin":"5YJXCAE47XF000001","zone":"restricted","class":"private"}`, // the same, its check digit made to fit
		`{"vin":"","model_year":1998,"zone":"restricted","class":"private"}`,
	} {
		var a gate.Answer
		if err := json.Unmarshal(runOK(t, in+"\n", "assess"), &a); err != nil {
			t.Fatal(err)
		}
		if a.Verdict == "grant" {
			t.Errorf("%s was granted: %+v", in, a.Reasons)
		}
		if a.Verdict != "grant" && len(a.Open) == 0 && len(a.Reasons) == 0 {
			t.Errorf("%s: %s without a reason", in, a.Verdict)
		}
	}
}

// TestVINOverTruth sends the 648 recorded VINs through the command. The answers
// recorded from NHTSA's interface must be met to the letter; the rows that
// people wrote by hand name models as people do ("GLE" for vPIC's "GLE-Class",
// "Sierra 3500HD" for its "Sierra"), so over all rows a name counts as right
// when one holds the other.
func TestVINOverTruth(t *testing.T) {
	rows := readLines(t, sharedFile(t, "data/vin/truth-dev.jsonl"))
	type truth struct {
		VIN      string            `json:"vin"`
		Kind     string            `json:"kind"`
		Expected map[string]string `json:"expected"`
	}
	var in bytes.Buffer
	truths := make([]truth, len(rows))
	for i, r := range rows {
		if err := json.Unmarshal(r, &truths[i]); err != nil {
			t.Fatal(err)
		}
		in.WriteString(truths[i].VIN + "\n")
	}
	got := bytes.Split(bytes.TrimSpace(runOK(t, in.String(), "vin", "-")), []byte("\n"))
	if len(got) != len(truths) {
		t.Fatalf("%d answers to %d VINs", len(got), len(truths))
	}
	for _, field := range []string{"Make", "Model", "ModelYear"} {
		var recorded, recordedAll, right, all int
		for i, x := range truths {
			want := x.Expected[field]
			if want == "" {
				continue
			}
			var a vin.Answer
			if err := json.Unmarshal(got[i], &a); err != nil {
				t.Fatal(err)
			}
			have := a.Attributes[field]
			same := strings.EqualFold(have, want)
			if x.Kind == "recorded-api" {
				recordedAll++
				if same {
					recorded++
				}
			}
			all++
			if same || sameLine(have, want) {
				right++
			}
			if !same {
				t.Logf("%s %s: %q; %s: %q", x.VIN, field, have, x.Kind, want)
			}
		}
		t.Logf("%s: recorded from NHTSA %d of %d to the letter; all rows %d of %d", field, recorded, recordedAll, right, all)
		if recordedAll == 0 || recorded*100 < recordedAll*99 || right*100 < all*99 {
			t.Errorf("%s: fewer than 99 %% right", field)
		}
	}
}

func sameLine(a, b string) bool {
	fold := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r == ' ' || r == '-' {
				return -1
			}
			return r
		}, strings.ToLower(s))
	}
	a, b = fold(a), fold(b)
	return a != "" && b != "" && (strings.Contains(a, b) || strings.Contains(b, a))
}
