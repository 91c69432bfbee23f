// Package refdata keeps a site's reference data as signed, numbered releases
// that several authorities agree on, carried as one file on a stick or by the
// hub and verified without a network.
//
// A release is a repository of The Update Framework (TUF specification 1.0.31,
// https://theupdateframework.github.io/specification/v1.0.31/): root, timestamp,
// snapshot and targets metadata, a delegated role for each part of the data
// (VIN index, telematics catalogue, supply graph, lists, radio prefixes, policy
// packs, TACs) and for each ally and each site that reports findings. Every
// role has its own keys and its own number of signatures. An ally's role is
// marked binding or advice in our targets metadata, which our own authorities
// sign.
//
// The package may import gate, vin, vin/telematics, policy, policy/supply,
// policy/pack and rf, and go-tuf for everything that is signed. It asks no
// clock: the time is an argument, the later of the clock and the last record.
//
// Life of one release: Draft writes the next metadata from an agreement and
// files; each authority signs its copy on its own machine with Repo.Sign, and
// Repo.Join brings the signatures together; WriteArchive packs it. At the site
// Read takes the file in, entry by entry: metadata first, and nothing after it
// is read before all signatures, numbers and dates hold; then each file must be
// one that was signed for, of its length and hash; then every part must open.
// Store.Install writes it into a directory of its own and moves one pointer, so
// that a crash leaves the old release or the new one. Store.Load verifies the
// installed files again at every start.
package refdata
