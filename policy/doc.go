// Package policy turns rules over typed facts into a verdict with all its
// reasons and open questions.
//
// It is pure: no clock, no database, no network, no logging. Time and facts
// are arguments; what stands behind a maker is asked through the Supply
// interface that this package owns. It imports nothing of this module.
//
// Life of one decision: a rule file (YAML) is parsed, type-checked and compiled
// once into a Policy by Load. A caller fills a Facts record in which every leaf
// is a value or unknown. Policy.Evaluate looks at every rule in Kleene's three
// values, keeps every reason, takes the strictest outcome and turns what kept
// a rule open into questions for the guard. Policy.Find keeps the same in a
// compact form (Findings) of which words are made on demand; Policy.Trace keeps
// the value of every part of every rule beside it; Policy.Decide gives the
// outcome alone. Each distinct condition is worked out once for a decision.
//
// # What a rule says
//
// A rule that is true says its outcome. A rule that denies or flags and whose
// condition is unknown says its if_unknown; a rule that grants then says
// nothing. Unless a grant rule speaks, the verdict is at least the policy's
// default. A rule may lift others by name; it does so only while it is true,
// and what it lifted is kept in Verdict.Lifted.
//
// # Moments
//
// A rule speaks when a vehicle wants in, when it leaves, when it stands inside,
// or at several of these (applies_on); one that does not say speaks on entry. The
// policy's default binds who wants in: nothing holds a vehicle that leaves or
// stands inside unless a rule says so.
//
// # Exemptions
//
// An exemption is a rule that lifts others: its condition and the rules that it
// lifts are its scope, the last day of its instrument is its end, and exemption
// names its holder, issuer and number, which the reason shows. Whom an authority
// authorised is asked of the reference data (authorised_by).
//
// # Modules and units
//
// A unit's candidates are alternatives: a condition holds for a unit when it
// holds for all of them, fails when it fails for all, and is unknown otherwise
// or when there are none. A unit known not to be fitted contributes nothing.
// Where it is not known whether a unit is fitted, a catalogue's word for the
// build is taken where that makes a verdict stricter (a documented module
// denies), and not where it would make it milder: there the condition stays
// unknown. Devices (role "device") are a second question: a vehicle of whose
// own units (roles "tcu" and "head-unit") none is on record has one unknown
// unit more, unless it is known that no modem is fitted.
//
// any_module is true when a unit is, every_module when all are; any_device
// looks at devices only. any_known_module looks only at units of which some
// candidate's maker is known.
//
// # Questions about our own knowledge
//
// known, unknown, surely (unknown counts as false), any_known_module, the two
// counts and that no authorisation is held ask what we know, and not how the
// world is. Where such a question could make a verdict milder when something is
// forgotten, the rule has to name the presumption and whose choice it is. A grant that would not stand if all
// those questions were answered "unknown" is marked Verdict.Presumed.
//
// # A person's word
//
// arrival.on_call is what a person at the lane said. Load admits it where it
// makes a verdict milder only in an all beside registration.class, which comes
// from the registration or the plate list.
//
// # The air
//
// What was not heard is simply not heard: a radio atom is never unknown. Load
// admits radio facts only where being true makes a verdict stricter.
//
// # The site's own lists
//
// Whether a vehicle is inside already, bears another plate or VIN than the site
// has, was just seen elsewhere, stands on the watch list or shows a pass that is
// not good for it is found or not found, as on the air: such an atom is never
// unknown, and Load admits it only where being true makes a verdict stricter.
// arrival.pass is a fact like others; where it makes a verdict milder Load admits
// only that the pass is valid.
//
// # Examples
//
// A rule file shows what it does by cases beside its rules: facts and what is
// told of the parties, or a request, and what the policy is to make of it.
// Policy.Examples reads them, Policy.RunExamples decides them, and Policy.Unshown
// names the rules that no case shows. They are no part of the policy: neither its
// hash nor a gate that loads it depends on them.
//
// # Before a change binds
//
// Analyse looks for what is wrong with a policy whose every rule is well formed:
// what can never match, is hidden, contradicts, or is asked of a site that
// cannot tell. Diff says in words in what two policies differ, and for whom.
//
// # Laws
//
// Tested over random policies and facts: replacing a known leaf, other than a
// radio one or a finding, by unknown never turns flag or deny into grant unless the grant is
// marked presumed; adding radio facts or findings never lowers a verdict; the order of rules
// never changes the outcome; adding a rule that denies or flags, and lifts
// nothing, never lowers it; the same input gives the same bytes; all of it
// agrees with a slow walk over the rules as they were written.
package policy
