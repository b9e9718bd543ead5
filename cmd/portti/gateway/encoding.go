package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"portti/cmd/portti/config"
	"portti/device/thingsee"
	"portti/uplink"
)

// What Haltless takes in one request
// (https://docs.haltless.io/docs/api-reference/sensor-data).
const (
	haltlessReadings = 1000
	haltlessBytes    = 10_000_000
)

// encoderOf gives what makes bodies of messages, nil for the messages themselves.
func encoderOf(encoding string) func([][]byte) uplink.Encoded {
	switch encoding {
	case config.EncodingHaltless:
		return encodeHaltless
	case config.EncodingHeimdall:
		return encodeHeimdall
	}
	return nil
}

// asMessage is a message as other platforms need it.
type asMessage struct {
	id      int
	tuid    string
	at      time.Time
	answer  bool // to a request of the server
	numbers []asNumber
}

type asNumber struct {
	name  string
	value json.Number
}

// haltlessReading is one entry of "readings".
type haltlessReading struct {
	Machine string      `json:"machine_identifier"`
	Time    string      `json:"timestamp"`
	Metric  string      `json:"metric_name"`
	Value   json.Number `json:"value"`
	Unit    string      `json:"unit"`
	Tag     string      `json:"raw_tag"`
}

// encodeHaltless makes a reading of each number; true is 1 and false 0.
func encodeHaltless(recs [][]byte) (e uplink.Encoded) {
	body := struct {
		Readings []haltlessReading `json:"readings"`
	}{}
	for i, rec := range recs {
		m, err := readMessage(rec)
		if err != nil {
			e.Refuse(i, err)
			continue
		}
		if m.answer || len(m.numbers) == 0 {
			e.LeftOut++
			continue
		}
		d, _ := thingsee.Lookup(m.id)
		for _, n := range m.numbers {
			f, known := d.Field([]byte(n.name))
			if !known {
				f, _ = thingsee.Physical(n.name)
			}
			body.Readings = append(body.Readings, haltlessReading{m.tuid, isoTime(m.at), n.name, n.value, f.Unit, fmt.Sprintf("%d.%s", m.id, n.name)})
			e.Records = append(e.Records, i)
		}
	}
	if len(body.Readings) > 0 {
		e.Body = asJSON(body)
	}
	e.TooLarge = len(body.Readings) > haltlessReadings || len(e.Body) > haltlessBytes
	return e
}

// heimdallPoint has the names that Heimdall gives a point.
type heimdallPoint struct {
	Device    string      `json:"device_id"`
	Latitude  json.Number `json:"latitude"`
	Longitude json.Number `json:"longitude"`
	Altitude  json.Number `json:"altitude,omitempty"`
	Heading   json.Number `json:"heading,omitempty"`
	Speed     json.Number `json:"speed_mps,omitempty"`
	HDOP      json.Number `json:"hdop,omitempty"`
	Time      string      `json:"timestamp"`
}

// encodeHeimdall makes a point of a fix, message 1210. A body is one point, so more
// records than one are too many.
func encodeHeimdall(recs [][]byte) (e uplink.Encoded) {
	for i, rec := range recs {
		m, err := readMessage(rec)
		if err != nil {
			e.Refuse(i, err)
			continue
		}
		p := heimdallPoint{Device: m.tuid, Time: isoTime(m.at)}
		places := map[string]*json.Number{"lat": &p.Latitude, "lon": &p.Longitude, "alt": &p.Altitude, "heading": &p.Heading, "speed": &p.Speed, "hdop": &p.HDOP}
		for _, n := range m.numbers {
			if to := places[n.name]; to != nil {
				*to = n.value
			}
		}
		if m.id != messageFix || p.Latitude == "" || p.Longitude == "" {
			e.LeftOut++
			continue
		}
		e.Body, e.Records = asJSON(p), append(e.Records, i)
	}
	e.TooLarge = len(e.Records) > 1
	return e
}

const messageFix = 1210

// isoTime is ISO 8601 in UTC.
func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// asJSON writes what has no way to fail: texts, and numbers that were read from JSON.
func asJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return bytes.TrimSpace(b.Bytes())
}

// readMessage takes what is at the root of a message, in its order. Texts, lists and
// objects have no place in either body.
func readMessage(rec []byte) (m asMessage, err error) {
	if !json.Valid(rec) {
		return m, errors.New("cannot encode the message: it is not JSON")
	}
	var head struct {
		ID   *int     `json:"tsmId"`
		Ts   *float64 `json:"tsmTs"`
		Tuid string   `json:"tsmTuid"`
	}
	if err := json.Unmarshal(rec, &head); err != nil {
		return m, fmt.Errorf("cannot encode the message: %w", err)
	}
	const lastSecond = 253402300799 // of the year 9999, the last that ISO 8601 writes with four digits
	switch {
	case head.ID == nil || head.Ts == nil || head.Tuid == "":
		return m, errors.New("cannot encode the message: it has no tsmId, tsmTs or tsmTuid")
	case *head.Ts < 0 || *head.Ts > lastSecond:
		return m, fmt.Errorf("cannot encode the message: no date has tsmTs %v", *head.Ts)
	}
	m.id, m.tuid, m.at = *head.ID, head.Tuid, time.UnixMilli(int64(math.Round(*head.Ts*1000)))
	dec := json.NewDecoder(bytes.NewReader(rec))
	dec.UseNumber()
	_, _ = dec.Token() // {
	for dec.More() {
		key, _ := dec.Token()
		var v any
		if err := dec.Decode(&v); err != nil {
			return m, fmt.Errorf("cannot encode the message: %w", err)
		}
		if err := m.take(key.(string), v); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (m *asMessage) take(key string, v any) error {
	switch key {
	case "tsmId", "tsmEv", "tsmTs", "tsmGwTs", "tsErr": // about the message, not of the thing
		return nil
	case "transactionId":
		m.answer = true
	}
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err != nil || math.IsInf(f, 0) {
			return fmt.Errorf("cannot encode the message: %s is too large a number", key)
		}
		m.numbers = append(m.numbers, asNumber{key, v})
	case bool:
		m.numbers = append(m.numbers, asNumber{key, json.Number(map[bool]string{false: "0", true: "1"}[v])})
	}
	return nil
}
