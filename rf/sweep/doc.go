// Package sweep turns the power spectra of a sweeping receiver into the level of
// each cellular uplink band: the only thing that is heard of a modem here, and
// no identifier has a place in it.
//
// It may import rf and rf/internal/intake. A sweep says that something in the
// band transmits, near or loud; never what, and never that nothing is there. Life
// of one row: it is split in place, the bins that lie in an uplink band listened
// to are compared, and when the sweep comes round to its first row again one
// rf.Observation a band goes to the sink with the level, time and frequency of
// the band's strongest bin. The strongest and not the sum, because an uplink
// burst fills as little as 180 kHz of a band of 75 MHz and would drown in it.
//
// # How it was observed
//
//	hackrf_sweep -f 700:2700 -w 1000000
//	rtl_power -f 832M:862M:125k -i 1
//	soapy_power -r 832M:862M -F rtl_power
//
// hackrf_sweep (GPL-2) writes "date, time, hz_low, hz_high, hz_bin_width,
// num_samples, dB, dB, …", by its documentation
// (https://hackrf.readthedocs.io/en/latest/hackrf_tools.html), whose rows the tests
// hold: they are not in order of frequency (two quarters of each tuning, then the
// other two), and one sweep carries one time. rtl_power (rtl-sdr, GPL-2,
// src/rtl_power.c) and soapy_power (MIT) have the same columns; rtl_power writes
// its last value twice, and values may be nan or -inf. No recording of a device
// was at hand. The programs receive only, and are not linked. Their binary forms
// are not read.
//
// # What is taken
//
// bands.csv holds the uplink ranges of 3GPP TS 36.101 and 38.101-1 and of GSM. Of
// those that Config.Bands names, or European: band, level, frequency of the
// strongest bin.
//
// # What is refused
//
// A band with time division (B38 to B53, n40, n77 …) cannot be chosen: base
// stations transmit on the same frequency there, and a sweep says nothing of it. A
// row that is none or of more than 128 KiB, whose frequencies do not fit the
// number of its levels, that touches no band listened to, or has no level in one,
// is counted by its reason; a bin of no number is passed over.
//
// # Clock
//
// Times are the computer's, local and without a zone (Config.Zone says which);
// hackrf_sweep's have microseconds and are those of the sweep's beginning,
// rtl_power's whole seconds. A sweep that does not come round within 30 seconds is
// taken for two.
//
// # Level
//
// rf.Relative: no such receiver is calibrated, and rtl_power's own source doubts
// its dBm.
package sweep
