// Package auth says who may do what: people, roles, sessions, devices.
//
// It is pure but for the random numbers it draws: time is an argument, nothing
// is stored, nothing is logged. It imports nothing of this module. Life of one
// request: a person's opaque session token is hashed and found in the store (or
// a device's EdDSA-signed token is verified here and the device looked up for
// revocation), which yields a role (or a kind), and May (or DeviceMay) is asked
// before the act.
package auth
