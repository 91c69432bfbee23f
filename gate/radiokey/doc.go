// Package radiokey holds the keys under which the emitters of vehicles get their
// pseudonyms, changes them, destroys them, and keeps the sets made with them.
//
// It imports gate, rf and rf/privacy. Keys lie in files of the data directory,
// readable by the owner only, and not in the database: a copy of the database
// alone links nothing. A copy of the whole directory does.
//
// # Epochs
//
// A key is used for one epoch of some days, then another one is made. Epochs are
// numbered from 1 and no number is used twice. The key before the present one is
// held for one more epoch, so that a vehicle is still known by what was kept
// then; nothing new is kept under it. When an epoch is two epochs' length old,
// or a second one has begun after it, its sets are erased, its file is
// overwritten and removed, and the log says so, in this order. What a medium
// keeps of an overwritten file (flash, snapshots, backups) is beyond the
// program: the data directory belongs on an encrypted volume.
//
// The log has every key, made and destroyed, by number and commitment
// (privacy.Key.Commitment). A file that the log does not know was never used:
// it is destroyed. A key whose file is gone, damaged or another is as good as
// destroyed: its sets are erased and the log says that it is gone. So wherever
// a crash comes between two steps, the next look finishes or undoes what was
// begun, no set is left that nobody could erase, and no number gets a second
// key.
//
// # The clock
//
// An epoch ends by the clock of the day, forward only. A clock that stands
// before the beginning of the present epoch is not believed: nothing is changed
// by it. If it stays there for a day of looks, then it was the clock at the
// beginning that was wrong, and a new epoch begins.
//
// Life of one pseudonym: attribution asks Ring.Tag about an emitter that it sees
// for the first time, and has the tag in memory for as long as it remembers the
// emitter; half a minute after the vehicle left, the lane hands the tags of its
// emitters to Ring.KeepRadioSet, which leaves out those of another epoch and has
// the store keep the rest with the passage; at the vehicle's next visit the lane
// asks Ring.RadioSet; retention of the passage, an answer to its keeper or the
// end of the epoch erase it.
package radiokey
