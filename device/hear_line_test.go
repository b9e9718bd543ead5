package device

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestHearForgetsTheSpeedBefore (row 243): what was received at another speed and comes only now, from
// the adapter or from full queues of the kernel, does not make the right one look wrong.
func TestHearForgetsTheSpeedBefore(t *testing.T) {
	slow := &pipedLine{slow: true}
	reading := `{"model":"` + strings.Repeat("x", 250) + `","temp":21.4}` + "\n"
	if h, _ := listenTo(t, slow, reading, 9600, 200*time.Millisecond, 30*time.Second); h.Verdict != Sure || len(slow.tuned) != 1 {
		t.Errorf("an adapter: %+v, tried %v", h, slow.tuned)
	}
	far := farEnd(t, 9600, nil)
	opened, err := opener{}.open(t.Context(), Config{Port: far.Path(), Baud: 38400})
	if err != nil {
		t.Fatal(err)
	}
	near := opened.Line.(tunable)
	text := []byte(`{"mac":"C4:64:E3:00:00:01","rssi":-71,"adv":"020106030302180409424344"}` + "\n")
	for range 400 { // 28 KB, of which a pseudo-terminal keeps 12
		if err := far.Send(text); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); far.Repeat(ctx, text, 4*time.Millisecond) }()
	h, err := newSearch(Kinds(), 30*time.Second).run(near)
	cancel()
	<-done
	if err = errors.Join(err, near.Close()); err != nil || h.Verdict != Sure || h.Guesses[0].Baud != 9600 {
		t.Errorf("%+v %v", h, err)
	}
}

// lateLine is a line read by a process that always runs after its deadline: what has come
// is there, and Read does not say so.
type lateLine struct {
	Line
	old   []byte // received at the speed before
	rest  []byte
	until time.Time
	reads int
	tuned []int
}

func (l *lateLine) tune(baud int) error { l.tuned = append(l.tuned, baud); return nil }

func (l *lateLine) SetReadDeadline(t time.Time) error { l.until = t; return nil }

func (l *lateLine) take(p []byte) int {
	n := copy(p, l.rest[:min(30, len(l.rest))])
	l.rest = l.rest[n:]
	return n
}

func (l *lateLine) Read(p []byte) (int, error) {
	if l.reads++; l.reads == 2 { // after the speed was set
		time.Sleep(time.Second)
		return copy(p, l.old) + l.take(p[len(l.old):]), nil
	}
	time.Sleep(time.Until(l.until))
	return 0, os.ErrDeadlineExceeded
}

func (l *lateLine) waiting(p []byte) int {
	if l.reads < 2 {
		n := copy(p, l.old)
		l.old = nil
		return n
	}
	return l.take(p)
}

// TestHearOnABusyMachine (row 243): that a process was not let run for a while is no silence of the device,
// and what it finds then may be of the speed before.
func TestHearOnABusyMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lateLine{old: bytes.Repeat([]byte{0x80, 0xf8}, 120), rest: ubxOf(1, 7, make([]byte, 92))}
		h, err := newSearch(Kinds(), 30*time.Second).run(l)
		if err != nil || h.Verdict != Sure || len(l.tuned) != 1 {
			t.Errorf("%+v %v, tried %v", h, err, l.tuned)
		}
	})
}
