package device

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"portti/device/dualmcu"
	"portti/device/thingsee"
	"portti/device/tsmcbor"
)

// WirepasOptions holds the keys of type "wirepas".
type WirepasOptions struct {
	Nodes     map[string]string `toml:"nodes"`      // address -> tsmTuid
	NodesFile string            `toml:"nodes_file"` // more of them, one a line
	RaiseCost bool              `toml:"raise_cost"` // raise the sink's cost while the buffer is nearly full
}

const (
	// The pauses are those of Wirepas' own library, but for wirepasSlow: at 20 ms a mesh
	// of which nothing comes would cost 50 wake-ups a second for ever.
	wirepasFast   = 20 * time.Millisecond
	wirepasSlow   = 500 * time.Millisecond
	wirepasQuiet  = 10 * time.Second       // without an indication, until polls are slow
	wirepasAnswer = 500 * time.Millisecond // for a confirm, and for an indication that was announced
	wirepasMute   = 5 * time.Second        // without an answer, until people are told: a sink that restarts its radio gives none for seconds
	wirepasResend = 3                      // of a request that the sink understood wrongly, or did not answer
	wirepasRow    = 30                     // indications in a row
)

func wirepasKind() Kind {
	return Kind{
		Name: "wirepas", Baud: 115200, Silence: 30 * time.Second, Binary: true, Polls: true, Writes: true,
		Options:     func() any { return new(WirepasOptions) },
		NamesThings: func(Config) bool { return true }, // by their addresses
		Problems:    wirepasProblems(),
		Recognise:   dualmcu.Recognise,
		New:         newWirepas,
		Sample: `[[device]]
name = "sink{n}"
type = "wirepas"                  # a Wirepas sink with Thingsee sensors, Dual-MCU protocol
port = "/dev/ttyACM{port}"
baud = 115200                     # others are set to 125000 or 1000000
id = "XXXX03WPS000{serial}"
# nodes = { "0x00C0DB01" = "XXXX03TEMP0000001" }   # address of a sensor = its tsmTuid; without: made of id and address
# nodes_file = "/etc/portti/nodes"   # more of them, a line each: 0x00C0DB01 = "XXXX03TEMP0000001"
# raise_cost = false              # true = sensors are sent to other sinks while the buffer is nearly full
`,
	}
}

func wirepasProblems() []Problem {
	return []Problem{
		{Code: "WPS-MUTE", Title: "Sink does not answer", ImpactsData: true,
			Sentence: "{subject}: the sink does not answer, so nothing is read from the mesh.",
			Actions: []string{"Check baud of this [[device]]: sinks are set to 115200, 125000 or 1000000; after a change: `sudo portti reload`", "Check the sink's power and cable",
				"See that no other program polls the sink: `systemctl status 'wirepas*'`"}},
		{Code: "WPS-STOPPED", Title: "Sink's radio is stopped", ImpactsData: true,
			Sentence: "{subject}: the sink answers, but its radio is stopped, so no sensor reaches it.",
			Actions:  []string{"Look at the device's detail: `portti devices`", "Set network address, channel and role with the maker's tool, and start the stack; portti changes nothing in a sink"}},
	}
}

// wirepas reads a Wirepas sink by the Dual-MCU protocol (package dualmcu), which only
// answers: it is asked for its stack status and address, then polled, and each
// indication that a poll announces is answered.
//
//	> C0 C0 C0 04 03 00 0F 45 C0          poll: is there something?
//	< C0 84 03 01 01 49 E9 C0             yes
//	< C0 03 07 1D 00 01 DB DC ... C0      a node sent 9F A3 01 19 33 2C 02 0A 18 2C 07 FF
//	> C0 C0 C0 83 07 01 00 .. .. C0       thanks, no more now
//
// What sensors send to endpoint 21 are Thingsee messages (package tsmcbor). Each becomes
// a message of its own tsmId and tsmEv, under the tsmTuid of nodes, or the first six
// characters of the device's id (of the gateway's, where the device has none), 000 and
// the eight hex digits of its address. Its time is that of arrival less the time that it
// was on its way. What the catalogue's message has no place for, and all of a message
// that the catalogue does not have, goes as 90200, with its tsmId in the field message
// and published names; cbor998 is the value of a key 998 that is not published.
//
// Other endpoints are another's: counted as Unknown, as are 240 and above, the mesh's
// own diagnostics. Nothing is written to the sink that changes it, but for its cost
// where raise_cost says so: 254, the highest, makes nodes choose another sink. It is
// taken back when there is room again, when portti stops, and at the next opening where
// portti died meanwhile.
type wirepas struct {
	env    Env
	nodes  map[uint32]string
	family string // what the identity of an unnamed node begins with
	heard  map[uint32]string

	port    Port
	out     Out
	scan    dualmcu.Scanner
	packets dualmcu.Packets
	decoder *tsmcbor.Decoder
	msg     thingsee.Message
	scratch []byte
	warned  bool // of a payload that cannot be read

	ask    wirepasAsk
	begun  time.Time
	alive  time.Time // the last good frame
	mute   bool      // people were told that there was none for long
	news   time.Time // the last indication
	row    int       // indications since the poll
	before []byte    // the last indication
	small  [1]byte

	address   uint32
	addressed bool
	status    dualmcu.Status
	stated    bool
	cost      wirepasCost

	mu   sync.Mutex // of writing: Leave is another goroutine's
	wire []byte     // guarded by mu
}

func newWirepas(c Config, env Env) (Driver, error) {
	o := optionsOf[WirepasOptions](c)
	nodes, err := wirepasNodes(o, env.Clock != nil)
	if err != nil {
		return nil, err
	}
	w := &wirepas{env: env, nodes: nodes, family: c.ID, heard: map[uint32]string{}, decoder: tsmcbor.New()}
	if w.family == "" {
		w.family = env.Gateway
	}
	w.family = w.family[:min(len(w.family), 6)]
	w.cost.wanted = o.RaiseCost
	w.ask.todo = wirepasAttributes
	if o.RaiseCost {
		w.ask.todo |= askCost
	}
	return w, nil
}

// Run is part of Driver.
func (w *wirepas) Run(port Port, out Out) error {
	w.port, w.out = port, out
	w.begun = w.env.now()
	w.alive, w.news = w.begun, w.begun
	w.tell()
	buf := make([]byte, 1024)
	for {
		if err := w.tick(w.env.now()); err != nil {
			return fmt.Errorf("cannot ask the sink: %w", err)
		}
		if err := port.SetReadDeadline(w.ask.until); err != nil {
			return fmt.Errorf("cannot wait for the sink: %w", err)
		}
		n, err := port.Read(buf)
		if err := w.take(buf[:n]); err != nil {
			return fmt.Errorf("cannot answer the sink: %w", err)
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("cannot read the sink: %w", err)
		}
	}
}

// take looks at new bytes.
func (w *wirepas) take(b []byte) error {
	for len(b) > 0 {
		n, ev := w.scan.Scan(b)
		b = b[n:]
		var err error
		switch ev {
		case dualmcu.Good:
			w.alive = w.env.now()
			w.back()
			err = w.frame(w.scan.Frame(), w.alive)
		case dualmcu.Refused:
			w.out.Frame(Checksum)
			err = w.again(w.env.now())
		case dualmcu.BadSum:
			w.out.Frame(Checksum)
		case dualmcu.Long:
			w.out.Frame(TooLong)
		case dualmcu.BadForm:
			w.out.Frame(Malformed)
		case dualmcu.Noise:
			w.out.Frame(Unknown)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *wirepas) frame(f dualmcu.Frame, now time.Time) error {
	switch {
	case f.Primitive&dualmcu.Answer != 0:
		w.out.Frame(w.confirmed(f, now))
		return w.tick(now) // what it says does not hang on how the bytes were read
	case !f.Indication():
		w.out.Frame(Unknown)
		return nil
	}
	if err := w.respond(f, now); err != nil {
		return err
	}
	w.out.Frame(w.indicated(f, now))
	return nil
}

// back takes note that the sink answers. One that did not for long may have restarted.
func (w *wirepas) back() {
	if w.mute {
		w.mute = false
		raise(w.out, "WPS-MUTE", false)
		w.askAnew()
	}
}

// tell shows people what the sink says of itself.
func (w *wirepas) tell() {
	text := "asking the sink"
	if w.addressed {
		text = fmt.Sprintf("sink 0x%08X", w.address)
	}
	if w.stated {
		text += ", stack " + w.status.String()
		raise(w.out, "WPS-STOPPED", !w.status.Runs())
	}
	hears(w.out, len(w.heard))
	switch n := len(w.heard); n {
	case 0:
	case 1:
		text += ", 1 node heard"
	case wirepasHeard:
		text += fmt.Sprintf(", %d nodes heard, or more", n)
	default:
		text += fmt.Sprintf(", %d nodes heard", n)
	}
	if w.cost.raised {
		text += ", cost raised: the buffer is nearly full"
	}
	w.out.Detail(text)
}

// send writes one frame.
func (w *wirepas) send(port io.Writer, f dualmcu.Frame) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.Primitive == dualmcu.CostWrite && f.Payload[0] == costMost {
		if w.cost.left {
			return nil
		}
		w.cost.touched = true
	}
	return w.writeLocked(port, f)
}

func (w *wirepas) writeLocked(port io.Writer, f dualmcu.Frame) error {
	w.wire = f.Append(w.wire[:0])
	_, err := port.Write(w.wire)
	return err
}

// wirepasCost is what became of the sink's cost.
type wirepasCost struct {
	wanted bool // by the configuration, and the sink has one
	known  bool
	raised bool // the sink said so
	lower  bool // it is to be taken back
	looked time.Time

	// Guarded by wirepas.mu.
	before  byte // what it was, and will be again
	touched bool // it may be raised: that was sent, whether the sink confirmed it or not
	left    bool // Leave was called: it is not raised any more
}

const (
	costMost = 254
	// costRaise and costRestore are how full the buffer is: far enough from each other
	// that a link that comes and goes does not move the mesh each time.
	costRaise   = 0.9
	costRestore = 0.75
	costEvery   = time.Second
)

// weigh decides whether the cost is to be another one.
func (w *wirepas) weigh(now time.Time) {
	c := &w.cost
	if !c.wanted || !c.known || w.env.Pressure == nil || now.Sub(c.looked) < costEvery {
		return
	}
	c.looked = now
	full := w.env.Pressure()
	w.mu.Lock()
	c.lower = c.touched && full < costRestore
	w.mu.Unlock()
	if c.lower || !c.raised && full >= costRaise {
		w.ask.todo |= askSetCost
	}
}

// costBefore is what the cost is without us.
func (w *wirepas) costBefore() byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cost.before
}

// Leave is part of Leaver.
func (w *wirepas) Leave(port io.Writer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cost.left = true
	if w.cost.touched {
		_ = w.writeLocked(port, dualmcu.Frame{Primitive: dualmcu.CostWrite, ID: 0xFF, Payload: []byte{w.cost.before}})
	}
}
