package geofence

// Side is where a thing is.
type Side uint8

// The sides.
const (
	Unknown Side = iota
	Inside
	Outside
)

// String is the side in a word.
func (s Side) String() string {
	switch s {
	case Inside:
		return "inside"
	case Outside:
		return "outside"
	}
	return "unknown"
}

// Fence is a shape, and what it takes to believe that a side has changed.
type Fence struct {
	Shape      Shape
	Hysteresis float64 // metres outside of the border that still count as inside
	Dwell      int64   // milliseconds for which the other side must be kept
}

// decides says which side a place decides for, with its error in metres, 0 where
// none is known. Unknown = neither.
func (f *Fence) decides(p Point, within float64) Side {
	switch d := f.Shape.Distance(p); {
	case d <= -min(within, f.Shape.deep):
		return Inside
	case d > f.Hysteresis+within:
		return Outside
	}
	return Unknown
}

// Tracker follows one thing. The zero value knows nothing yet.
type Tracker struct {
	Now   Side  // where it is
	next  Side  // what has been decided for since; Unknown = nothing
	since int64 // and from when on
}

// Take looks at a position of the thing: its error in metres, 0 where none is
// known, and when it was, in milliseconds of a clock that only goes on. It says
// whether Now has changed; from Unknown too, once a position decides.
func (t *Tracker) Take(f *Fence, p Point, within float64, at int64) bool {
	d := f.decides(p, within)
	switch {
	case d == Unknown:
		return false
	case d == t.Now:
		t.next = Unknown
		return false
	case d != t.next:
		t.next, t.since = d, at
	}
	if t.Now != Unknown && at-t.since < f.Dwell {
		return false
	}
	t.Now, t.next = d, Unknown
	return true
}
