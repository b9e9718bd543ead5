package status

// Queue is the buffer in detail: what `portti queue stats` shows.
type Queue struct {
	Schema  int  `json:"schema"`
	Running bool `json:"running"` // a daemon told this; else the files did
	// Gateway is the tsmGw, empty when not known.
	Gateway string         `json:"gateway"`
	Buffer  Buffer         `json:"buffer"` // without a daemon: headroom, commits and holds are 0
	Totals  Ledger         `json:"totals"`
	Devices []QueueDevice  `json:"devices"` // every one that ever had a reading, by name
	Segment []QueueSegment `json:"segments"`
	Damaged []string       `json:"damaged"` // files set aside
	Imports []QueueImport  `json:"imports"`
	Faults  []string       `json:"faults"` // without a daemon: what `portti queue check` says
}

// QueueDevice is the account of one device; the name "" is for readings whose
// device is not known.
type QueueDevice struct {
	Name   string `json:"name"`
	Ledger Ledger `json:"ledger"`
}

// QueueSegment is one file of the buffer.
type QueueSegment struct {
	File    string `json:"file"`
	First   uint64 `json:"first"`
	Last    uint64 `json:"last"`
	Records uint64 `json:"records"`
	Waiting uint64 `json:"waiting"`
	Bytes   int64  `json:"bytes"`
}

// QueueImport is what was taken over from another gateway.
type QueueImport struct {
	Gateway string      `json:"gateway"`
	Epoch   string      `json:"epoch"`
	Ranges  [][2]uint64 `json:"ranges"`
}
