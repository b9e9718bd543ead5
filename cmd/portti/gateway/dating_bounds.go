package gateway

import (
	"slices"

	"portti/buffer"
)

// beganIn is when a boot can have begun, in Unix milliseconds.
type beganIn struct{ lo, hi int64 }

// between narrows down when a boot began by the boots around it: it began after
// every earlier one of known time had ended, and had lasted when a later one
// began. Of those between them it counts that they lasted. What is known to have
// lasted may be less than what did, and then the bounds are too wide, never wrong.
func between(starts []buffer.Start, boot uint32, in beganIn) beganIn {
	i, found := slices.BinarySearchFunc(starts, boot, func(s buffer.Start, b uint32) int { return int(int64(s.Boot) - int64(b)) })
	var gap int64
	for j := i - 1; j >= 0; j-- {
		s := starts[j]
		gap += s.Lasted
		if s.Known {
			in.lo = max(in.lo, s.Offset.Unix-1000*s.Offset.Err+gap)
		}
	}
	gap = 0
	for j := i; j < len(starts); j++ {
		s := starts[j]
		if s.Known && !(found && j == i) {
			in.hi = min(in.hi, s.Offset.Unix+1000*s.Offset.Err-gap)
		}
		gap += s.Lasted
	}
	return in
}

// dependent says whether readings that wait may need the time of this boot, the
// last of starts: those of an earlier run in it, or of a boot before it that had
// none. Otherwise it is not fixed: what is fixed is not mended any more.
func dependent(starts []buffer.Start) bool {
	return slices.ContainsFunc(starts, func(s buffer.Start) bool { return !s.Known && (s.Again || s.Boot != starts[len(starts)-1].Boot) })
}

// middle is the offset that is least wrong at worst.
func (in beganIn) middle() buffer.Offset {
	if in.lo > in.hi { // what is known contradicts itself, as after a wrong clock
		in.lo, in.hi = in.hi, in.lo
	}
	return in.guess(in.lo + (in.hi-in.lo)/2)
}

// guess is that offset with how wrong it is at worst.
func (in beganIn) guess(unix int64) buffer.Offset {
	worst := max(in.hi-unix, unix-in.lo, 1000)
	return buffer.Offset{Unix: unix, Err: (worst + 999) / 1000}
}
