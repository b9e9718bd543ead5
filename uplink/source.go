package uplink

// Source is the queue the link drains. The queue owns the replay hold: it
// alone knows times and pressure, so a Link never keeps what it has proven.
//
// All calls come from the goroutine that runs Link.Run, one at a time.
// Numbers rise and have gaps; a Link never computes a count from two of them.
type Source interface {
	// Read hands out a gapless run of at least one record beginning at from
	// or at the next number present, at most maxRecs records and, but for the
	// first, at most maxBytes bytes. The slices are good until the next Read.
	// Nothing there yet: nil records and a nil error. io.EOF: no record will
	// ever follow. Any other error ends Link.Run.
	Read(from uint64, maxBytes, maxRecs int) (first uint64, recs [][]byte, err error)
	// Ack says that the records from..through are proven to have arrived.
	Ack(from, through uint64) error
	// Rewind says that the link ended in a way nobody asked for: what is
	// acknowledged but still held waits again. It returns where to read on.
	Rewind() (from uint64, err error)
	// Forget says that the link was closed in order with every proof in.
	Forget() error
	// Quarantine sets record n aside: the server will never take it.
	Quarantine(n uint64, reason string) error
	// Bounds gives the first number not released and the next one to come.
	Bounds() (first, next uint64)
	// Changed is closed when there is more to Read. Take it before Read.
	Changed() <-chan struct{}
}

// Naming is a Source whose records have names that a server can know them by, for
// ever: a gateway and an epoch, and with them the record's number. AckEnvelope needs
// one.
type Naming interface {
	// Name is what record n is called, the epoch as 16 hexadecimal digits, and the
	// last number that has the same name. There is one for the record to come next.
	Name(n uint64) (gateway, epoch string, last uint64)
	// Part has what comes from now on go by another name than what waits, so that it
	// may be sent first: a server keeps one highest number for each name. It returns
	// the number of the next record to come; with false it cannot be done now.
	Part() (next uint64, ok bool)
}

// surfacing is a Source whose records can appear below where its reader stands,
// as when a disk comes back. Behind says that there are some. The Link then
// closes its connection in order, once nothing else is to be sent, and begins
// anew at Bounds.
type surfacing interface {
	Behind(next uint64) bool
}

// bulk is a Source that sets many records aside for the price of one.
type bulk interface {
	QuarantineAll(ns []uint64, reason string) error
}

// The reasons a Link gives to Source.Quarantine.
const (
	QuarantineTooBig   = "too-big"  // the server refuses one message for its size
	QuarantineRejected = "rejected" // the server closes the link at this message, every time
)
