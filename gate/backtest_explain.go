package gate

import "sallyport/policy"

// Explain traces under a policy what was assessed, from the facts of the
// assessment and the answers that it holds. What it does not hold, because no
// rule came to ask, is answered by the Judge's graph as of the day of the facts.
// Words may be asked of into, by this goroutine, as long as a is there.
func (j *Judge) Explain(p *policy.Policy, a *Assessment, into *policy.Trace) {
	p.Trace(&a.Facts, &recordedFirst{recorded: a.Asked, graph: j.supply}, into)
}

// Assessments are all of a passage, the one at its arrival first. They hold no
// facts where the passage was erased.
func (r *PassageRecord) Assessments() []Reassessment {
	first := Reassessment{Passage: r.Passage.ID, Lane: r.Passage.Lane, At: r.Passage.At, Because: "arrival", Result: r.Passage.Result}
	return append([]Reassessment{first}, r.Reassessments...)
}

// Last is the assessment that counted at the end of a passage. It holds no facts
// where the passage was erased.
func (r *PassageRecord) Last() Assessment {
	if n := len(r.Reassessments); n > 0 {
		return r.Reassessments[n-1].Result
	}
	return r.Passage.Result
}
