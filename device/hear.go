package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"sort"
	"time"

	"portti/device/ubx"
)

// Verdict is how much is known of a port after listening to it.
type Verdict string

// The verdicts.
const (
	Sure       Verdict = "sure"    // one kind, at one speed, and enough of it
	Likely     Verdict = "likely"  // one kind, but little or with much else in between
	Unsure     Verdict = "unsure"  // more than one kind could be meant, or hardly anything is of any
	Quiet      Verdict = "silent"  // nothing came
	Unfamiliar Verdict = "unknown" // what came is of no kind that there is here
)

// Heard is what was learnt of a port by listening. Nothing is ever written to it.
type Heard struct {
	Verdict Verdict
	Guesses []Guess // what it may be, the best first; of Sure and Likely one
	Bytes   int     // how many came in all
	Seems   string  // of Unfamiliar: what it is, as far as can be said
	GNSS    bool    // and that is a receiver, which can be switched to NMEA
	Baud    int     // of Unfamiliar: the speed at which Sample was read
	Sample  string  // some of what came, made visible
}

// Guess is one thing that a port may be.
type Guess struct {
	Kind  string
	Name  string // in the field's word: "NMEA 0183"
	Baud  int
	Share float64 // of what came that has this form
	Lines int     // whole lines of text that were looked at; 0 where it is not text
}

// TriedSpeeds are those at which Hear listens, the most usual first.
func TriedSpeeds() []int {
	return []int{9600, 115200, 38400, 4800, 57600, 460800, 230400, 19200, 921600}
}

// Hear opens a serial port as Run does, but reads only, and finds out what speaks there and
// how fast. It takes as long as it needs, at most most. It opens no port that another
// process has open, as far as it may look (root may), whether that one locked it or not.
//
// It listens at one speed until what came there shows that it is the wrong one; the
// changes of bits in it say whether to go higher or lower, so that three or four speeds do
// where there are nine. Silence shows nothing, so it does not leave a speed for that,
// but once: much slower than the sender, a port may hear nothing.
func Hear(ctx context.Context, path string, kinds Table, most time.Duration) (Heard, error) {
	return opener{}.hear(ctx, path, kinds, most)
}

func (o opener) hear(ctx context.Context, path string, kinds Table, most time.Duration) (Heard, error) {
	if err := o.free(path); err != nil {
		return Heard{}, err
	}
	opened, err := o.open(ctx, Config{Port: path, Baud: Baud(TriedSpeeds()[0])})
	if err != nil {
		return Heard{}, err
	}
	line, ok := opened.Line.(tunable)
	if !ok {
		return Heard{}, errors.Join(fmt.Errorf("cannot listen on %s: it has no speed", path), opened.Line.Close())
	}
	s := newSearch(kinds, most)
	defer context.AfterFunc(ctx, line.Interrupt)()
	heard, err := s.run(line)
	err = errors.Join(err, line.Close())
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return heard, err
}

const (
	hearKept   = 4096                   // bytes of one speed that are looked at
	hearEnough = 256                    // bytes that show a wrong speed; four times as many, where they do not say in which direction it is wrong
	hearLeast  = 24                     // bytes of which a burst that is over shows as much
	hearPause  = 300 * time.Millisecond // after which a burst is over; one that came sooner after the speed was set may be the end of one
	hearLimit  = 3 * time.Second        // for one speed, once something comes
	// hearSpeed is the share from which a speed is the right one: no format with a
	// checksum has it by chance, and no text at a wrong speed.
	hearSpeed = 0.3
	hearNoise = 4   // bytes that opening a port alone may bring
	hearWeak  = 0.1 // a share that is worth naming where there is nothing better
	hearGood  = 0.9 // a share as of one device on a good line
	hearTie   = 0.1 // shares so close do not say which of two it is
	sureLines = 3
	// generalLines is how many lines of a general kind are waited for, since among the
	// next there may be one that shows which other kind it is.
	generalLines = 12
	sureBytes    = 100 // where frames are not lines
	seemsText    = "text that nothing here reads"
)

// search is where one Hear has got to.
type search struct {
	kinds    Table
	end      time.Time
	first    int           // speed to begin with; 0 = as it is usual
	patience time.Duration // for the first byte of all

	low, high int // the speed lies between, by what came
	tried     []int
	bytes     int
	weak      []Guess // what was hardly there
	odd       Heard   // the most readable of what was of no kind
	oddText   float64
}

func newSearch(kinds Table, most time.Duration) *search {
	return &search{kinds: kinds, end: time.Now().Add(most), patience: most / 2, high: math.MaxInt}
}

func (s *search) run(line tunable) (Heard, error) {
	for baud := s.next(); baud != 0; baud = s.next() {
		s.tried = append(s.tried, baud)
		if err := line.tune(baud); err != nil {
			if len(s.tried) >= len(TriedSpeeds()) && s.bytes == 0 {
				return Heard{}, fmt.Errorf("cannot set the speed: %w", err)
			}
			continue // one that this adapter does not have
		}
		if err := settle(line); err != nil {
			return Heard{}, err
		}
		heard, done, err := s.at(line, baud)
		if done || err != nil {
			return heard, err
		}
	}
	return s.nothing(), nil
}

// at listens at one speed. done says that there is no need of another.
func (s *search) at(line tunable, baud int) (heard Heard, done bool, err error) {
	var b []byte
	var first time.Time // when the first byte came
	began, end, looked := time.Now(), s.end, 0
	if len(s.tried) == 1 {
		end = time.Now().Add(s.patience)
	}
	for buf := make([]byte, 1024); ; {
		until := end
		if len(b) > 0 {
			until = time.Now().Add(hearPause)
		}
		if err := line.SetReadDeadline(until); err != nil {
			return heard, true, err
		}
		n, err := line.Read(buf)
		quiet := errors.Is(err, os.ErrDeadlineExceeded)
		if quiet { // or only this process was not let run until now
			n = line.waiting(buf)
			quiet = n == 0
		} else if err != nil {
			return heard, true, fmt.Errorf("cannot go on listening: %w", err)
		}
		if n > 0 && len(b) == 0 {
			first, end = time.Now(), s.end
		}
		s.bytes += n
		b = append(b, buf[:n]...)
		b = b[max(0, len(b)-hearKept):]
		over := !time.Now().Before(end)
		if len(b) == 0 && over {
			return s.nothing(), !end.Before(s.end), nil
		}
		if looked += n; looked < hearLeast && !quiet {
			continue
		}
		looked = 0
		long := over || time.Since(first) >= hearLimit
		switch heard, ripe := s.judge(b, baud); {
		case ripe == final, ripe == enough && long, ripe == unripe && over:
			return heard, true, nil
		case ripe != doubtful:
		case len(b) >= hearEnough && speedOf(b[max(0, len(b)-sampleSize):]) != 0, len(b) >= 4*hearEnough, long, quiet && len(b) >= hearLeast && first.Sub(began) >= hearPause:
			s.learn(b, baud)
			return s.nothing(), over, nil
		}
	}
}

// ripeness says how much the bytes of one speed have shown.
type ripeness int

const (
	doubtful ripeness = iota // nothing says that this is the speed
	unripe                   // it is, but more is needed
	enough                   // enough where no more can be had in a while
	final
)

// judge looks at what came at a speed.
func (s *search) judge(b []byte, baud int) (Heard, ripeness) {
	h := Heard{Verdict: Unfamiliar, Baud: baud, Bytes: s.bytes, Sample: visible(b)}
	if all := s.guesses(b, baud); len(all) > 0 && all[0].Share >= hearSpeed {
		h.Guesses, h.Verdict = all, Likely
		much := all[0].Lines >= sureLines || all[0].Lines == 0 && len(b) >= sureBytes
		switch {
		case len(all) > 1:
			h.Verdict = Unsure
		case much && all[0].Share >= hearGood:
			h.Verdict = Sure
			if k, _ := s.kinds.Named(all[0].Kind); !k.General || all[0].Lines >= generalLines {
				return h, final
			}
		}
		return h, enough
	}
	if ubx.Begun(b) { // a wrong speed has that once in 30,000 bytes
		return h, unripe
	}
	for _, f := range formats() {
		if f.in(b) {
			h.Seems, h.GNSS = f.name, f.gnss
			return h, final
		}
	}
	if printable(b) >= mostlyText && len(b) >= hearLeast { // no wrong speed looks like that
		h.Seems = seemsText
		if wholeLines(b) >= sureLines {
			return h, enough
		}
		return h, unripe
	}
	return h, doubtful
}

// guesses are the kinds that know b, the best first, and only those of which it is not
// clear that another one is meant.
func (s *search) guesses(b []byte, baud int) []Guess {
	var all []Guess
	general := map[string]bool{}
	for _, k := range s.kinds {
		if k.Recognise == nil {
			continue
		}
		name, share := k.Recognise(b)
		g := Guess{Kind: k.Name, Name: name, Baud: baud, Share: share}
		if !k.Binary && (k.Framed == nil || !k.Framed(b)) {
			g.Share *= insideLines(b)
			g.Lines = max(1, wholeLines(b))
		}
		if g.Share >= hearWeak {
			all, general[k.Name] = append(all, g), k.General
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Share > all[j].Share })
	if slices.ContainsFunc(all, func(g Guess) bool { return !general[g.Kind] && g.Share >= hearSpeed }) {
		all = slices.DeleteFunc(all, func(g Guess) bool { return general[g.Kind] })
	}
	if len(all) > 0 {
		least := all[0].Share - hearTie
		all = slices.DeleteFunc(all, func(g Guess) bool { return g.Share < least })
	}
	return all
}

// wholeLines counts the lines in b between an end of line and another.
func wholeLines(b []byte) int {
	n := -1 // what comes first may be half a line, and what comes last is
	for range bytes.FieldsFuncSeq(b, func(r rune) bool { return r == '\r' || r == '\n' }) {
		n++
	}
	if last := len(b) - 1; last < 0 || b[last] != '\r' && b[last] != '\n' {
		n--
	}
	return max(0, n)
}

// insideLines is how much of b may be held against the lines in it: all, unless more lies
// before the first end of a line and behind the last than two halves of one.
func insideLines(b []byte) float64 {
	from, to := bytes.IndexAny(b, "\r\n"), bytes.LastIndexAny(b, "\r\n")
	if outside := len(b) - (to - from); to > from && outside > 2*hearEnough {
		return float64(to-from) / float64(len(b))
	}
	return 1
}

// learn keeps what a wrong speed has shown.
func (s *search) learn(b []byte, baud int) {
	switch speedOf(b[max(0, len(b)-sampleSize):]) {
	case -1:
		s.high = min(s.high, baud)
	case 1:
		s.low = max(s.low, baud)
	}
	s.weak = append(s.weak, s.guesses(b, baud)...)
	if text := printable(b); text > s.oddText || s.odd.Sample == "" {
		s.oddText, s.odd = text, Heard{Baud: baud, Sample: visible(b)}
	}
}

// next is the speed to listen at next, 0 when all were tried: of those between which the
// right one lies the one in the middle, unless some kind speaks at one by default.
func (s *search) next() int {
	if s.first != 0 && len(s.tried) == 0 {
		return s.first
	}
	var left, between, usual []int
	for _, baud := range TriedSpeeds() {
		if slices.Contains(s.tried, baud) {
			continue
		}
		left = append(left, baud)
		if baud <= s.low || baud >= s.high {
			continue
		}
		between = append(between, baud)
		if slices.ContainsFunc(s.kinds, func(k Kind) bool { return k.Baud == baud }) {
			usual = append(usual, baud)
		}
	}
	switch {
	case len(left) == 0:
		return 0
	case len(usual) > 0:
		return usual[0]
	case len(between) > 0 && s.bytes > 0:
		slices.Sort(between)
		return between[len(between)/2]
	}
	return left[0]
}

// nothing is what there is to say where no speed was the right one.
func (s *search) nothing() Heard {
	h := s.odd
	h.Bytes = s.bytes
	switch {
	case s.bytes < hearNoise:
		h.Verdict = Quiet
	case len(s.weak) > 0:
		sort.SliceStable(s.weak, func(i, j int) bool { return s.weak[i].Share > s.weak[j].Share })
		h.Verdict, h.Guesses = Unsure, s.weak[:min(len(s.weak), 3)]
	default:
		h.Verdict, h.Seems = Unfamiliar, "bytes that nothing here knows"
	}
	return h
}
