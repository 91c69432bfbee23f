// Package privacy decides of what is in the air a site may take notice, by the
// law of its jurisdiction, and makes the pseudonyms under which an emitter may
// be kept with a vehicle's record. It imports rf; it is pure.
//
// # What the law leaves
//
// Each observation belongs to a class of emitter, and each class has one of
// four treatments:
//
//	kept     may be attributed to a vehicle, and a pseudonym of it kept with the vehicle's own record
//	heard    may be attributed within the pass, and is forgotten with it
//	counted  only that something of this class was in the air goes on, as a number
//	refused  likewise, and the receiver should be told not to listen for it
//
// The table (rules.tsv) gives the treatment for DE, UK, US and PL, each row with
// the source it rests on, a quote from it, its date, and the reason. A cell for
// which no source was found says "not verified" and takes the strictest
// treatment of the profiles that have one, which is DE's; so does every
// jurisdiction that the table does not hold. It is no legal advice: a site's
// counsel reads it (`sallyport rf rules`) before a sensor is switched on.
//
// What no jurisdiction changes: payload has no place in an observation, a name
// that fits no vehicle pattern is dropped, and the network that somebody's
// device searches for is dropped always.
//
// # Pseudonyms
//
// A pseudonym is HMAC-SHA-256 under a key of the site and the epoch, of epoch,
// class and address, cut to 128 bits. It is personal data all the same
// (EDPB Guidelines 01/2020, 2.4.2; Conseil d'État, 8 February 2017): a plain
// hash of the 2^24 addresses of one prefix is undone in seconds, and one with a
// key by whoever holds the key. So the keys change and are destroyed; see
// package gate/radiokey, which holds them.
//
// Life of one observation: Filter.Admit tells its class, drops it by reason or
// takes from it what its class may not carry; when attribution first sees its
// emitter it is asked whether a pseudonym may be made (Filter.Keeps), and
// Key.Pseudonym makes it while the address is at hand.
package privacy
