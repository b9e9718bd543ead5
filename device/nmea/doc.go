// Package nmea reads NMEA 0183 as GNSS receivers send it: bytes in, one fix
// per epoch out. A Scanner finds sentences, a Joiner makes fixes of them; see the
// example.
//
// # Promises
//
// Nothing is made up: a sentence whose checksum is wrong is an event, not a
// sentence; a field the receiver left empty, or one that makes no sense, is
// absent and never nought. Positions are integers from the digits sent to 1e-9
// degrees. Memory is bounded by the limit given to NewScanner, whatever comes.
// Nothing allocates after NewScanner and NewJoiner. An epoch is emitted once.
//
// # Framing
//
// A sentence begins with '$' or '!' wherever that stands, so that one glued to
// the rest of another is found, and is complete with the second digit of its
// checksum, before its CR and LF. Tag blocks (\...\) are stepped over. A
// sentence without a checksum is the event NoSum unless Lenient. Sentences
// that begin with '!' (AIS) are handed over as type Foreign. All talkers are
// taken, known or not; a maker's own sentences ($P...) are of type Other.
//
// # Epochs
//
// An epoch is the sentences of one time of day, in any order; those without a
// time (GSA, VTG) belong to the epoch that is open. Times less than 10 ms apart
// are one: receivers round in one sentence and cut in another. The epoch's
// time is that of its last sentence with one, and so is its position. It
// is complete with a sentence of another time, with Idle, or with the sentence
// that ended this receiver's last three cycles, so that a fix need not wait a
// second for the next. A sentence that comes after its epoch was emitted is
// counted by Late, and the end must be learnt anew, over twice as many cycles.
//
// The date comes from a valid RMC or from ZDA; without one in the epoch it is
// the day that brings the time nearest to the last one known, which is right
// across midnight. A date that within a minute of midnight would lead a whole day
// back, or on, is that of the other side. Until a date is known Time is 0. A date
// before the floor is moved on by 1024 weeks until it is not, and Rollover is set;
// where that would be beyond the latest time that it can be now, it stays as it is.
//
// # Mode
//
// Whether a fix is 3 (three-dimensional), 2 or 1 (none) follows what gpsd 3.22
// was seen to say of the same sentences:
//
//   - the last word in the epoch counts, of GGA, RMC, GNS, GLL and GSA;
//   - GGA says 3 with an altitude and four satellites or more, 1 with quality 0,
//     without a position, or when it repeats itself;
//   - GNS says 1 with mode N only, 3 with an altitude and more than three
//     satellites;
//   - RMC and GLL cannot tell 2 from 3: they say 3 where the mode before was 3
//     (RMC), an altitude came, or the last GSA named more than three satellites;
//   - a fix once 3 stays so while altitudes come, until a sentence says 1;
//   - estimated, manual and simulated fixes are fixes, if RMC says so;
//   - GPGSA is not heard once a GSA of another system has come: it is a part.
//
// Whether there is a fix at all does not hang on the order of the sentences, and
// follows the standard. Each one that says there is none makes the whole epoch void:
// RMC and GLL with status V, GLL with mode N, GNS with mode N for every system, GGA
// with quality 0 unless another system's GGA has one. The number of satellites
// does not decide (00 is dead reckoning, or a receiver that does not count), nor
// does the navigational status (V: the receiver does not state it, as u-blox does in
// every sentence from NMEA 4.10 on), though gpsd goes by both. GSA without a fix
// does not outweigh a valid sentence, since it may be the first of the next epoch.
//
// # Compared with gpsd
//
// Measured on all 99 recordings of NMEA receivers in gpsd 3.22's own tests, 7 of which
// differ at all: of 3,057 epochs that gpsd reported (its last word on each time; the 10
// recordings used in development are counted twice) 3,026 agree in time, position to
// 1e-9 degrees, and mode. The 31 others:
//
//	bundg_zeus_9.log    25  behind a multiplexer: gpsd reported before the second's GGA came
//	bt451.log            1  time goes back: gpsd counts a day on, we keep the date
//	foretrex-201.log     1  gpsd takes the mode from Garmin's own PGRMZ
//	garmin-geko201.log   1  the same, in a simulation
//	garmin17n.log        1  gpsd takes a wrong year from Garmin's own PGRMF
//	garmin25lp.log       1  GSA came after gpsd's report
//	hp58534a.log         1  no checksums: refused unless Lenient
//
// Altitude agrees wherever both have one. gpsd computes speed and course from
// positions where the receiver sends none, and drops VTG without a course; we
// leave them absent, or take the speed. Another 26 of our fixes are at times of which
// gpsd says nothing: it had not yet learnt the end of the cycle, or the
// recording ends there.
//
// # Cost
//
// Measured: no allocation; 0.7 us a sentence on a shared x86-64 core, 3,700
// ARMv6 instructions (qemu, one instruction a block, the runtime's own work
// taken off) for scanning, decoding and joining.
//
// # Limits
//
// One receiver a stream. Proprietary sentences, GSV and HDT are not decoded: a
// heading is not a course. Fields beyond the 64th are dropped, digits beyond the
// 15th too. Dates are of 1980 to 2079.
//
// # Sources
//
// NMEA 0183 as makers' manuals describe it (u-blox, MediaTek, SiRF, Quectel,
// Garmin), E. S. Raymond's "NMEA Revealed", and the behaviour of gpsd 3.22 on
// its recordings (BSD-2-Clause; none of its code is here).
package nmea
