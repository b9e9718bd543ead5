// Package clock says what time it is, how far that can be trusted, and in
// which boot: the three facts by which a reading is ordered and dated on a
// machine that may have no battery clock.
//
//	c, err := clock.New(lastGood)
//	now := c.Now()
//	if now.Trusted { date with now.Unix } else { keep now.Mono and c.BootID() }
//
// Trusted means two things at once: the kernel says that its clock is
// synchronised (adjtimex: neither TIME_ERROR nor STA_UNSYNC), and the clock
// does not stand before the floor, the build date or the last time known to
// have been good. A kernel that may not be asked (seccomp, EPERM) counts as
// not synchronised, and Reason says so. In many containers nobody
// synchronises the kernel, so an untrusted clock is an ordinary state, not a
// fault.
//
// Now may be called for every reading: it costs one clock_gettime and one
// read of the wall clock; adjtimex is asked at most once a second, so trust
// may be late by that much. All methods are safe for concurrent use.
//
// Limits: Linux only; the boot id comes from /proc. The kernel's word is
// taken as it is: a time server that lies is believed.
package clock
