package testbed

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// BridgeOptions describes a simulated BLE bridge. Zero values take the default
// named with them.
type BridgeOptions struct {
	Seed   uint64
	Format string // omg (default): OpenMQTTGateway's JSON; raw: portti's own line with the whole advert
	// Heartbeat makes the omg bridge send {"type":"heartbeat"} and stay silent
	// while nobody answers it, as a sender built with SENDER_SERIAL_HEARTBEAT.
	Heartbeat bool
	// Log mixes in lines that are no JSON, as a bridge's console does.
	Log bool
}

// Bridge is an ESP32 that hears three Ruuvi tags and prints their adverts on
// its serial line. A tag sends every 1285 ms; it measures anew for every
// second advert only, so half of them repeat a measurement, as on the air.
type Bridge struct {
	opts BridgeOptions
	tags []tag
	beat heartbeat
	in   []byte // what was heard and has no end yet
}

// Addresses are those of the three tags, in the order sauna, fridge, yard.
func (b *Bridge) Addresses() []string {
	var all []string
	for _, t := range b.tags {
		all = append(all, t.address())
	}
	return all
}

// NewBridge makes a bridge that is switched on when it is first asked.
func NewBridge(o BridgeOptions) (*Bridge, error) {
	switch o.Format {
	case "":
		o.Format = "omg"
	case "omg", "raw":
	default:
		return nil, fmt.Errorf("cannot print adverts as %q: choose omg or raw", o.Format)
	}
	if o.Heartbeat && o.Format == "raw" {
		return nil, fmt.Errorf("cannot beat in format raw: only omg has a heartbeat")
	}
	return &Bridge{opts: o, tags: threeTags(o.Seed)}, nil
}

// Append adds the adverts that were heard up to now.
func (b *Bridge) Append(dst []byte, now time.Time) ([]byte, time.Time) {
	next := now.Add(time.Hour)
	if b.opts.Heartbeat {
		if b.beat.due(now) {
			dst = append(dst, "00{\"type\":\"heartbeat\"}\r"...)
			b.beat.sent(now)
		}
		next = b.beat.next
	}
	for i := range b.tags {
		t := &b.tags[i]
		if t.next.IsZero() {
			t.next = now.Add(time.Duration(i) * advertEvery / 3)
		}
		for !t.next.After(now) {
			a := t.advert(t.next)
			t.next = t.next.Add(advertEvery)
			if !b.opts.Heartbeat || b.beat.alive(now) {
				dst = b.print(dst, t, a)
			}
		}
		if t.next.Before(next) {
			next = t.next
		}
	}
	return dst, next
}

func (b *Bridge) print(dst []byte, t *tag, a advert) []byte {
	if b.opts.Log && a.count%8 == 0 {
		dst = append(dst, "N: [ OMG->MQTT ] topic: /BTtoMQTT/"+t.plain()+"\r\n"...)
	}
	data := strings.ToUpper(hex.EncodeToString(a.data))
	rssi := strconv.Itoa(a.rssi)
	if b.opts.Format == "raw" {
		// Flags, then one element with the manufacturer's data.
		head := fmt.Sprintf("020106%02XFF", len(a.data)+1)
		return append(dst, `{"mac":"`+t.address()+`","rssi":`+rssi+`,"adv":"`+head+data+"\"}\n"...)
	}
	return append(dst, `00{"id":"`+t.address()+`","mac_type":1,"adv_type":3,"manufacturerdata":"`+
		strings.ToLower(data)+`","rssi":`+rssi+`,"origin":"/BTtoMQTT/`+t.plain()+"\"}\r"...)
}

// Hear takes the answer to a heartbeat: {"type":"heartbeat_ack"}, with or
// without a prefix, ended by CR or LF.
func (b *Bridge) Hear(p []byte, now time.Time) {
	b.in = append(b.in, p...)
	for {
		end := bytes.IndexAny(b.in, "\r\n")
		if end < 0 {
			break
		}
		if bytes.Contains(b.in[:end], []byte(`"heartbeat_ack"`)) {
			b.beat.answered(now)
		}
		b.in = b.in[end+1:]
	}
	if len(b.in) > 256 {
		b.in = nil
	}
}

// heartbeat follows the rule of OpenMQTTGateway's serial sender: every 5 s, 25 %
// rarer up to 60 s while unanswered; an answer is good for 15 s.
type heartbeat struct {
	next  time.Time
	every time.Duration
	until time.Time // adverts may be sent before
}

const beatEvery = 5 * time.Second

func (h *heartbeat) due(now time.Time) bool   { return !h.next.After(now) }
func (h *heartbeat) alive(now time.Time) bool { return now.Before(h.until) }

func (h *heartbeat) sent(now time.Time) {
	if h.every == 0 {
		h.every = beatEvery
	} else if !h.alive(now) {
		h.every = min(h.every*5/4, time.Minute)
	}
	h.next = now.Add(h.every)
}

func (h *heartbeat) answered(now time.Time) {
	h.until = now.Add(15 * time.Second)
	h.every = beatEvery
	if next := now.Add(beatEvery); next.Before(h.next) {
		h.next = next
	}
}
