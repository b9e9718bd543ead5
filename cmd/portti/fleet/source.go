package fleet

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// source is the queue of one gateway, as uplink.Source and uplink.Naming ask for it. Its
// calls come from the goroutine of its link.
type source struct {
	f         *fleet
	id, epoch string
	late      time.Duration // of its first reading, so that the fleet's do not come all at once

	released uint64          // up to here nothing is sent again
	proven   uint64          // the highest that was proven
	again    uint64          // up to here what was proven waited again, and is released when it is proven again
	held     []proof         // proven a short while ago, the oldest first
	aside    map[uint64]bool // refused for ever

	due     time.Time // when changed is closed
	changed chan struct{}
}

// proof is an acknowledgement of everything up to a record.
type proof struct {
	through uint64
	at      time.Time
}

// made is how many readings there are.
func (s *source) made(now time.Time) uint64 {
	if s.f.o.Rate == 0 {
		return uint64(s.f.o.Readings)
	}
	age := now.Sub(s.f.began)
	if stopped := time.Duration(s.f.stopped.Load()); stopped > 0 {
		age = min(age, stopped)
	}
	if age < s.late {
		return 0
	}
	return min(uint64((age-s.late).Seconds()*s.f.o.Rate)+1, uint64(s.f.o.Readings))
}

// after is when reading n was made, seen from the beginning. Without a rate all of them
// were waiting by then, one of each second before.
func (s *source) after(n uint64) time.Duration {
	if s.f.o.Rate == 0 {
		return time.Duration(n)*time.Second - time.Duration(s.f.o.Readings)*time.Second
	}
	return s.late + time.Duration(float64(n-1)/s.f.o.Rate*float64(time.Second))
}

// reading is a message of its own thing, told from all others by its time.
func (s *source) reading(n uint64) []byte {
	at := s.f.began.Add(s.after(n)).UnixMilli()
	b := make([]byte, 0, 128)
	b = append(b, `{"tsmId":12100,"tsmEv":10,"tsmTs":`...)
	b = strconv.AppendFloat(b, float64(at)/1000, 'f', -1, 64)
	return fmt.Appendf(b, `,"tsmTuid":"%s","tsmGw":"%s","temp":%d.%d,"humd":40}`, s.id, s.id, 18+n/10%5, n%10)
}

func (s *source) Read(from uint64, maxBytes, maxRecs int) (first uint64, recs [][]byte, err error) {
	first = max(from, s.released+1)
	for s.aside[first] {
		first++
	}
	made, size := s.made(time.Now()), 0
	for n := first; n <= made && len(recs) < maxRecs && !s.aside[n]; n++ {
		r := s.reading(n)
		if size += len(r); size > maxBytes && len(recs) > 0 {
			break
		}
		recs = append(recs, r)
	}
	return first, recs, nil
}

func (s *source) Ack(from, through uint64) error {
	if through > s.proven {
		s.f.lastProof.Store(int64(time.Since(s.f.began)))
		s.f.proven.Add(through - max(s.proven, from-1))
		s.proven = through
	}
	s.released = max(s.released, min(through, s.again))
	if s.f.o.Link.Hold == 0 {
		s.released = through
	} else if through > s.released {
		s.held = append(s.held, proof{through, time.Now()})
	}
	s.expire()
	return nil
}

// expire releases what was held for long enough.
func (s *source) expire() {
	for len(s.held) > 0 && time.Since(s.held[0].at) >= s.f.o.Link.Hold {
		s.released, s.held = max(s.released, s.held[0].through), s.held[1:]
	}
	for s.aside[s.released+1] {
		s.released++
	}
}

func (s *source) Rewind() (uint64, error) {
	s.expire()
	s.again, s.held = s.proven, nil
	return s.released + 1, nil
}

func (s *source) Forget() error {
	s.released, s.held = max(s.released, s.proven), nil
	return nil
}

func (s *source) Quarantine(n uint64, _ string) error {
	if s.aside == nil {
		s.aside = map[uint64]bool{}
	}
	s.aside[n] = true
	s.f.aside.Add(1)
	return nil
}

func (s *source) Bounds() (first, next uint64) {
	s.expire()
	return s.released + 1, max(s.made(time.Now()), s.released) + 1
}

func (s *source) Changed() <-chan struct{} {
	now := time.Now()
	n := s.made(now)
	if n == uint64(s.f.o.Readings) || s.f.stopped.Load() > 0 {
		return nil // no reading will ever follow
	}
	if !s.due.After(now) {
		s.due, s.changed = s.f.began.Add(s.after(n+1)+time.Microsecond), make(chan struct{})
		changed := s.changed
		time.AfterFunc(s.due.Sub(now), func() { close(changed) })
	}
	return s.changed
}

func (s *source) Name(uint64) (gateway, epoch string, last uint64) {
	return s.id, s.epoch, math.MaxUint64
}

// Part is for a fresh lane, which the links of a fleet do not have.
func (s *source) Part() (uint64, bool) { return 0, false }
