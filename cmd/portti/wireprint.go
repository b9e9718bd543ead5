package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"portti/cmd/portti/status"
	"portti/device/recording"
)

// wirePrinter shows records. Pieces of text are put together to lines, and of anything
// else to rows, so that it does not matter in which pieces the port gave them.
type wirePrinter struct {
	out, talk          io.Writer
	json, plain, ascii bool
	quiet, named       bool
	err                error // of out

	first   seen // what the bytes that are held back began with
	pending []byte
}

const (
	longestRow  = 32  // bytes of hex
	longestLine = 512 // bytes of text
)

// show prints a record, or holds back bytes that are no whole line yet.
func (p *wirePrinter) show(s seen) {
	bytesOf := s.What == recording.In || s.What == recording.Out
	if p.json {
		p.asJSON(s)
		return
	}
	if !bytesOf || p.held() && (s.What != p.first.What || s.name != p.first.name) {
		p.flush()
	}
	if !bytesOf {
		p.other(s)
		return
	}
	for data := s.Data; len(data) > 0; {
		if !p.held() {
			p.first = s
		}
		n := p.room(data)
		p.pending = append(p.pending, data[:n]...)
		data = data[n:]
		if len(data) > 0 || p.whole() {
			p.flush()
		}
	}
}

// room is how many bytes of data belong to what is held back: up to the end of a line,
// where there is one, and no more than fits.
func (p *wirePrinter) room(data []byte) int {
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		data = data[:end+1]
	}
	limit := longestLine
	if !legible(p.pending) || !legible(data) {
		limit = longestRow
	}
	return max(1, min(len(data), limit-len(p.pending)))
}

func (p *wirePrinter) whole() bool {
	return p.pending[len(p.pending)-1] == '\n' || len(p.pending) >= longestLine || !legible(p.pending) && len(p.pending) >= longestRow
}

func (p *wirePrinter) held() bool { return len(p.pending) > 0 }

// flush prints what was held back.
func (p *wirePrinter) flush() {
	if !p.held() {
		return
	}
	p.line(p.first, visible(p.pending, p.ascii))
	p.pending = p.pending[:0]
}

// legible says whether bytes are shown as text: most of them are.
func legible(b []byte) bool { return recording.AppendData(nil, b)[0] == '"' }

// visible makes bytes such that a person can look at them and a terminal does nothing
// but show them.
func visible(b []byte, ascii bool) string {
	if !legible(b) {
		return spaced(hex.EncodeToString(b))
	}
	quoted := strconv.Quote(string(b))
	if ascii || !utf8.Valid(b) {
		quoted = strconv.QuoteToASCII(string(b))
	}
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// spaced puts a blank between two bytes of hex.
func spaced(digits string) string {
	var b strings.Builder
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(digits[i : i+2])
	}
	return b.String()
}

// other prints what is not bytes.
func (p *wirePrinter) other(s seen) {
	switch s.What {
	case recording.Opened, recording.Ended:
		if !p.quiet {
			fmt.Fprintf(p.talk, "%s is %s\n", s.name, portWords(s.Record))
		}
	case recording.Reading:
		p.line(s, status.Clean(string(s.Data), len(s.Data)*6))
	case recording.Rejected:
		p.line(s, "rejected: "+status.Clean(string(s.Data), 320))
	}
}

// line prints a line with its time and direction, and the device where there are several.
func (p *wirePrinter) line(s seen, text string) {
	at := time.UnixMilli(s.Clock.Unix)
	parts := []string{at.Local().Format("15:04:05.000")}
	separator := "  "
	if p.plain {
		parts, separator = []string{at.UTC().Format("2006-01-02T15:04:05.000Z")}, "\t"
	}
	if p.named {
		parts = append(parts, s.name)
	}
	parts = append(parts, string(rune(s.What)), text)
	p.print(strings.Join(parts, separator))
}

func (p *wirePrinter) print(text string) {
	if _, err := fmt.Fprintln(p.out, text); err != nil && p.err == nil {
		p.err = err
	}
}

// whatNames are the kinds of records as programs see them.
func whatNames(w recording.What) string {
	return map[recording.What]string{recording.In: "in", recording.Out: "out", recording.Opened: "opened", recording.Ended: "ended",
		recording.Reading: "reading", recording.Rejected: "rejected"}[w]
}

// asJSON prints a record for programs, one a line, as it came.
func (p *wirePrinter) asJSON(s seen) {
	doc := struct {
		Device  string          `json:"device"`
		Time    time.Time       `json:"time"`
		Trusted bool            `json:"time_trusted"`
		Mono    int64           `json:"mono_ns"` // since the following began
		What    string          `json:"what"`
		Text    string          `json:"text,omitempty"`
		Hex     string          `json:"hex,omitempty"`
		Message json.RawMessage `json:"message,omitempty"`
	}{Device: s.name, Time: time.UnixMilli(s.Clock.Unix).UTC(), Trusted: s.Clock.Trusted, Mono: int64(s.At), What: whatNames(s.What)}
	switch {
	case s.What == recording.Reading:
		doc.Message = s.Data
	case s.What == recording.In || s.What == recording.Out:
		doc.Hex = hex.EncodeToString(s.Data)
		if utf8.Valid(s.Data) && legible(s.Data) {
			doc.Text = string(s.Data)
		}
	default:
		doc.Text = string(s.Data)
	}
	text, err := json.Marshal(doc)
	if err == nil {
		p.print(string(text))
	} else if p.err == nil {
		p.err = err
	}
}
