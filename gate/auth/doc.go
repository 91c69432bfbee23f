// Package auth says who may do what: people, roles, sessions, devices.
//
// It is pure but for the random numbers it draws; it imports nothing of this
// module. Life of one request: a person's opaque session token (or a device's
// EdDSA-signed JWT) is checked, yields a Subject, and Subject.May is asked
// before an act.
package auth
