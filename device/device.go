package device

import (
	"io"
	"log/slog"
	"time"

	"portti/device/clock"
	"portti/device/thingsee"
)

// Port is the byte stream a driver reads: a serial line, a raw TCP connection
// to a serial device server, or one end of net.Pipe in a test.
//
// Read never returns (0, nil). A deadline that passes gives
// os.ErrDeadlineExceeded and leaves the port usable; any other error means
// the port is gone and the driver must return it. Only one goroutine reads.
// Write and SetReadDeadline may be called while a Read is blocked.
type Port interface {
	io.ReadWriter
	SetReadDeadline(time.Time) error
}

// Driver decodes one byte stream.
//
// Run reads port until it fails and returns that error, wrapped with what was
// being done. It starts no goroutine, never reopens and keeps no reference to
// port or out after it returns. Bad data is never a reason to return: it is
// counted with Out.Frame and the driver finds the next frame by itself.
// A Driver value is used for one Run only.
type Driver interface {
	Run(port Port, out Out) error
}

// Leaver is a Driver that has something to say to its device when it is told to end,
// such as to take back what it has set.
type Leaver interface {
	Driver
	// Leave is called once, from another goroutine than Run's, while Run runs and
	// before its port fails. It may only write, and has leaveLimit for it.
	Leave(port io.Writer)
}

// Out is where a driver puts what it decoded. It is called from the goroutine
// that runs the driver and never waits for the network; for an input with flow
// control (TCP) Emit may wait for room in memory.
type Out interface {
	// Emit hands one reading on. m is read during the call and belongs to the
	// driver again afterwards, so one Message can serve all readings.
	Emit(m *thingsee.Message)
	// Frame counts one sentence, line or frame seen on the wire, good or bad.
	Frame(r Result)
	// Detail replaces the short text for people next to the device's state,
	// such as "3D fix, 11 satellites". It is cheap to call with an equal text.
	Detail(text string)
}

// Result says what became of one frame on the wire.
type Result uint8

// The results of a frame. Everything from Checksum to Range is bad input;
// Unknown is well formed but not for us and does not count as bad.
const (
	OK        Result = iota // understood, whether a reading came of it or not ("warming up")
	Unknown                 // another device's, a comment, half a frame at the opening
	Checksum                // its own check says that bytes are wrong
	TooLong                 // no end within the longest frame there can be
	Malformed               // not of the form that the device is known to send
	Range                   // a value that the sensor or the message cannot have
	Results                 // their number
)

// String is the result in words.
func (r Result) String() string {
	words := [...]string{"ok", "unknown", "wrong checksum", "no end within the longest line", "malformed", "a value out of range"}
	if int(r) < len(words) {
		return words[r]
	}
	return "unknown result"
}

// Env is what the daemon lends to every driver.
type Env struct {
	Gateway string // tsmGw, never empty in the daemon
	Clock   *clock.Clock
	Log     *slog.Logger
	// Now is what a driver measures pauses with and sets deadlines by; nil = time.Now.
	// A replay has a time of its own.
	Now func() time.Time
	// Live says that this is the gateway itself: its devices know of each other
	// (fallback_for), and what they read may act on other programs (clock_out). A replay
	// is not, nor is a device that is tried alone.
	Live bool
	// Pressure is how full the gateway's buffer is, from 0 to 1; nil = that is not known.
	// It may be called from any goroutine, about once a second.
	Pressure func() float64

	receivers *receivers // nil = there is no Set
}

// now is the time for pauses and deadlines.
func (e Env) now() time.Time {
	if e.Now == nil {
		return time.Now()
	}
	return e.Now()
}

// Config is one [[device]] of the configuration.
type Config struct {
	Name        string  `toml:"name"`
	Type        string  `toml:"type"`
	Enabled     *bool   `toml:"enabled"`
	Port        string  `toml:"port"`         // path, by-id or by-path name, tcp://host:port
	Match       *Match  `toml:"match"`        // instead of port
	Baud        Baud    `toml:"baud"`         // 0 = the kind's own, BaudAuto = to be found out
	Parity      string  `toml:"parity"`       // none | even | odd, "" = none
	StopBits    int     `toml:"stop_bits"`    // 1 or 2, 0 = 1
	RS485       bool    `toml:"rs485"`        // the port's driver switches between sending and listening, by RTS
	RTSLevel    string  `toml:"rts_level"`    // while it sends: high | low, "" = high
	RTSBefore   string  `toml:"rts_before"`   // duration text: from switching to sending
	RTSAfter    string  `toml:"rts_after"`    // and back
	DTR         *bool   `toml:"dtr"`          // nil = leave as the driver opens it
	RTS         *bool   `toml:"rts"`          //
	ID          string  `toml:"id"`           // tsmTuid
	RateLimit   float64 `toml:"rate_limit"`   // readings per second, 0 = none
	MaxLine     int     `toml:"max_line"`     // bytes, 0 = the kind's own
	ExpectEvery string  `toml:"expect_every"` // duration text; silent after three times this
	Report      *Report `toml:"report"`       // which readings are sent, nil = all
	Share       string  `toml:"share"`        // host:port where other programs get the port's bytes, "" = nowhere
	// Options holds the keys that only this type has: a pointer such as the
	// Options of its Kind gives. nil = none of them is set.
	Options any `toml:"-"`
}

// Match finds a USB serial adapter by what it says of itself.
type Match struct {
	VID       string `toml:"vid"` // four hex digits
	PID       string `toml:"pid"`
	Serial    string `toml:"serial"`
	Interface string `toml:"interface"` // two digits, as in bInterfaceNumber
}
