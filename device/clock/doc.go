// Package clock says what time it is, how far that can be trusted, and in
// which boot: the three facts by which a reading is ordered and dated on a
// machine that may have no battery clock. See the examples.
//
// # What is believed
//
// Five sources, the better first. None is believed before the floor: the build
// date, and for all but the kernel the last time known to have been good.
//
//	kernel  adjtimex says that the clock is synchronised (neither TIME_ERROR
//	        nor STA_UNSYNC). A kernel that may not be asked (seccomp, EPERM)
//	        counts as not synchronised, and Reason says so. While it lasts, Unix
//	        is the wall clock; it wins over whatever was believed before.
//	kernel, held  it was synchronised and is not any more: no time server for
//	        nine hours, or somebody set the clock by hand.
//	carried what an earlier run of this program believed in this boot (Resume).
//	gnss    three fixes in a row of one receiver, two seconds or more from first
//	        to last, whose offsets against the monotonic clock lie within 1 s. What
//	        one receiver says is a claim: it is believed alone as long as nothing
//	        contradicts it. Contradicting what the kernel vouched for, or more
//	        sources than agree with it, by more than a minute plus what a bad
//	        crystal drifts (200 ppm), it is refused; off by more than 1 s it
//	        corrects what it agrees with.
//	server  an answer's Date, or a dialect's heartbeat, uncertain by 5 s at most
//	        and within ten years of the floor, which a fix of the last ten minutes
//	        confirms to a minute, or the wall clock, not before the floor, to
//	        five minutes. It comes before any of these as well as after, and
//	        alone where the caller says so. Once believed it can be moved by a
//	        minute only, and by what drifts.
//
// Two sources that are more than a minute apart contradict each other. While nothing
// else agrees with one of them none of the two is believed, what was believed of one
// alone is taken back, and Dispute names both. Each fix keeps its own time then, with
// how wrong it may be (Hear).
//
// A wall clock that nobody synchronised is a floor, with a day's grace, and no witness:
// a machine without a clock chip wakes with its last shutdown. A receiver more than a
// month ahead of it is believed and shown; one more than two years ahead is not before
// something agrees. One that is behind it, the last good time or the build date is not.
//
// While the kernel does not vouch for the wall clock, Unix is the monotonic
// clock and the offset that was believed: a step of the wall clock is counted
// (Stepped, above 2 s, which a leap second is not) and followed by nothing. An
// offset that was once believed stays until something better comes. Err tells
// what it may have drifted since it was last confirmed, at 100 ppm.
//
// # Precision
//
// Linux slews the wall clock and the monotonic one alike, so an offset between
// them is good to a millisecond as long as the kernel is synchronised. GNSS
// time is late by what a receiver takes to begin its sentences and a line to
// carry the first: 0.05 to 0.5 s. A server's Date has whole seconds.
//
// # Limits
//
// Linux only; the boot id comes from /proc. The kernel's word is taken as it
// is: a time server that lies is believed. So are a receiver and a server that
// lie alike, and a receiver that lies where nothing else tells a time. A last good time that was wrong, which only the kernel's word or
// fixes can have made it, keeps fixes and servers from being believed until the
// kernel is synchronised.
//
// In many containers nobody synchronises the kernel, so an untrusted clock is
// an ordinary state, not a fault.
//
// Now may be called for every reading: it costs one reading of the clocks;
// adjtimex is asked at most once a second, so trust may be late by that much.
// All methods are safe for concurrent use, those of a GNSS by one goroutine.
package clock
