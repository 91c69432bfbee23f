// Package udp receives observation records that sensors send one a datagram.
//
// It may import rf. Nothing is ever sent: the socket is reached through an
// interface that cannot write. Life of one datagram: it is read into one of a
// fixed number of buffers; one from an address that is not allowed, an empty one
// or one too long is counted and its buffer used again; the others wait in a
// queue, are parsed in order of arrival on another goroutine, have their clock
// held against ours, and go to the lane. The buffer is cleared. When all buffers
// wait, what comes is counted as dropped, and so is what the kernel threw away
// because nobody read in time, on systems that tell (Linux, SO_RXQ_OVFL).
//
// A source address proves little on a network that others can write to: sensors
// belong on a segment of their own.
package udp
