package uplink

// The orders in which records leave, Options.Order.
const (
	OrderFIFO       = "fifo"        // oldest first
	OrderFreshFirst = "fresh-first" // after an outage what is new goes at once, and the backlog in between
)

// lane is one of the streams in which records travel. Within a lane numbers rise.
type lane uint8

const (
	laneMain  lane = iota // everything, oldest first
	laneFresh             // what came after the connection began, while a backlog goes by the main lane
	lanes
)

// cursors is where a connection stands in the queue. With a backlog and
// OrderFreshFirst it begins parted: the main lane reads up to split, the fresh
// one from there on. Once the main lane is over, the lanes merge when nothing
// of the fresh one is on its way any more. That moment is waited for since a
// receiver of envelopes passes over numbers below the highest one it has
// stored in a lane: a fresh record that is lost now is sent again by the main
// lane of the next connection, which must not have gone past it. On a link so
// busy that the moment never comes the fresh lane simply goes on alone.
type cursors struct {
	at     [lanes]uint64 // the next record to read
	split  uint64        // the first record that came after the connection began
	merged uint64        // the main lane took over from here; 0: not parted, or not yet
	parted bool
	over   bool // the main lane has nothing below split any more
	owed   int  // bytes that the backlog is to get before more that is fresh
}

func newCursors(order string, first, next uint64) cursors {
	r := cursors{split: next}
	r.at[laneMain], r.at[laneFresh] = first, next
	r.parted = order == OrderFreshFirst && first < next
	return r
}

// old reports whether the main lane has records that are older than the
// connection.
func (r *cursors) old() bool { return !r.over && r.at[laneMain] < r.split }

// behind is the number below which everything was offered: what turns up below
// it later was not.
func (r *cursors) behind() uint64 {
	if r.parted && r.over {
		return r.at[laneFresh]
	}
	return r.at[laneMain]
}

// newest is the lane in which new records will go.
func (r *cursors) newest() lane {
	if r.parted {
		return laneFresh
	}
	return laneMain
}

// merge makes one lane of two when quiet, which says that nothing of the fresh
// lane is on its way, allows it.
func (r *cursors) merge(quiet bool) {
	if r.parted && r.over && quiet {
		r.at[laneMain] = r.at[laneFresh]
		r.merged, r.parted = r.at[laneFresh], false
	}
}

// turn says which lanes may send, the one whose turn it is first. frame is how
// large a frame of the backlog may be.
func (r *cursors) turn(frame int) (order [lanes]lane, n int) {
	switch {
	case !r.parted:
		return [lanes]lane{laneMain}, 1
	case r.over:
		return [lanes]lane{laneFresh}, 1
	case r.owed >= frame:
		return [lanes]lane{laneMain, laneFresh}, 2
	}
	return [lanes]lane{laneFresh, laneMain}, 2
}

// wrote takes note of a frame of size bytes that ends before record end. share
// is the backlog's part of the bytes in percent. What is owed to it is never
// more than belongs to one full frame, so that a backlog which could not be
// sent for a while does not make up for it.
func (r *cursors) wrote(in lane, end uint64, size, share, frame int) {
	r.at[in] = end
	if in == laneMain {
		r.owed = max(r.owed-size, 0)
	} else {
		r.owed = min(r.owed+size*share/(100-share), max(frame*share/(100-share), frame))
	}
}

// proven is one past the last record of the main lane among from..to, which
// may go over the seam between the lanes; 0: there is none.
func (r *cursors) proven(from, to uint64) uint64 {
	switch {
	case !r.parted && r.merged == 0, r.merged > 0 && to >= r.merged:
		return to + 1
	case from < r.split:
		return min(to+1, r.split)
	}
	return 0
}

// sentBefore knows which records were sent at all: those below a number, and
// those that went by a fresh lane.
type sentBefore struct {
	below uint64
	fresh []split
}

// maxFreshSpans bounds the list: one for each connection since the main lane
// last went past them. Beyond it two become one, which makes a count in the
// status a little too high.
const maxFreshSpans = 64

// note takes up a frame of the records first..end-1 and counts those that had
// been sent before.
func (b *sentBefore) note(in lane, first, end uint64) (again uint64) {
	again = min(end, max(b.below, first)) - first
	for _, s := range b.fresh {
		from, to := max(first, s.first, b.below), min(end, s.end)
		if from < to {
			again += to - from
		}
	}
	if in == laneMain {
		b.below = max(b.below, end)
		for len(b.fresh) > 0 && b.fresh[0].end <= b.below {
			b.fresh = b.fresh[1:]
		}
		return again
	}
	last := len(b.fresh) - 1
	if last >= 0 && (b.fresh[last].end == first || last >= maxFreshSpans) {
		b.fresh[last].end = end
		return again
	}
	b.fresh = append(b.fresh, split{first, end})
	return again
}
