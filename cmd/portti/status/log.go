package status

import "time"

// LogDocument is what the gateway logged lately, the newest first. Fields are only ever added.
type LogDocument struct {
	Schema int       `json:"schema"`
	Lines  []LogLine `json:"lines"`
	// Oldest is the time of the oldest line that is still kept; nil = none is.
	Oldest *time.Time `json:"oldest"`
	More   bool       `json:"more"` // older lines are kept that were asked for and are not here
}

// LogLine is one of them. No secret is in it.
type LogLine struct {
	Number    uint64    `json:"number"` // it rises, by 1 with every line of this run
	At        time.Time `json:"at"`
	Level     string    `json:"level"` // debug, info, warn or error
	Message   string    `json:"message"`
	Event     string    `json:"event"`
	Component string    `json:"component"`
	Code      string    `json:"code"`   // of the catalogue
	Device    string    `json:"device"` // or what else it is about
	Rest      string    `json:"rest"`   // what else was said, as name=value
}
