package device

import (
	"bytes"
	"fmt"
	"time"
)

// frames are frames of one length in a byte stream.
type frames struct {
	size  int                     // bytes of a frame, its start and its checksum among them
	start []byte                  // what each begins with: a mark, mostly, and a length
	sound func(frame []byte) bool // whether a frame of that start and size is whole: its checksum
}

// Next finds the first frame in b, after skipped bytes that begin none. frame is
// nil where there is no whole one; skipped then leaves what may begin one.
// marked says that the first byte skipped began a frame whose checksum is wrong.
//
// After a wrong frame it goes on with the very next byte: what was taken for a
// start may be a value, and the next frame begins within the wrong one where
// bytes were lost.
func (f *frames) Next(b []byte) (skipped int, frame []byte, marked bool) {
	for ; len(b) >= f.size; b = b[1:] {
		starts := bytes.HasPrefix(b, f.start)
		if starts && f.sound(b[:f.size]) {
			return skipped, b[:f.size], marked
		}
		marked = marked || starts && skipped == 0
		skipped++
	}
	return skipped, nil, marked
}

// Most is part of finder.
func (f *frames) Most() int { return f.size }

// finder finds frames in a byte stream.
type finder interface {
	// Next finds the first frame in b, after skipped bytes that are in none. frame is
	// nil where there is no whole one; skipped then leaves what may begin one, which
	// is no more than Most. marked says that a frame began there and was wrong.
	Next(b []byte) (skipped int, frame []byte, marked bool)
	Most() int // bytes of the longest frame
}

// share is how much of b is in frames, for Recognise. What lies before the first
// one and may be the end of another is not looked at, nor is what lies at the end.
func (f frames) share(b []byte) float64 { return shareOfFrames(&f, b) }

func shareOfFrames(f finder, b []byte) float64 {
	good, wrong := 0, 0
	for {
		skipped, frame, _ := f.Next(b)
		if good > 0 || skipped >= f.Most() {
			wrong += skipped
		}
		if frame == nil {
			break
		}
		good += len(frame)
		b = b[skipped+len(frame):]
	}
	if good == 0 {
		return 0
	}
	return float64(good) / float64(good+wrong)
}

// framesAtOnce is how many bytes are read in addition to an unfinished frame.
const framesAtOnce = 1024

// run reads port until it fails. Each frame is handed to take, which says what
// it counts as, and is good until take returns.
//
// Bytes between two frames count once, however many they are: as Checksum where
// a frame began there and its checksum was wrong, else as Malformed. Before the
// first frame they count as Unknown if they may be the end of one that began
// before the port was opened, else as Malformed. Half a frame when the port
// fails counts as nothing.
func (f frames) run(port Port, out Out, take func(frame []byte) Result) error {
	return runFrames(&frameStream{finder: &f}, port, out, take)
}

func runFrames(s *frameStream, port Port, out Out, take func(frame []byte) Result) error {
	buf := make([]byte, s.Most()+framesAtOnce)
	n := 0
	for {
		k, err := port.Read(buf[n:])
		rest := s.feed(buf[:n+k], out, take)
		if s.stale(n, k, len(rest)) {
			s.skip(1, true, false, out)
			rest = s.feed(rest[1:], out, take)
		}
		n = copy(buf, rest)
		if err != nil {
			return fmt.Errorf("cannot read frames: %w", err)
		}
	}
}

// A frame whose rest does not come within frameWait, and byteWait for each byte that did
// (at 1200 baud one takes 8 ms), does not have the length that it says.
const (
	frameWait = 2 * time.Second
	byteWait  = 10 * time.Millisecond
)

// frameStream is where a stream of frames has got to.
type frameStream struct {
	finder
	// now is for frames that say their length themselves: one that lies would keep those
	// behind it, which would be dated by when it is found out. nil = such are waited for.
	now   func() time.Time
	since time.Time // what may begin a frame has stood first

	ever bool // there was a frame
	lost bool // and what came after it was none, which has been counted
	head int  // bytes before the first frame
}

// stale says whether the rest begins with a frame that will not become whole. Before the
// k bytes that were read there were n.
func (s *frameStream) stale(n, k, rest int) bool {
	if s.now == nil {
		return false
	}
	now := s.now()
	if n == 0 || rest < n+k {
		s.since = now
		return false
	}
	if now.Sub(s.since) < frameWait+time.Duration(rest)*byteWait {
		return false
	}
	s.since = now
	return true
}

// feed goes through b and gives the rest, which may begin a frame.
func (s *frameStream) feed(b []byte, out Out, take func(frame []byte) Result) (rest []byte) {
	for {
		skipped, frame, marked := s.Next(b)
		s.skip(skipped, marked, frame != nil, out)
		b = b[skipped:]
		if frame == nil {
			return b
		}
		s.ever, s.lost = true, false
		out.Frame(take(frame))
		b = b[len(frame):]
	}
}

// skip counts bytes that are in no frame; found says that one follows them.
func (s *frameStream) skip(n int, marked, found bool, out Out) {
	if !s.ever {
		s.head += n
	}
	switch {
	case s.lost:
	case s.ever && n > 0 && marked:
		s.lose(Checksum, out)
	case s.ever && n > 0, !s.ever && s.head >= s.Most():
		s.lose(Malformed, out)
	case !s.ever && found && s.head > 0:
		out.Frame(Unknown)
	}
}

func (s *frameStream) lose(r Result, out Out) {
	s.lost = true
	out.Frame(r)
}
