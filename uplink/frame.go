package uplink

// comma stands between the records of a frame: they are finished JSON objects,
// so joining bytes makes the array.
var comma = []byte{','}

// unlimited is the byte limit of a frame that is repeated: it is cut by count.
const unlimited = 1 << 30

// portion says what may go into a frame.
type portion struct {
	from  uint64                    // the first record, or the next one that is there
	below uint64                    // the last one comes before it; 0: any
	last  func(first uint64) uint64 // the last record that may be in one frame with the first; nil: any
	bytes int                       // limit for a frame that was not sent before; 0: that of the server
}

// pack reads the records of the next frame. size is the length of the frame.
// Repeats are cut where they were cut before.
func (l *Link) pack(src Source, c portion) (first uint64, recs [][]byte, size int, err error) {
	maxBytes, maxRecs := l.limits(c.from, c.bytes)
	first, recs, err = src.Read(c.from, maxBytes, maxRecs)
	if err == nil && len(recs) > 0 && first != c.from {
		// Numbers are missing: what is remembered about first counts.
		if b, r := l.limits(first, c.bytes); b != maxBytes || r != maxRecs {
			maxBytes = b
			first, recs, err = src.Read(first, b, r)
		}
	}
	if err != nil || len(recs) == 0 || c.below > 0 && first >= c.below {
		return first, nil, 0, err
	}
	if c.below > 0 {
		recs = recs[:min(uint64(len(recs)), c.below-first)]
	}
	if c.last != nil {
		if n := c.last(first) - first; n < uint64(len(recs)) {
			recs = recs[:n+1]
		}
	}
	// The queue counts records; brackets and commas are ours to count.
	size = 2 + len(recs[0])
	n := 1
	for ; n < len(recs) && size+1+len(recs[n]) <= maxBytes; n++ {
		size += 1 + len(recs[n])
	}
	return first, recs[:n], size, nil
}

func (l *Link) limits(from uint64, bytes int) (maxBytes, maxRecs int) {
	maxBytes, maxRecs = l.route.poison.limit(), l.o.MaxBatchMessages
	if bytes > 0 {
		maxBytes = min(maxBytes, bytes)
	}
	if l.route.poison.alone(from) && l.route.poison.maxRecs > 0 {
		maxRecs = min(maxRecs, l.route.poison.maxRecs)
	}
	if n, known := l.cutAt(from); n > 0 {
		maxRecs = int(min(uint64(maxRecs), n))
		if known {
			maxBytes = unlimited
		}
	}
	return maxBytes, maxRecs
}

// cutAt asks both lanes how record from was cut: what went by the fresh lane
// and was not proven comes again by the main one.
func (l *Link) cutAt(from uint64) (records uint64, known bool) {
	for i := range l.splits {
		n, k := l.splits[i].at(from)
		if n > 0 && (records == 0 || k && !known || k == known && n < records) {
			records, known = n, k
		}
	}
	return records, known
}

// noteSent remembers and counts a frame that was written; wire is what the
// connection has written since the last one.
func (l *Link) noteSent(fr sentFrame, wire uint64, bounds func() (first, next uint64)) {
	again := l.sent.note(fr.lane, fr.from, fr.end)
	cuts := &l.splits[fr.lane]
	cuts.note(fr.from, fr.end)
	cuts.trim(bounds)
	l.board.update(func(s *Status) {
		s.SentFrames++
		s.SentRecords += fr.end - fr.from
		s.SentBytes += uint64(fr.bytes)
		s.WireBytes += wire
		s.Resent += again
		s.InFlight += fr.bytes
	})
}

// growBuffer makes the next connection's write buffer hold size bytes.
func (l *Link) growBuffer(size int) {
	for l.writeBuffer < size {
		l.writeBuffer *= 2
	}
}

// writeError names a write that timed out; the reader knows better about
// everything else that can happen to a connection.
func writeError(err error) error {
	if isTimeout(err) {
		return errWriteStuck
	}
	return err
}
