package device

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// BridgeOptions holds the keys of type "ble-bridge".
type BridgeOptions struct {
	TagOptions
	Dialect    string  `toml:"dialect"`    // "" = lines as they come, bleuio = a dongle that is told to scan
	Prefix     *string `toml:"prefix"`     // nil = accept with or without "00"
	Terminator string  `toml:"terminator"` // "" = CR or LF
}

const (
	bleBaud    = 9600 // what OpenMQTTGateway's serial gateway is built with
	bleMaxLine = 4096 // an advertisement of 255 bytes in hex and every key ever seen need 1,500
	// bleSilence covers OpenMQTTGateway's scan interval of 55 s, and its
	// heartbeat, which comes once a minute at least.
	bleSilence = 3 * time.Minute
	bleOMG     = "00"
)

func bleBridgeKind() Kind {
	return Kind{
		Name: "ble-bridge", Baud: bleBaud, Silence: bleSilence, Silent: codeBLESilent, Writes: true, // the answer to a heartbeat
		Options:     func() any { return new(BridgeOptions) },
		NamesThings: func(Config) bool { return true }, // by their addresses
		Problems:    bleProblems(),
		Recognise:   recogniseBridge,
		New:         newBLEBridge,
		Sample: `[[device]]
name = "bridge{n}"
type = "ble-bridge"               # a Bluetooth receiver that writes lines
port = "/dev/ttyACM{port}"
baud = 115200
id = "XXXX03BLE000{serial}"
# tags = { "AA:BB:CC:DD:EE:FF" = "XXXX03TAG00000001" }   # address of a tag = its tsmTuid
# only_tags = false               # true = only the tags named above
# expect_every = "10m"            # a tag named above that is not heard for three times this = a problem
# rssi_floor = -90                # dBm; what is heard more faintly is not taken
# tag_interval = "1m"             # of each kind of reading of a tag one in so long a time
# keys = { "A4:C1:38:8D:18:B2" = "231d39c1d7cc1ab1aee224cd096db932" }   # address of a tag = its key
# keys_file = "/etc/portti/credentials/ble-keys"   # further ones, a line each: address, key
# dialect = "bleuio"              # a BleuIO dongle, which is told to scan
# prefix = "00"                   # what stands before each object; without this line "00" or nothing
# terminator = "\r"               # what ends a line; without this line CR or LF
`,
	}
}

// bleBridge reads a Bluetooth receiver on a serial line. Two dialects are
// understood at once, one JSON object a line.
//
// OpenMQTTGateway or Theengs, between a prefix and a terminator that are "00"
// and CR in its default build:
//
//	00{"id":"CB:B8:33:4C:88:4F","rssi":-61,"manufacturerdata":"99040512fc5394c37c..."}
//	00{"id":"4C:65:A8:D0:23:1E","rssi":-73,"tempc":"19.2","hum":"52.6","batt":86}
//
// (https://docs.openmqttgateway.com/use/ble.html). Raw data is decoded here
// where we can; else the keys tempc, hum, pres (hPa), lux, batt, volt and co2
// are taken, as numbers or as strings of digits. The heartbeat of its serial
// sender is answered, since it falls silent without.
//
// The raw advert line, ours, for anybody's own receiver; LF, CR or both end it:
//
//	{"mac":"CB:B8:33:4C:88:4F","rssi":-61,"adv":"0201061BFF99040512FC53..."}
//
//	mac, addr or id    address: six pairs of hex digits, with colons, dashes or nothing between
//	rssi               dBm, may be missing
//	adv, data or raw   hex of the whole advertising payload: length, type, data, and so on
//
// A BleuIO dongle scans when it is told to, so it is written to (see bleuio).
// What becomes of an advertisement, bleTags says. Lines that are no JSON, such as
// the receiver's log, are Unknown.
type bleBridge struct {
	prefix *string
	framer bleFramer
	tags   *bleTags
	dongle *bleuio // nil = there is none
}

func newBLEBridge(c Config, env Env) (Driver, error) {
	o := optionsOf[BridgeOptions](c)
	tags, err := newBLETags(o.TagOptions, c, env)
	if err := errors.Join(o.check(), err); err != nil {
		return nil, err
	}
	b := &bleBridge{prefix: o.Prefix, framer: newBLEFramer(o.Terminator, c.MaxLine), tags: tags}
	if o.Dialect == bleuioDialect {
		b.dongle = &bleuio{now: env.now}
	}
	return b, nil
}

// check checks the keys that bridges alone have.
func (o BridgeOptions) check() error {
	var errs []error
	if o.Dialect != "" && o.Dialect != bleuioDialect {
		errs = append(errs, keyError("dialect", "must be %q, or left out", bleuioDialect))
	}
	if len(o.Terminator) > 8 {
		errs = append(errs, keyError("terminator", "must be 8 bytes at most"))
	}
	if o.Prefix != nil && (len(*o.Prefix) > 16 || strings.ContainsAny(*o.Prefix, "{ \t\r\n\x00")) {
		errs = append(errs, keyError("prefix", "must be 16 bytes at most, without braces and blanks"))
	}
	return errors.Join(errs...)
}

// Run reads until the port fails.
func (b *bleBridge) Run(port Port, out Out) error {
	hears(out, 0)
	chunk := make([]byte, 1024)
	waits := b.dongle != nil
	for again := !waits; ; {
		if again {
			var err error
			if waits, err = b.tags.wait(port); err != nil {
				return err
			}
			again = false
		}
		if err := b.dongle.drive(port); err != nil {
			return err
		}
		n, err := port.Read(chunk)
		for _, c := range chunk[:n] {
			line, end, done := b.framer.put(c)
			switch {
			case !done:
				continue
			case line == nil:
				out.Frame(TooLong)
			default:
				if err := b.line(line, end, port, out); err != nil {
					return err
				}
			}
		}
		if waits && errors.Is(err, os.ErrDeadlineExceeded) {
			b.tags.watch(out)
			again = b.dongle == nil
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot read the BLE bridge: %w", err)
		}
	}
}

// line takes one line without its terminator; end is that.
func (b *bleBridge) line(line, end []byte, port Port, out Out) error {
	line = bytes.Trim(line, " \t\r\n\x00")
	if len(line) == 0 {
		return nil
	}
	b.dongle.heard(line)
	body, framed := b.unframe(line)
	if !framed || len(body) == 0 || body[0] != '{' {
		out.Frame(Unknown)
		return nil
	}
	if heartbeat := b.tags.take(body, out); heartbeat {
		return b.acknowledge(line[:len(line)-len(body)], end, port)
	}
	return nil
}

// unframe takes the prefix off.
func (b *bleBridge) unframe(line []byte) ([]byte, bool) {
	if b.prefix != nil {
		return bytes.CutPrefix(line, []byte(*b.prefix))
	}
	return bytes.TrimPrefix(line, []byte(bleOMG)), true
}

// acknowledge answers a heartbeat, framed as it came.
func (b *bleBridge) acknowledge(prefix, end []byte, port Port) error {
	var buf [64]byte
	ack := append(buf[:0], prefix...)
	ack = append(ack, `{"type":"heartbeat_ack"}`...)
	ack = append(ack, end...)
	if _, err := port.Write(ack); err != nil {
		return fmt.Errorf("cannot answer the BLE bridge's heartbeat: %w", err)
	}
	return nil
}
