// Package barrier drives traffic arms. It has no output for an active
// (final-denial) barrier, and must never get one: those are for people's hands
// (UFC 4-022-01: no activation by automatic detection and response).
//
// It imports gate. Life of one command: the lane's controller calls Raise once,
// after passage and act are durable; the device moves or does not; Raise
// returns what it knows of that, and never tries again.
package barrier
