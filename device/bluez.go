package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"

	"portti/device/bluez"
	"portti/device/jsonline"
)

// BLEOptions holds the keys of type "ble".
type BLEOptions struct {
	TagOptions
	Adapter string `toml:"adapter"` // hci0 or an address; "" = the first that is on
	Scan    string `toml:"scan"`    // active (default) | passive
}

// What can keep a gateway from hearing anything.
const (
	codeBLENoBlueZ   = "BLE-NO-BLUEZ"
	codeBLENoAdapter = "BLE-NO-ADAPTER"
	codeBLEBlocked   = "BLE-RFKILL"
	codeBLERights    = "BLE-RIGHTS"
	codeBLEStalled   = "BLE-STALLED"
)

func bleKind() Kind {
	return Kind{
		Name: "ble", Silence: bleSilence, Silent: codeBLESilent,
		Open: openBlueZ,
		Source: func(c Config) string {
			if a := optionsOf[BLEOptions](c).Adapter; a != "" {
				return "Bluetooth adapter " + a
			}
			return "Bluetooth adapter"
		},
		Options:     func() any { return new(BLEOptions) },
		NamesThings: func(Config) bool { return true }, // by their addresses
		Problems:    append(bleProblems(), scanProblems()...),
		New:         newBLE,
		Sample: `[[device]]
name = "ble{n}"
type = "ble"                      # the gateway's own Bluetooth, through BlueZ: docs/bluez.md
id = "XXXX03BLU000{serial}"
# adapter = "hci0"                # or its address; without this line the first that is switched on
# scan = "active"                 # active | passive = only listen, where BlueZ can: docs/bluez.md
# tags = { "AA:BB:CC:DD:EE:FF" = "XXXX03TAG00000001" }   # address of a tag = its tsmTuid
# only_tags = false               # true = only the tags named above
# expect_every = "10m"            # a tag named above that is not heard for three times this = a problem
# rssi_floor = -90                # dBm; what is heard more faintly is not taken
# tag_interval = "1m"             # of each kind of reading of a tag one in so long a time
# keys = { "A4:C1:38:8D:18:B2" = "231d39c1d7cc1ab1aee224cd096db932" }   # address of a tag = its key
# keys_file = "/etc/portti/credentials/ble-keys"   # further ones, a line each: address, key
`,
	}
}

// openBlueZ begins a scan; package bluez says what its bytes are.
func openBlueZ(ctx context.Context, c Config) (Opened, error) {
	o := optionsOf[BLEOptions](c)
	line, err := bluez.Open(ctx, bluez.Options{Adapter: o.Adapter, Passive: o.Scan == "passive"})
	if err != nil {
		return Opened{}, bleRefused(err)
	}
	return Opened{Line: bleLine{line}, Path: line.Adapter()}, nil
}

// bleRefused says which state a reason is.
func bleRefused(err error) *OpenError {
	e := &OpenError{State: Missing, Code: codeBLENoBlueZ, Err: err}
	var why *bluez.Error
	if !errors.As(err, &why) {
		return e
	}
	switch why.Reason {
	case bluez.NoAdapter:
		e.Code = codeBLENoAdapter
	case bluez.Blocked:
		e.State, e.Code = Busy, codeBLEBlocked
	case bluez.Forbidden:
		e.State, e.Code = Busy, codeBLERights
	}
	return e
}

// bleLine is a scan as a Line.
type bleLine struct{ *bluez.Line }

func (l bleLine) Read(p []byte) (int, error) {
	n, err := l.Line.Read(p)
	return n, bleEnd(err)
}

// bleEnd says the end of a scan as that of a port.
func bleEnd(err error) error {
	switch {
	case errors.Is(err, bluez.ErrClosed):
		return errInterrupted
	case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

// ble reads what BlueZ hears, in the lines of package bluez. What becomes of an
// advertisement, bleTags says; a note of the scan counts as understood.
type ble struct {
	framer bleFramer
	tags   *bleTags
	log    *slog.Logger
	active string // that the scan is, where it should not be
}

func newBLE(c Config, env Env) (Driver, error) {
	o := optionsOf[BLEOptions](c)
	adapter := regexp.MustCompile(`^(hci[0-9]{1,3}|([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})?$`)
	var errs []error
	if !adapter.MatchString(o.Adapter) {
		errs = append(errs, keyError("adapter", "must be a name such as hci0, or an address such as B8:27:EB:12:34:56"))
	}
	if o.Scan != "" && o.Scan != "active" && o.Scan != "passive" {
		errs = append(errs, keyError("scan", "must be active or passive"))
	}
	tags, err := newBLETags(o.TagOptions, c, env)
	if err = errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	return &ble{framer: newBLEFramer("", c.MaxLine), tags: tags, log: env.Log}, nil
}

// Run is part of Driver.
func (b *ble) Run(port Port, out Out) error {
	hears(out, 0)
	chunk := make([]byte, 4096)
	waits, err := b.tags.wait(port)
	if err != nil {
		return err
	}
	for {
		n, err := port.Read(chunk)
		for _, c := range chunk[:n] {
			switch line, _, done := b.framer.put(c); {
			case !done:
			case line == nil:
				out.Frame(TooLong)
			case len(trim(line)) > 0:
				b.take(trim(line), out)
			}
		}
		if waits && errors.Is(err, os.ErrDeadlineExceeded) {
			b.tags.watch(out)
			_, err = b.tags.wait(port)
		}
		if err != nil {
			return fmt.Errorf("cannot go on scanning: %w", err)
		}
	}
}

func (b *ble) take(line []byte, out Out) {
	if line[0] != '{' {
		out.Frame(Unknown) // the end of a line, where a recording begins
		return
	}
	if note, ok := parseBLENote(line); ok {
		out.Frame(b.note(note, out))
		return
	}
	b.tags.take(line, out)
}

// bleNote is what a scan says of itself.
type bleNote struct {
	what   string
	why    string
	number string
}

func parseBLENote(line []byte) (n bleNote, ok bool) {
	if !bytes.HasPrefix(line, []byte(`{"note"`)) || !jsonline.Valid(line) {
		return n, false
	}
	var s jsonline.Scanner
	for s.Reset(line); s.Next(); {
		switch key := string(s.Key()); {
		case key == "note" && s.Kind() == jsonline.String:
			n.what = string(s.Raw())
		case key == "why" && s.Kind() == jsonline.String:
			n.why = strings.ReplaceAll(string(s.Raw()), `\"`, `"`)
		case (key == "seconds" || key == "adverts") && s.Kind() == jsonline.Number:
			n.number = string(s.Raw())
		}
	}
	return n, n.what != ""
}

// note shows and logs what the scan says.
func (b *ble) note(n bleNote, out Out) Result {
	if _, err := strconv.ParseUint(n.number, 10, 32); err != nil && n.number != "" {
		return Malformed
	}
	text := ""
	switch n.what {
	case "active":
		text = "the scan is active: " + n.why
		b.active = text // as long as this scan goes on
	case "restarted":
		text = "nothing heard for " + n.number + " s: the scan was begun again"
	case "cycled":
		text = "nothing heard for " + n.number + " s: the adapter was switched off and on"
	case "stalled":
		text = "nothing heard for " + n.number + " s, whatever was done"
		raise(out, codeBLEStalled, true)
	case "heard":
		raise(out, codeBLEStalled, false)
		b.tags.aside = b.active
		b.tags.tell(out)
		b.log.Info("bluetooth scan", "event", "ble.heard")
		return OK
	case "dropped":
		text = n.number + " advertisements could not be read in time"
	default:
		return Unknown
	}
	if n.why != "" && n.what != "active" {
		text += " (" + n.why + ")"
	}
	if n.what != "dropped" {
		b.tags.aside = text // a look at the tags meanwhile says it too
	}
	out.Detail(text)
	b.log.Info("bluetooth scan", "event", "ble."+n.what, "detail", text)
	return OK
}
