package device

import "time"

// State is how a device is doing.
type State string

// The states of a device.
const (
	Missing State = "missing" // nothing is there under the port's name
	Busy    State = "busy"    // it is there and cannot be opened: held, forbidden, no serial port, stuck
	Silent  State = "silent"  // open, and nothing was decoded for too long; also, without a code, just opened
	Garbage State = "garbage" // open, bytes come, and nothing decodes
	Fine    State = "ok"
)

// Codes of the problem catalogue that a device can be in.
const (
	CodeGone       = "DEV-GONE"
	CodeBusy       = "DEV-BUSY"
	CodeStuck      = "DEV-STUCK"
	CodeSilent     = "DEV-SILENT"
	CodeGarbage    = "DEV-GARBAGE"
	CodeWrongBaud  = "DEV-WRONG-BAUD"
	CodeUnknown    = "DEV-UNKNOWN-FORMAT"
	CodeFlood      = "DEV-FLOOD"
	CodeCrash      = "DEV-CRASH"
	CodeRenumbered = "DEV-RENUMBERED"
	CodeShare      = "DEV-SHARE"
	CodeAmbiguous  = "DEV-AMBIGUOUS"
	CodePermission = "HW-PERMISSION"
	CodeConsole    = "HW-CONSOLE"
	CodeNotSerial  = "HW-NOT-SERIAL"
	CodeNoRS485    = "HW-NO-DIRECTION"
)

// Status is one device for the status document.
type Status struct {
	Name, Type string
	Port       string // as configured: a path, an address, or the match in words
	Resolved   string // where that led at the last opening, "" = never opened

	State    State
	Code     string    // of the problem catalogue, "" = none
	Flags    []string  // further codes, which the driver raised
	Since    time.Time // of this state
	Detail   string    // the driver's word, such as "3D fix, 11 satellites"
	LastLine string    // of what came, made visible, while nothing of it can be read
	LastErr  string    // why the port was not opened or ended last; stays for reading after recovery

	Found  string // in the state garbage: what seems to arrive, for the problem's sentence
	Remedy string // and what to do about it
	Baud   int    // the speed that the line is read at, 0 where it is not ours to set or not found yet
	Auto   bool   // it is to be found out

	LastAge time.Duration // since the last reading; negative = none yet
	RateHz  float64       // readings a second over the last 10 to 20 s

	Read      uint64              // readings decoded since start, lost ones included
	Bad       uint64              // frames refused: Frames[Checksum] to Frames[Range]
	Frames    [Results]uint64     // all frames, by result
	Bytes     uint64              // read from the port
	BadTimes  uint64              // readings whose own time was not plausible, dated by the clock instead
	Withheld  uint64              // readings that the configuration asks not to send, such as those of a parked vehicle
	Lost      uint64              // readings the sink counted as lost at once: rate, memory, io
	Opened    uint64              // times the port was opened
	Opens     [OpenResults]uint64 // tries to open it, by what became of them; Opened are those that are OpenOK
	Heard     int                 // tags or nodes heard since it was opened, negative = the driver hears none
	Followers int                 // who looks on at this moment, through the control socket and as clients of share
	Dropped   uint64              // who was too slow for it
	Share     *ShareStatus        // nil = the port is not shared
	Stuck     int                 // openings and closings given up because the kernel never answered
}
