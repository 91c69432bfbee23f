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
// Formats, from the documentation and source of the programs:
//
//   - hackrf_sweep (https://hackrf.readthedocs.io/en/latest/hackrf_tools.html):
//     "date, time, hz_low, hz_high, hz_bin_width, num_samples, dB, dB, …". Rows
//     are not in order of frequency (two quarters of each tuning), one sweep
//     carries one time, local and without a zone.
//   - rtl_power (rtl-sdr, src/rtl_power.c) and soapy_power -F rtl_power: the same
//     columns. rtl_power's time has whole seconds, its last value is there twice
//     and is dropped; values may be nan or -inf.
//   - All levels are relative (rf.Relative): no such receiver is calibrated.
//
// bands.csv holds the uplink ranges of 3GPP TS 36.101 and 38.101-1 and of GSM.
// In a band with time division (B38 to B53, n40, n77 …) base stations transmit on
// the same frequency: a sweep says nothing of it and it cannot be chosen.
package sweep
