// Package mqtt receives observation records that sensors publish to a broker.
//
// It may import rf. It only listens: it subscribes to one topic filter and
// leaves no will, and the connection that the protocol's library is given lets
// through no packet but those of connecting, subscribing, acknowledging, keeping
// alive and leaving. Life of one message: its fixed header is read, and a
// message longer than the limit is thrown away as it comes; a retained one, which
// is of another time, and an empty one are counted; the others wait in a bounded
// queue, are parsed in order of arrival on another goroutine, have their clock
// held against ours, and go to the lane. When the queue is full, what comes is
// counted. The payload is cleared.
//
// The protocol is MQTT 5.0 (OASIS, 2019), because that one lets a subscriber ask
// for no retained messages and for no session: what was published while the
// connection was down is old, and is not wanted. Publishers may speak any
// version; rtl_433 speaks 3.1.1. When the broker is gone it is called again with
// growing pauses.
//
// A broker proves who publishes no better than its access list does: give each
// sensor an account that may write to its own topic only, and this program one
// that may read.
package mqtt
