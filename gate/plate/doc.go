// Package plate reads what plate cameras, and the programs behind them, send by
// webhook. It is pure: bytes in, readings out; time, network and the lane are for
// the caller. It imports nothing of this module.
//
// Life of one message: a camera that is enrolled for a lane posts its own shape
// to the lane's address, whose last part names the shape; Parse takes the JSON
// out of the body (or out of the first part of a form that has it), reads the few
// fields that identify a vehicle, and drops all else unread: pictures, names of
// owners, lists kept in the camera, makes and colours that a camera guessed. What
// comes out is a Reading for each plate, bounded in length and number. A message
// without a plate is no error, because cameras send many.
//
// A plate is a weak identity. Every reading keeps what else the camera thought
// the plate may be, and how sure it was, for whoever weighs it.
package plate
