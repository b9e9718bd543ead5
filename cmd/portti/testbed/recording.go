package testbed

import (
	"bytes"
	"errors"
	"time"

	"portti/device/recording"
)

// Recording is what once came from a device, with the times at which to send
// it again. It is made once and only read afterwards.
type Recording struct {
	Bytes    int64
	Lines    int64 // ends of line; 0 for a binary recording
	Text     bool
	Timed    bool          // paced by the times in its NMEA sentences, else by the line's speed
	Duration time.Duration // of one round

	chunks []chunk
}

type chunk struct {
	at   time.Duration
	data []byte
}

// gapLimit is the longest pause that a recording may ask for. A longer one, or
// a step back, is a recording that was cut or pasted, and lasts a second.
const gapLimit = 10 * time.Second

// ParseRecording takes a plain recording: the bytes of the line as they came.
// Comment lines that start with '#' at its head, as gpsd's logs have them, are
// left out; every other byte is kept. Text with NMEA times is paced by them,
// anything else by baud (8N1, ten bits a byte). The recording keeps data.
func ParseRecording(data []byte, baud int) (*Recording, error) {
	for len(data) > 0 && data[0] == '#' {
		_, data, _ = bytes.Cut(data, []byte{'\n'})
	}
	if len(data) == 0 {
		return nil, errors.New("cannot play an empty recording")
	}
	if baud <= 0 {
		return nil, errors.New("cannot play at a baud rate of 0 or less")
	}
	r := &Recording{Bytes: int64(len(data)), Text: isText(data)}
	switch {
	case !r.Text:
		r.byBaud(pieces(data, max(1, baud/200)), baud)
	case r.byTime(lines(data)):
		r.Timed = true
	default:
		r.byBaud(lines(data), baud)
	}
	if r.Text {
		r.Lines = int64(bytes.Count(data, []byte{'\n'}))
	}
	return r, nil
}

// Recorded takes what portti record wrote: what was read from the port, in the pieces
// and with the pauses in which it came. What was written to it, and how long it was
// gone, is left out.
func Recorded(f *recording.File) (*Recording, error) {
	r := &Recording{Timed: true}
	var all []byte
	began := time.Duration(-1)
	for _, rec := range f.Records {
		if rec.What != recording.In {
			continue
		}
		if began < 0 {
			began = rec.At
		}
		r.chunks = append(r.chunks, chunk{rec.At - began, rec.Data})
		r.Duration = rec.At - began
		all = append(all, rec.Data...)
	}
	if len(all) == 0 {
		return nil, errors.New("cannot play a recording in which nothing was read")
	}
	r.Bytes, r.Text = int64(len(all)), isText(all)
	if r.Text {
		r.Lines = int64(bytes.Count(all, []byte{'\n'}))
	}
	return r, nil
}

// byBaud sends each piece when its last byte would have come.
func (r *Recording) byBaud(all [][]byte, baud int) {
	sent := 0
	for _, p := range all {
		sent += len(p)
		r.chunks = append(r.chunks, chunk{transmission(sent, baud), p})
	}
	r.Duration = transmission(sent, baud)
}

func transmission(n, baud int) time.Duration {
	return time.Duration(float64(n) * 10 / float64(baud) * float64(time.Second))
}

// byTime sends the sentences of one epoch together. It reports false, and
// leaves r as it was, if fewer than two epochs say their time.
func (r *Recording) byTime(all [][]byte) bool {
	var chunks []chunk
	var at, last time.Duration
	epochs := 0
	for _, l := range all {
		t, ok := sentenceTime(l)
		if ok && (epochs == 0 || t != last) {
			if epochs > 0 {
				at += pause(t - last)
			}
			last = t
			epochs++
		}
		chunks = append(chunks, chunk{at, l})
	}
	if epochs < 2 {
		return false
	}
	r.chunks, r.Duration = chunks, at+time.Second
	return true
}

func pause(d time.Duration) time.Duration {
	if d < 0 {
		d += 24 * time.Hour
	}
	if d > gapLimit {
		return time.Second
	}
	return d
}

// sentenceTime is the time of day in an NMEA sentence that carries one.
func sentenceTime(line []byte) (time.Duration, bool) {
	start := bytes.IndexByte(line, '$')
	if start < 0 || len(line) < start+7 {
		return 0, false
	}
	fields := bytes.SplitN(line[start+1:], []byte{','}, 7)
	if len(fields[0]) != 5 {
		return 0, false
	}
	at := 1
	switch string(fields[0][2:]) {
	case "GGA", "RMC", "GNS", "ZDA", "GST", "GBS":
	case "GLL":
		at = 5
	default:
		return 0, false
	}
	if at >= len(fields) {
		return 0, false
	}
	return timeOfDay(fields[at])
}

// timeOfDay reads hhmmss with or without decimals.
func timeOfDay(b []byte) (time.Duration, bool) {
	if len(b) < 6 {
		return 0, false
	}
	var n [6]time.Duration
	for i := range n {
		if b[i] < '0' || b[i] > '9' {
			return 0, false
		}
		n[i] = time.Duration(b[i] - '0')
	}
	h, m, s := n[0]*10+n[1], n[2]*10+n[3], n[4]*10+n[5]
	if h > 23 || m > 59 || s > 60 {
		return 0, false
	}
	d := h*time.Hour + m*time.Minute + s*time.Second
	if len(b) == 6 {
		return d, true
	}
	if b[6] != '.' {
		return 0, false
	}
	unit := time.Second / 10
	for _, c := range b[7:] {
		if c < '0' || c > '9' {
			break
		}
		d += time.Duration(c-'0') * unit
		unit /= 10
	}
	return d, true
}

// isText tells lines from binary: no zero byte, and hardly a control character.
func isText(data []byte) bool {
	odd := 0
	for _, c := range data {
		if c == 0 {
			return false
		}
		if c < ' ' && c != '\r' && c != '\n' && c != '\t' || c == 0x7f {
			odd++
		}
	}
	return odd*50 <= len(data) && bytes.IndexByte(data, '\n') >= 0
}

// lines cuts after every newline; the pieces make up data again.
func lines(data []byte) [][]byte { return bytes.SplitAfter(data, []byte{'\n'}) }

func pieces(data []byte, size int) [][]byte {
	var all [][]byte
	for len(data) > size {
		all = append(all, data[:size])
		data = data[size:]
	}
	return append(all, data)
}
