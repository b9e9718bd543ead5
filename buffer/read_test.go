package buffer

// readRecords is Read for tests that care for the records alone.
func (q *Queue) readRecords(from uint64, maxBytes, maxRecs int) (first uint64, recs [][]byte, err error) {
	first, entries, err := q.Read(from, maxBytes, maxRecs)
	recs = make([][]byte, 0, len(entries))
	for i := range entries {
		recs = append(recs, entries[i].Rec)
	}
	return first, recs, err
}
