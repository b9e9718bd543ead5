package testbed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// width is that of the narrowest terminal.
const width = 80

// teller writes the demo's text. Messages come much faster than anybody reads,
// so it shows few of them: of each kind one every few seconds.
// Its methods may be called from any goroutine.
type teller struct {
	status func() GatewayStatus
	now    func() time.Time

	mu     sync.Mutex
	out    io.Writer
	quiet  bool
	every  time.Duration        // between two messages of one kind
	states time.Duration        // between two lines of state
	shown  map[string]time.Time // by tsmTuid and tsmId
	last   time.Time            // a message was shown
	whole  bool                 // one message was shown as it is
}

func newTeller(out io.Writer, now func() time.Time) *teller {
	return &teller{out: out, now: now, every: 2500 * time.Millisecond, states: 2 * time.Second, shown: make(map[string]time.Time)}
}

// calm shows less, for a demo that runs next to other work.
func (t *teller) calm() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.every, t.states = 20*time.Second, 10*time.Second
}

func (t *teller) stateEvery() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.states
}

// stop ends the showing of messages.
func (t *teller) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.quiet = true
}

func (t *teller) line(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, format+"\n", args...)
}

// act begins a part of the story.
func (t *teller) act(format string, args ...any) {
	t.line("\n"+format+"\n", args...)
}

// aside says what happens on the stage.
func (t *teller) aside(text string) { t.line("            %s", text) }

// state prints one line about the gateway.
func (t *teller) state() {
	s := t.status()
	t.line("  --------  link %-10s  %s", s.Link, s)
}

// String is the ledger in a few words.
func (s GatewayStatus) String() string {
	return fmt.Sprintf("read %4d  delivered %4d  waiting %3d  lost %d", s.Read, s.Acked, s.Waiting, s.Lost)
}

// message shows one that arrived, or not. Repeats are never shown.
func (t *teller) message(msg []byte, repeat bool) {
	if repeat {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if t.quiet || now.Sub(t.last) < 150*time.Millisecond {
		return
	}
	kind, text := describe(msg)
	if kind == "" || now.Sub(t.shown[kind]) < t.every {
		return
	}
	t.shown[kind], t.last = now, now
	if !t.whole {
		t.whole = true
		fmt.Fprintf(t.out, "  The first message as it came, one element of a JSON array:\n\n%s\n  And on, shortened: when, which thing, which kind of message, values.\n\n", wrap(msg))
	}
	fmt.Fprintf(t.out, "  %s  %s\n", now.Format(time.TimeOnly), text)
}

// describe shortens a message to one line, and says what it is of.
func describe(msg []byte) (kind, text string) {
	d := json.NewDecoder(bytes.NewReader(msg))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", ""
	}
	var thing, id string
	var values []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return "", ""
		}
		var v any
		if d.Decode(&v) != nil {
			return "", ""
		}
		switch name {
		case "tsmTuid":
			thing = fmt.Sprint(v)
		case "tsmId":
			id = fmt.Sprint(v)
		case "tsmEv", "tsmTs", "tsmGw", "tsErr":
		default:
			if id != "90100" || name != "lat" && name != "lon" { // its position is in the 1210 next to it
				values = append(values, fmt.Sprintf(" %v=%v", name, v))
			}
		}
	}
	if _, err := d.Token(); err != nil {
		return "", ""
	}
	text = fmt.Sprintf("%-17s %5s ", thing, id)
	const room = width - len("  hh:mm:ss  ")
	const more = " ..."
	rest := strings.Join(values, "")
	if len(text)+len(rest) > room {
		for len(text)+len(rest)+len(more) > room && len(values) > 0 {
			values = values[:len(values)-1]
			rest = strings.Join(values, "")
		}
		rest += more
	}
	text += rest
	return thing + " " + id, text
}

// wrap breaks a message after commas, so that it fits the terminal.
func wrap(msg []byte) string {
	var b strings.Builder
	column := 0
	for part := range bytes.SplitAfterSeq(msg, []byte{','}) {
		if column > 0 && column+len(part) > width-4 {
			b.WriteByte('\n')
			column = 0
		}
		if column == 0 {
			b.WriteString("    ")
			column = 4
		}
		b.Write(part)
		column += len(part)
	}
	b.WriteByte('\n')
	return b.String()
}
