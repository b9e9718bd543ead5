package devicetest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"portti/device"
	"portti/device/recording"
	"portti/device/thingsee/thingseetest"
)

// asks says whether a driver is tried by being answered: it asks its device, and what
// was recorded has the questions.
func asks(t testing.TB, kind device.Kind, folder string) bool {
	t.Helper()
	return kind.Polls && len(plain(t, folder)) == 0
}

// exchange is a question of the driver and what was read until the next one.
type exchange struct{ ask, answer []byte }

// exchanges takes a recording of a device that is asked apart.
func exchanges(t testing.TB, path string) (all []exchange) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f, err := recording.Read(file)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, r := range f.Records {
		switch n := len(all) - 1; {
		case r.What == recording.Out:
			all = append(all, exchange{ask: r.Data})
		case r.What == recording.In && n >= 0:
			all[n].answer = append(all[n].answer, r.Data...)
		}
	}
	if len(all) == 0 {
		t.Fatalf("nothing is asked in %s", path)
	}
	return all
}

// askedRecordings are what was read in the recordings of a device that is asked.
func askedRecordings(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, path := range wires(t, folder) {
		for _, e := range exchanges(t, path) {
			all[path] = append(all[path], e.answer...)
		}
	}
	if len(all) == 0 {
		t.Fatalf("no recordings in %s: a driver that asks needs what portti record wrote, NAME.wire, and its NAME.records from portti replay --update", folder)
	}
	return all
}

// asked is a port that says nothing but the answers of a recording to the questions
// in it. Time is its own, and passes only while a driver waits.
type asked struct {
	talk  []exchange
	piece int
	most  int // questions; then it fails
	next  int // in talk
	asked int
	queue []byte
	room  []byte // for the queue, so that the port does not allocate for each answer
	now   time.Time
	until time.Time
	over  int // Reads after the end
}

func (p *asked) time() time.Time { return p.now }

// Write finds the question in what is still to come of the recording, else before.
func (p *asked) Write(b []byte) (int, error) {
	p.asked++
	for i := range p.talk {
		k := (p.next + i) % len(p.talk)
		if bytes.Equal(p.talk[k].ask, b) {
			p.next = k + 1
			p.answer(p.talk[k].answer)
			break
		}
	}
	return len(b), nil
}

// answer puts bytes behind those that were not read yet.
func (p *asked) answer(b []byte) {
	if len(p.queue) == 0 {
		p.queue = p.room[:0]
	}
	p.queue = append(p.queue, b...)
	if p.room == nil {
		p.room = make([]byte, 0, 4096)
	}
}

func (p *asked) Read(b []byte) (int, error) {
	switch {
	case len(p.queue) > 0:
		n := copy(b[:min(len(b), p.piece)], p.queue)
		p.queue = p.queue[n:]
		return n, nil
	case p.asked >= p.most || p.until.IsZero():
		if p.over++; p.over > 100 {
			panic("the driver goes on reading after its port has failed")
		}
		return 0, errOver
	}
	if p.until.After(p.now) {
		p.now = p.until
	}
	return 0, os.ErrDeadlineExceeded
}

func (p *asked) SetReadDeadline(t time.Time) error { p.until = t; return nil }
func (p *asked) Interrupt()                        {}
func (p *asked) Close() error                      { return nil }

// ask plays a driver on a port that is asked, as often as it was in the recording.
func (s suite) ask(t testing.TB, talk []exchange, piece, times int, to *sink) outcome {
	t.Helper()
	p := &asked{talk: talk, piece: piece, most: len(talk) * times, now: time.Unix(0, 0)}
	env := newEnv()
	env.Now = p.time
	return s.playOn(t, p, env, to)
}

// polled are the parts of the suite for a driver that asks: what is damaged are the
// answers, and what comes of it is held against the undamaged fields.
func (s suite) polled(t *testing.T, path string) {
	s, talk := s.recorded(t, path), exchanges(t, path)
	intact := s.ask(t, talk, whole, 1, &sink{})
	s.sound(t, "undamaged", intact)
	if len(intact.records) == 0 {
		t.Fatal("nothing comes of the undamaged recording")
	}
	for _, piece := range []int{1, 7} {
		if again := s.ask(t, talk, piece, 1, &sink{}); !slices.Equal(again.records, intact.records) {
			t.Errorf("read in pieces of %d it gives\n%v\nnot\n%v", piece, again.records, intact.records)
		}
	}
	t.Run("damage", func(t *testing.T) { s.damageAnswers(t, talk, intact.records) })
	t.Run("allocations", func(t *testing.T) {
		const times = 20
		run := func(times int) float64 {
			return testing.AllocsPerRun(1, func() { s.ask(t, talk, whole, times, &sink{forget: true}) })
		}
		if per := (run(1+times) - run(1)) / times; per > s.o.Allocs+0.5 {
			t.Errorf("playing it once allocates %.1f times, at most %v are allowed (a reading none; Options.Allocs says what details and the log may)", per, s.o.Allocs)
		}
	})
}

// recorded is the suite with the settings of a recording.
func (s suite) recorded(t testing.TB, path string) suite {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f, err := recording.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	c, ignored, err := device.Table{s.kind}.Recorded(f.Header, "")
	if err != nil || len(ignored) > 0 {
		t.Fatalf("%s: %v, without a meaning: %v", filepath.Base(path), err, ignored)
	}
	s.cfg = c
	return s
}

func (s suite) damageAnswers(t *testing.T, talk []exchange, intact []string) {
	step := 1
	if testing.Short() || raceDetector {
		step = 13
	}
	known := map[string]bool{}
	for _, r := range intact {
		for _, field := range saidIn(t, r) {
			known[field] = true
		}
	}
	try := func(what string, k int, answer []byte, silent bool) {
		damaged := slices.Clone(talk)
		damaged[k].answer = answer
		for i := k + 1; silent && i < len(damaged); i++ {
			damaged[i].answer = nil
		}
		out := s.ask(t, damaged, whole, 1, &sink{})
		s.sound(t, what, out)
		if len(out.records) > len(intact)+madeUp {
			t.Fatalf("%s: %d records instead of %d", what, len(out.records), len(intact))
		}
		for _, r := range out.records {
			for _, field := range saidIn(t, r) {
				if s.o.Checked && !known[field] {
					t.Fatalf("%s: makes up %s in %s", what, field, r)
				}
			}
		}
	}
	at := 0
	for k, e := range talk {
		for i := range e.answer {
			if at++; at%step != 0 {
				continue
			}
			what, head, rest := fmt.Sprintf("answer %d, byte %d ", k, i), e.answer[:i], e.answer[i+1:]
			try(what+"cut off", k, head, true)
			try(what+"spoiled", k, slices.Concat(head, []byte{e.answer[i] ^ byte(1+i%255)}, rest), false)
			try(what+"dropped", k, slices.Concat(head, rest), false)
			try(what+"doubled", k, slices.Concat(head, e.answer[i:i+1], e.answer[i:]), false)
		}
	}
}

// saidIn lists whose fields a record holds, with their values.
func saidIn(t testing.TB, record string) (all []string) {
	t.Helper()
	r, err := thingseetest.Parse([]byte(record))
	if err != nil {
		t.Fatalf("%s: %v", record, err)
	}
	for _, v := range r.Fields {
		all = append(all, fmt.Sprintf("%s %d %s=%s", r.Tuid, r.ID, v.Name, v.JSON))
	}
	return all
}

// fuzzAsked answers each question of a driver with a piece of the input, whose first
// byte says how long it is.
func (s suite) fuzzAsked(t *testing.T, in []byte) {
	p := &fuzzedAnswers{in: in}
	p.piece, p.now = whole, time.Unix(0, 0)
	env := newEnv()
	env.Now = p.time
	d, err := s.kind.New(s.cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Run(p, &judge{t: t, s: s}); !errors.Is(err, errOver) {
		t.Fatalf("Run must return the port's error, wrapped, and nothing else; it returned %v", err)
	}
}

// askedSeed are the first answers of a recording in that form.
func askedSeed(talk []exchange, most int) (seed []byte) {
	for _, e := range talk {
		if len(seed)+1+len(e.answer) > most {
			break
		}
		seed = append(append(seed, byte(len(e.answer))), e.answer...)
	}
	return seed
}

// fuzzedAnswers is an asked that takes any question.
type fuzzedAnswers struct {
	asked
	in []byte
}

func (p *fuzzedAnswers) Write(b []byte) (int, error) {
	p.asked.asked++
	if p.most = p.asked.asked; len(p.in) > 0 {
		n := min(int(p.in[0]), len(p.in)-1)
		p.answer(p.in[1 : 1+n])
		p.in = p.in[1+n:]
		p.most++ // there may be more
	}
	return len(b), nil
}
