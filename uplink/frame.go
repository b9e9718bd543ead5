package uplink

import (
	"errors"
	"net"
)

// comma stands between the records of a frame: they are finished JSON objects,
// so joining bytes makes the array.
var comma = []byte{','}

// unlimited is the byte limit of a frame that is repeated: it is cut by count.
const unlimited = 1 << 30

// pack reads the records of the next frame, at number from or after it. size
// is the length of the frame. Repeats are cut where they were cut before.
func (l *Link) pack(src Source, from uint64) (first uint64, recs [][]byte, size int, err error) {
	maxBytes, maxRecs := l.limits(from)
	first, recs, err = src.Read(from, maxBytes, maxRecs)
	if err == nil && len(recs) > 0 && first != from {
		// Numbers are missing: what is remembered about first counts.
		if b, r := l.limits(first); b != maxBytes || r != maxRecs {
			maxBytes = b
			first, recs, err = src.Read(first, b, r)
		}
	}
	if err != nil || len(recs) == 0 {
		return first, nil, 0, err
	}
	// The queue counts records; brackets and commas are ours to count.
	size = 2 + len(recs[0])
	n := 1
	for ; n < len(recs) && size+1+len(recs[n]) <= maxBytes; n++ {
		size += 1 + len(recs[n])
	}
	return first, recs[:n], size, nil
}

func (l *Link) limits(from uint64) (maxBytes, maxRecs int) {
	maxBytes, maxRecs = l.route.suspicion.limit(), l.o.MaxBatchMessages
	if l.route.suspicion.narrow(from) && l.route.suspicion.maxRecs > 0 {
		maxRecs = min(maxRecs, l.route.suspicion.maxRecs)
	}
	if n, known := l.splits.at(from); n > 0 {
		maxRecs = int(min(uint64(maxRecs), n))
		if known {
			maxBytes = unlimited
		}
	}
	return maxBytes, maxRecs
}

// noteSent remembers and counts a frame that was written.
func (l *Link) noteSent(first, end uint64, size int) {
	again := min(end, max(l.highest, first)) - first
	l.highest = max(l.highest, end)
	l.splits.note(first, end)
	l.board.update(func(s *Status) {
		s.SentFrames++
		s.SentRecords += end - first
		s.SentBytes += uint64(size)
		s.Resent += again
		s.InFlight += size
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
	if err == nil {
		return nil
	}
	var nerr net.Error // below the usual return: it escapes
	if errors.As(err, &nerr) && nerr.Timeout() {
		return errWriteStuck
	}
	return err
}
