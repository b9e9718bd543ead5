// Package clock says what time it is, how far that can be trusted, and in
// which boot: the three facts by which a reading is ordered and dated on a
// machine that may have no battery clock.
package clock

// Now is one look at the clocks.
type Now struct {
	Mono    int64 // milliseconds since boot, suspend included (CLOCK_BOOTTIME); never steps
	Unix    int64 // the wall clock, Unix milliseconds; may be anything
	Trusted bool  // the wall clock is synchronised by the kernel's word and not before the floor
}
