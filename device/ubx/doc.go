// Package ubx reads UBX as u-blox receivers send it: bytes in, one fix per epoch out.
// Next finds frames in a stream, a Joiner makes fixes of their messages; see the example.
//
// A stream may hold UBX, RTCM 3 and text, as NMEA 0183, one after the other: Next tells
// them apart, and says which bytes are in no frame, for whoever reads the text.
//
// # Promises
//
// Nothing is made up. A frame counts when its checksum is right and its length is one
// that its message can have. A frame that is wrong swallows nothing: the search goes on
// with its second byte. A value that cannot be (latitude 91, month 13) refuses its
// message. A position without a message that says there is a fix, is none, and what the
// receiver does not state is not in Fix.Has. Nothing allocates, but Version.Parse.
//
// # Messages
//
//	NAV-PVT                    all of a fix, u-blox 7 and later
//	NAV-HPPOSLLH               two more digits of the position, and of its error
//	NAV-POSLLH, VELNED, SOL    the same in pieces, before u-blox 7; SOL alone will do
//	NAV-STATUS                 whether there is a fix; spoofing
//	NAV-DOP                    HDOP
//	NAV-SAT, NAV-SVINFO        satellites used, where nothing better says it
//	NAV-TIMEUTC, TIMEGPS       the time; leap seconds
//	NAV-EOE                    the end of an epoch
//	MON-HW, MON-RF, SEC-SIG    jamming; SEC-SIG spoofing too
//	MON-VER                    what the receiver is
//	ACK-ACK, ACK-NAK           answers, see package device
//
// Where several messages of an epoch state one thing, the best is believed, in whatever
// order they come: PVT before the others, HPPOSLLH before PVT for the place.
//
// # Epochs
//
// Messages with one iTOW, the millisecond of the week, are one epoch. It is complete with
// NAV-EOE, with a message of another iTOW, with Idle, or with the message that ended this
// receiver's last three, so that a fix need not wait for the next. A message that
// comes after its epoch was emitted is counted by Late, and the end must be learnt anew.
//
// # Units and time
//
// The horizontal error is the receiver's hAcc. u-blox calls it an estimate of one
// standard deviation, of which it does not say in which sense; it goes out as it is.
//
// NAV-SOL's place is in metres from the centre of the earth. It becomes degrees on WGS84,
// which agree with gpsd's to 1e-9. Its height above the ellipsoid is no altitude above
// the sea, which would need a model of the geoid, so there is none.
//
// The time is rounded to the millisecond. Where only week and iTOW are stated, the leap
// seconds are those that the receiver has stated, else those announced until 2026.
//
// # Compared with gpsd
//
// Of 119 epochs in gpsd 3.22's recordings of u-blox receivers time, mode and satellites
// agree in 117; in the others gpsd dates a receiver's first epoch in 2007 and 2009 by the
// leap seconds of today. In NAV-PVT place, altitude, speed and course agree in each. In
// NAV-SOL gpsd turns the first place and velocity into degrees and keeps them for ever;
// a gpsd begun anew for each of 92 solutions has all of ours (peers_test.go).
//
// # Cost
//
// Measured: no allocation; 0.14 us for an epoch of NAV-PVT, NAV-DOP and NAV-EOE on a shared
// x86-64 core. The worst bytes there can be, headers alone that each promise 4096 bytes,
// cost about 1 us a byte.
//
// # Limits
//
// A length that lies, of a message that is not decoded, holds back what follows until as
// many bytes have come, or the caller says that it is over.
//
// Payloads beyond 4096 bytes are passed over, which only raw measurements of more than
// 127 signals have. NAV2 (a second solution), ESF and RXM are not decoded.
//
// # Sources
//
// u-blox' public interface descriptions (u-blox 6 to M8, F9 HPG 1.32, M10 SPG 5.10) for
// fields and lengths; RTCM 10403 as RTKLIB's documentation describes it. None of their
// text is here.
package ubx
