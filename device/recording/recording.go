package recording

import (
	"encoding/json"
	"time"
)

// Version is the number in the first line. A reader refuses one that is higher.
const Version = 1

// Header is the first line: what it takes to decode the bytes again. It holds no secret.
type Header struct {
	Portti  string    `json:"portti"`            // version of the program that recorded
	Gateway string    `json:"gateway,omitempty"` // tsmGw
	Name    string    `json:"name"`              // of the device
	Type    string    `json:"type"`
	Binary  bool      `json:"binary,omitempty"` // the wire carries no text for people
	Started time.Time `json:"started"`          // by the wall clock, right or not
	Mono    int64     `json:"mono_ms"`          // milliseconds since boot at the time 0 of the records
	Floor   int64     `json:"floor_ms"`         // Unix milliseconds before which it cannot have been
	// Keys are the settings of the device that matter for decoding, by their names in
	// the configuration. Withheld are the names of those that are secret and were set.
	Keys     map[string]json.RawMessage `json:"keys,omitempty"`
	Withheld []string                   `json:"withheld,omitempty"`
}

// What says what a record is.
type What byte

// The kinds of records. Only In, Out, Opened and Ended are needed to decode again; the
// others are for whoever looks on.
const (
	In       What = '<' // bytes that were read, as one Read gave them
	Out      What = '>' // bytes that were written to the port
	Opened   What = '+' // the port was opened; Data is the path that it had
	Ended    What = '-' // it could not be opened, or ended; Data says why
	Reading  What = '=' // Data is a message as it would be sent
	Rejected What = '!' // a frame was refused; Data says why
	Stopped  What = '.' // the last record; Data says why, if it was not asked for
)

// Clock is what the gateway's clock showed at a record.
type Clock struct {
	Unix    int64 // milliseconds
	Trusted bool
	Err     int64 // seconds that a trusted time may be wrong at worst
}

// Record is one line.
type Record struct {
	At    time.Duration // since the recording began, by a clock that never steps
	Clock Clock
	What  What
	Data  []byte
}
