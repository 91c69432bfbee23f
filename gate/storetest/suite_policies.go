package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/gate"
)

// SampleVersion is a version with something in every part that a store keeps.
func SampleVersion(n int, author string) gate.PolicyVersion {
	return gate.PolicyVersion{
		Number: n, ID: "rules@" + fmt.Sprint(n), Hash: fmt.Sprintf("%064x", n), File: "rules.yaml",
		Source: fmt.Sprintf("# „żółć” <&>\npolicy: rules\nversion: %d\n\tand\u2028more", n),
		Author: author, Note: "what the order of 1 July asks", At: Noon.Add(time.Duration(n) * time.Minute).UTC(),
	}
}

// Step is a step of a version, so many seconds after it was written.
func Step(v gate.PolicyVersion, kind gate.PolicyStepKind, by string, seconds int) gate.PolicyStep {
	s := gate.PolicyStep{Version: v.Number, Kind: kind, By: by, At: v.At.Add(time.Duration(seconds) * time.Second), Note: "because „ż”"}
	if kind == gate.StepApproved {
		s.From = s.At.Add(time.Hour)
	}
	if kind == gate.StepEffective {
		s.Note = ""
	}
	return s
}

func bare(v gate.PolicyVersion) gate.PolicyVersion {
	v.Source = ""
	for i := range v.Steps {
		v.Steps[i].Seq = 0
	}
	if len(v.Steps) == 0 {
		v.Steps = nil
	}
	return v
}

func policyVersions(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	before := kit.fits(t, s)
	if list, err := s.PolicyVersions(ctx); err != nil || len(list) != 0 {
		t.Fatalf("versions of a new store: %v, %v", list, err)
	}
	_, err := s.PolicyVersion(ctx, 1)
	fails(t, err, gate.ErrNotFound)
	one, two := SampleVersion(1, gate.SetUp), SampleVersion(2, "anna")
	two.Editors = []string{"jan"}
	setUp := Step(one, gate.StepApproved, gate.SetUp, 0)
	setUp.From = setUp.At
	ok(t, s.RecordPolicyVersion(ctx, one, setUp))
	ok(t, s.RecordPolicyVersion(ctx, one, setUp)) // the same once more
	ok(t, s.RecordPolicyStep(ctx, Step(one, gate.StepEffective, "", 1)))
	ok(t, s.RecordPolicyVersion(ctx, two))
	other := two
	other.Source += "\n"
	fails(t, s.RecordPolicyVersion(ctx, other), gate.ErrExists)
	proposed, approved := Step(two, gate.StepProposed, "anna", 1), Step(two, gate.StepApproved, "maria", 2)
	for range 2 {
		ok(t, s.RecordPolicyStep(ctx, proposed))
	}
	for range 2 {
		ok(t, s.RecordPolicyStep(ctx, approved))
	}
	if got := kit.fits(t, s); got != before+6 {
		t.Errorf("%d entries more, want 6", got-before)
	}
	list, err := s.PolicyVersions(ctx)
	ok(t, err)
	if len(list) != 2 {
		t.Fatalf("%d versions", len(list))
	}
	last := int64(0)
	for _, v := range list {
		for _, step := range v.Steps {
			if step.Seq <= last {
				t.Errorf("step %+v comes after %d", step, last)
			}
			last = step.Seq
		}
	}
	want := two
	want.Steps = []gate.PolicyStep{proposed, approved}
	whole, err := s.PolicyVersion(ctx, 2)
	ok(t, err)
	if whole.Source != two.Source {
		t.Errorf("source %q, want %q", whole.Source, two.Source)
	}
	for _, got := range []gate.PolicyVersion{list[1], whole} {
		if got := bare(got); !reflect.DeepEqual(got, bare(want)) {
			t.Errorf("%+v\nwant %+v", got, bare(want))
		}
	}
	if list[0].Source != "" || list[1].Source != "" {
		t.Error("a list holds sources")
	}
	entries, err := s.Entries(ctx, 0, 100)
	ok(t, err)
	said := 0
	for _, e := range entries {
		if strings.Contains(string(e.Data), "approved") && strings.Contains(string(e.Data), "maria") {
			said++
		}
	}
	if said != 1 {
		t.Errorf("%d entries say that maria approved, want 1", said)
	}
}

// policyStepsRefused is the table of what no store takes. Nothing of it leaves
// an entry.
func policyStepsRefused(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	one, two, three := SampleVersion(1, "anna"), SampleVersion(2, "anna"), SampleVersion(3, "jan")
	two.Editors = []string{"jan"}
	ok(t, s.RecordPolicyVersion(ctx, one))
	ok(t, s.RecordPolicyVersion(ctx, two, Step(two, gate.StepProposed, "ewa", 0)))
	ok(t, s.RecordPolicyVersion(ctx, three, Step(three, gate.StepProposed, "jan", 0)))
	late := func(v gate.PolicyVersion, kind gate.PolicyStepKind, by string) gate.PolicyStep {
		return Step(v, kind, by, 600)
	}
	n := kit.fits(t, s)
	for name, c := range map[string]struct {
		step gate.PolicyStep
		want error
	}{
		"a version that is not there":    {late(SampleVersion(9, "x"), gate.StepProposed, "anna"), gate.ErrNotFound},
		"approval of a draft":            {late(one, gate.StepApproved, "maria"), gate.ErrNotAllowed},
		"approval by the author":         {late(two, gate.StepApproved, "anna"), gate.ErrSamePerson},
		"approval by the author, louder": {late(two, gate.StepApproved, "ANNA"), gate.ErrSamePerson},
		"approval by an editor":          {late(two, gate.StepApproved, "jan"), gate.ErrSamePerson},
		"approval by the proposer":       {late(two, gate.StepApproved, "ewa"), gate.ErrSamePerson},
		"approval by the set-up":         {late(two, gate.StepApproved, gate.SetUp), gate.ErrSamePerson},
		"approval by nobody":             {late(two, gate.StepApproved, " "), gate.ErrNotAllowed},
		"proposed twice":                 {late(two, gate.StepProposed, "anna"), gate.ErrNotAllowed},
		"effective and not approved":     {late(two, gate.StepEffective, ""), gate.ErrNotAllowed},
		"effective by somebody":          {late(two, gate.StepEffective, "anna"), gate.ErrNotAllowed},
		"a step of no kind":              {late(two, "blessed", "maria"), gate.ErrNotAllowed},
		"rejected without a reason":      {func() gate.PolicyStep { k := late(two, gate.StepRejected, "maria"); k.Note = " "; return k }(), gate.ErrNeedsReason},
		"before the last record":         {Step(two, gate.StepApproved, "maria", -600), gate.ErrBackdated},
		"effective before the approval":  {func() gate.PolicyStep { k := late(two, gate.StepApproved, "maria"); k.From = k.At.Add(-1); return k }(), gate.ErrPast},
		"effective at no time":           {func() gate.PolicyStep { k := late(two, gate.StepApproved, "maria"); k.From = time.Time{}; return k }(), gate.ErrPast},
	} {
		if err := s.RecordPolicyStep(ctx, c.step); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	four := SampleVersion(4, "maria")
	for name, c := range map[string]struct {
		change func(*gate.PolicyVersion)
		want   error
	}{
		"a gap":                 {func(v *gate.PolicyVersion) { v.Number = 5 }, gate.ErrExists},
		"no author":             {func(v *gate.PolicyVersion) { v.Author = "" }, nil},
		"no text":               {func(v *gate.PolicyVersion) { v.Source = "" }, nil},
		"no text, but bytes":    {func(v *gate.PolicyVersion) { v.Source = "\xff" }, nil},
		"set up once more":      {func(v *gate.PolicyVersion) { v.Author = gate.SetUp }, gate.ErrNotAllowed},
		"of no version":         {func(v *gate.PolicyVersion) { v.Of = 7 }, gate.ErrNotFound},
		"in the past":           {func(v *gate.PolicyVersion) { v.At = Noon }, gate.ErrBackdated},
		"another's text as own": {func(v *gate.PolicyVersion) { v.Hash = two.Hash }, nil},
		"a note of bytes":       {func(v *gate.PolicyVersion) { v.Note = "\x00" }, nil},
	} {
		v := four
		c.change(&v)
		if err := s.RecordPolicyVersion(ctx, v); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := s.RecordPolicyVersion(ctx, four, Step(four, gate.StepApproved, "anna", 0)); !errors.Is(err, gate.ErrNotAllowed) {
		t.Errorf("a version that comes with its approval: %v", err)
	}
	if got := kit.fits(t, s); got != n {
		t.Fatalf("what was refused left %d entries", got-n)
	}

	// Another one is approved: what was proposed before is overtaken by it.
	ok(t, s.RecordPolicyStep(ctx, Step(three, gate.StepApproved, "maria", 600)))
	fails(t, s.RecordPolicyStep(ctx, Step(two, gate.StepApproved, "maria", 700)), gate.ErrOvertaken)
	fails(t, s.RecordPolicyStep(ctx, Step(three, gate.StepEffective, "", 700)), gate.ErrNotAllowed) // not before its time
	ok(t, s.RecordPolicyStep(ctx, Step(three, gate.StepEffective, "", 600+3600)))
	fails(t, s.RecordPolicyStep(ctx, Step(three, gate.StepEffective, "", 600+3601)), gate.ErrNotAllowed)
	fails(t, s.RecordPolicyStep(ctx, Step(three, gate.StepWithdrawn, "maria", 600+3602)), gate.ErrNotAllowed)
	ok(t, s.RecordPolicyStep(ctx, Step(two, gate.StepWithdrawn, "anna", 600+3703)))
	fails(t, s.RecordPolicyStep(ctx, Step(two, gate.StepProposed, "anna", 600+3704)), gate.ErrNotAllowed)
	kit.fits(t, s)
}

// policiesAtOnce has eight people approve the same version, and eight others
// reject it, at the same time: one of them does.
func policiesAtOnce(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	one, two := SampleVersion(1, "anna"), SampleVersion(2, "anna")
	ok(t, s.RecordPolicyVersion(ctx, one, Step(one, gate.StepProposed, "anna", 0)))
	ok(t, s.RecordPolicyVersion(ctx, two, Step(two, gate.StepProposed, "anna", 0)))
	before := kit.fits(t, s)
	var mu sync.Mutex
	done := 0
	var wg sync.WaitGroup
	for g := range 8 {
		for _, step := range []gate.PolicyStep{
			Step(one, gate.StepApproved, fmt.Sprintf("approver %d", g), 600), Step(one, gate.StepRejected, fmt.Sprintf("approver %d", g), 600),
			// Both at the same instant: of two proposals one overtakes the other.
			Step(two, gate.StepApproved, fmt.Sprintf("approver %d", g), 540),
		} {
			wg.Go(func() {
				switch err := s.RecordPolicyStep(ctx, step); {
				case err == nil:
					mu.Lock()
					done++
					mu.Unlock()
				case !errors.Is(err, gate.ErrNotAllowed) && !errors.Is(err, gate.ErrOvertaken):
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	list, err := s.PolicyVersions(ctx)
	ok(t, err)
	approved := 0
	for _, v := range list {
		if len(v.Steps) > 2 {
			t.Errorf("version %d has steps %+v", v.Number, v.Steps)
		}
		if len(v.Steps) == 2 && v.Steps[1].Kind == gate.StepApproved {
			approved++
		}
	}
	if approved > 1 || done < 1 || done > 2 {
		t.Errorf("%d approved, %d steps taken", approved, done)
	}
	if got := kit.fits(t, s); got != before+int64(done) {
		t.Errorf("%d entries for %d steps", got-before, done)
	}

	var won int
	for g := range 8 {
		wg.Go(func() {
			v := SampleVersion(3, fmt.Sprintf("author %d", g))
			v.At = Noon.Add(time.Hour).UTC()
			if err := s.RecordPolicyVersion(ctx, v); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			} else if !errors.Is(err, gate.ErrExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d versions of one number", won)
	}
	kit.fits(t, s)
}

func postures(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	before := kit.fits(t, s)
	at := func(minutes int) time.Time { return Noon.Add(time.Duration(minutes) * time.Minute).UTC() }
	first := gate.PostureChange{Number: 1, By: "maria", At: at(0), Level: "bravo", Why: "„alarm” of 12:00"}
	second := gate.PostureChange{Number: 2, By: "maria", At: at(1), From: "bravo", Level: "delta", Until: at(60), Then: "alpha", Why: "exercise"}
	for _, c := range []gate.PostureChange{first, first, second, second} {
		ok(t, s.RecordPosture(ctx, c))
	}
	n := kit.fits(t, s)
	if n != before+2 {
		t.Errorf("%d entries more, want 2", n-before)
	}
	next := gate.PostureChange{Number: 3, By: "jan", At: at(2), From: "delta", Level: "normal", Why: "over"}
	for name, c := range map[string]struct {
		change func(*gate.PostureChange)
		want   error
	}{
		"by nobody":                 {func(c *gate.PostureChange) { c.By = "" }, gate.ErrNotAllowed},
		"no reason":                 {func(c *gate.PostureChange) { c.Why = " " }, gate.ErrNeedsReason},
		"no level":                  {func(c *gate.PostureChange) { c.Level = "" }, nil},
		"a gap":                     {func(c *gate.PostureChange) { c.Number = 4 }, gate.ErrExists},
		"a number twice":            {func(c *gate.PostureChange) { c.Number = 2 }, gate.ErrExists},
		"from a level that is not":  {func(c *gate.PostureChange) { c.From = "bravo" }, gate.ErrExists},
		"from one that has ended":   {func(c *gate.PostureChange) { c.At = at(61) }, gate.ErrExists},
		"back in time":              {func(c *gate.PostureChange) { c.At = at(0) }, gate.ErrBackdated},
		"ends before it begins":     {func(c *gate.PostureChange) { c.Until, c.Then = c.At, "alpha" }, gate.ErrPast},
		"ends nowhere":              {func(c *gate.PostureChange) { c.Until = at(9) }, nil},
		"falls back without an end": {func(c *gate.PostureChange) { c.Then = "alpha" }, nil},
		"an end before its time": {func(c *gate.PostureChange) {
			*c = gate.PostureChange{Number: 3, Ends: 2, At: at(59), From: "delta", Level: "alpha"}
		}, gate.ErrNotAllowed},
		"an end of another": {func(c *gate.PostureChange) {
			*c = gate.PostureChange{Number: 3, Ends: 1, At: at(61), From: "delta", Level: "alpha"}
		}, gate.ErrNotAllowed},
		"an end to another level": {func(c *gate.PostureChange) {
			*c = gate.PostureChange{Number: 3, Ends: 2, At: at(61), From: "delta", Level: "normal"}
		}, gate.ErrNotAllowed},
		"an end that somebody makes": {func(c *gate.PostureChange) {
			*c = gate.PostureChange{Number: 3, Ends: 2, By: "x", At: at(61), From: "delta", Level: "alpha"}
		}, gate.ErrNotAllowed},
	} {
		k := next
		c.change(&k)
		if err := s.RecordPosture(ctx, k); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if got := kit.fits(t, s); got != n {
		t.Fatalf("what was refused left %d entries", got-n)
	}
	end := gate.PostureChange{Number: 3, Ends: 2, At: at(61), From: "delta", Level: "alpha"}
	for range 2 {
		ok(t, s.RecordPosture(ctx, end))
	}
	end.Number = 4
	fails(t, s.RecordPosture(ctx, end), gate.ErrNotAllowed)
	end.Number = 3
	list, err := s.PostureChanges(ctx)
	ok(t, err)
	last := int64(0)
	for i := range list {
		if list[i].Seq <= last {
			t.Errorf("change %+v comes after %d", list[i], last)
		}
		last, list[i].Seq = list[i].Seq, 0
	}
	if !reflect.DeepEqual(list, []gate.PostureChange{first, second, end}) {
		t.Errorf("%+v", list)
	}
	for minute, want := range map[int]string{-1: "", 0: "bravo", 1: "delta", 59: "delta", 60: "alpha", 61: "alpha", 99: "alpha"} {
		if got := gate.PostureAt(list, at(minute)).Level; got != want {
			t.Errorf("minute %d: %q, want %q", minute, got, want)
		}
	}

	// Eight people change it at once: each of them from a level that was.
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for g := range 8 {
		wg.Go(func() {
			err := s.RecordPosture(ctx, gate.PostureChange{Number: 4, By: fmt.Sprint(g), At: at(70), From: "alpha", Level: "normal", Why: "over"})
			if err == nil {
				mu.Lock()
				done++
				mu.Unlock()
			} else if !errors.Is(err, gate.ErrExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if done != 1 {
		t.Errorf("%d changes of one number", done)
	}
	kit.fits(t, s)
}
