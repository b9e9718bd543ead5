package device

import (
	"bytes"
	"fmt"
	"time"

	"portti/device/thingsee"
)

// BridgeOptions holds the keys of type "ble-bridge".
type BridgeOptions struct {
	Prefix     *string           `toml:"prefix"`     // nil = accept with or without "00"
	Terminator string            `toml:"terminator"` // "" = CR or LF
	Tags       map[string]string `toml:"tags"`       // address -> tsmTuid
	OnlyTags   bool              `toml:"only_tags"`  // drop tags that tags does not name
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
		Name: "ble-bridge", Baud: bleBaud, Silence: bleSilence, Writes: true, // the answer to a heartbeat
		Options:     func() any { return new(BridgeOptions) },
		NamesThings: func(Config) bool { return true }, // by their addresses
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
// A tag is a thing of its own. Its tsmTuid is what tags names; else the first
// six characters of the device's id (or of the gateway's, where the device has
// none) and the last eleven hex digits of the address: 17 characters. Each
// advertisement that says something new becomes
//
//	12100  temp, humd, airp, lght
//	1111   accx, accy, accz
//	24100  carbonDioxide, status 0
//	1110   batl, only of a known percentage
//	90200  voltage (V), txPower (dBm), count (movements), index (number of the
//	       measurement): values without a published message, in published words
//	1202   tuid, rssi, rssiDbm: said by the gateway, so under its own tsmTuid
//
// as far as it has the values. A value outside the catalogue's limits is left
// out and the line counted as Range. The same measurement heard again says
// nothing new: an equal sequence number (RuuviTag), or else equal data within
// bleRepeat. Devices that neither tags names nor we can decode, the phones and
// beacons around, are nobody's tags: counted as Unknown, as are lines that are
// no JSON, such as the receiver's log.
type bleBridge struct {
	prefix  *string
	tags    map[bleAddress]string
	only    bool
	family  string // what the identity of an unnamed tag begins with
	gateway string
	now     func() int64 // milliseconds that never step

	framer bleFramer
	heard  bleTable
	msg    thingsee.Message

	payload [255]byte // of the line in hand
	result  Result    // so far
}

func newBLEBridge(c Config, env Env) (Driver, error) {
	o := optionsOf[BridgeOptions](c)
	if err := checkBLE(o); err != nil {
		return nil, err
	}
	b := &bleBridge{
		prefix: o.Prefix, only: o.OnlyTags, tags: make(map[bleAddress]string, len(o.Tags)),
		family: c.ID, gateway: env.Gateway, framer: newBLEFramer(o.Terminator, c.MaxLine),
	}
	for address, tuid := range o.Tags {
		a, _ := parseBLEAddress([]byte(address))
		b.tags[a] = tuid
	}
	if b.family == "" {
		b.family = env.Gateway
	}
	b.family = b.family[:min(len(b.family), 6)]
	b.msg.Gateway = env.Gateway
	start := time.Now()
	b.now = func() int64 { return time.Since(start).Milliseconds() }
	if env.Clock != nil {
		b.now = func() int64 { return env.Clock.Now().Mono }
	}
	return b, nil
}

// Run reads until the port fails.
func (b *bleBridge) Run(port Port, out Out) error {
	chunk := make([]byte, 1024)
	for {
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
	body, framed := b.unframe(line)
	if !framed || len(body) == 0 || body[0] != '{' {
		out.Frame(Unknown)
		return nil
	}
	ad, ok := parseBLELine(body)
	switch {
	case !ok:
		out.Frame(Malformed)
	case ad.heartbeat:
		out.Frame(OK)
		return b.acknowledge(line[:len(line)-len(body)], end, port)
	default:
		out.Frame(b.advert(&ad, out))
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

// advert works one advertisement out and says what its line was.
func (b *bleBridge) advert(ad *bleAdvert, out Out) Result {
	b.result = ad.result
	values, decoded, ok := b.decode(ad)
	if !ok {
		return Malformed
	}
	name := b.tags[ad.address]
	if ad.addressed == 0 || name == "" && (b.only || !decoded) {
		if b.result != OK {
			return b.result
		}
		return Unknown
	}
	tag, fresh := b.heard.find(ad.address)
	if fresh {
		tag.tuid = name
		if name == "" {
			tag.tuid = ad.address.tuid(b.family)
		}
		out.Detail(b.heard.detail())
	}
	if tag.repeats(&values, ad, b.now()) {
		return b.result
	}
	b.emit(tag.tuid, &values, ad, out)
	return b.result
}
