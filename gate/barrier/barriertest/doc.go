// Package barriertest holds what every driver of a traffic arm must keep to, as a
// test that a driver runs against its own device or a working imitation of it.
//
// It may import gate/barrier, rf/serial and testing. Life of one check: the driver's test
// makes a Rig, an arm with a world around it that can be broken in the ways that
// the device can break; the check raises the arm, and then asks the world how
// many pulses it felt. Model is the mechanical part of such a world, and PD an OSDP
// reader that has one.
package barriertest
