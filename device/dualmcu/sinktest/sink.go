// Package sinktest is a Wirepas sink for tests, which answers as Wirepas' own library
// expects a sink to. Only tests import it.
package sinktest

import (
	"encoding/binary"
	"io"
	"sync"

	"portti/device/dualmcu"
)

// Sink is a sink with a mesh behind it. It may be used from several goroutines.
type Sink struct {
	mu       sync.Mutex
	scan     dualmcu.Scanner
	address  uint32
	status   byte
	cost     byte
	noCost   bool
	stubborn bool
	silent   bool
	refuse   int
	spoil    int
	deaf     int
	waiting  []dualmcu.Frame // indications; the first may have been sent already
	sent     bool
	id       byte
	requests map[byte]int // by primitive
	bad      int          // of what the host sent
	taken    int          // indications that the host has confirmed
}

// New makes a sink that runs.
func New(address uint32) *Sink { return &Sink{address: address, requests: map[byte]int{}} }

func (s *Sink) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Silence makes it deaf and mute, or ends that.
func (s *Sink) Silence(on bool) { s.locked(func() { s.silent = on }) }

// Refuse makes it understand the next n requests wrongly.
func (s *Sink) Refuse(n int) { s.locked(func() { s.refuse = n }) }

// Spoil turns a bit in each of the next n frames that it sends.
func (s *Sink) Spoil(n int) { s.locked(func() { s.spoil = n }) }

// Lose makes it not hear the next n responses.
func (s *Sink) Lose(n int) { s.locked(func() { s.deaf = n }) }

// NoCost makes it know nothing of a cost.
func (s *Sink) NoCost() { s.locked(func() { s.noCost = true }) }

// RefuseCosts makes it take no other cost, or ends that.
func (s *Sink) RefuseCosts(on bool) { s.locked(func() { s.stubborn = on }) }

// SetCost is what its cost is from now on, Cost what it is.
func (s *Sink) SetCost(cost byte) { s.locked(func() { s.cost = cost }) }
func (s *Sink) Cost() (cost byte) { s.locked(func() { cost = s.cost }); return cost }

// Restart is what happens when somebody switches it off and on: it knows nothing more
// of what waited, its cost is 0, and it says that its stack has the status.
func (s *Sink) Restart(status byte) {
	s.locked(func() {
		s.status, s.cost, s.waiting, s.sent, s.id = status, 0, nil, false, 0
		s.queue(dualmcu.StackState, []byte{0, status})
	})
}

// State is what happens when its stack is started or stopped: it says so.
func (s *Sink) State(status byte) {
	s.locked(func() {
		s.status = status
		s.queue(dualmcu.StackState, []byte{0, status})
	})
}

// SetStatus is the status of its stack.
func (s *Sink) SetStatus(status byte) { s.locked(func() { s.status = status }) }

// Requests is how many requests of a primitive it has answered, Bad how many frames of
// the host it could not read.
func (s *Sink) Requests(primitive byte) (n int) {
	s.locked(func() { n = s.requests[primitive] })
	return n
}
func (s *Sink) Bad() (n int) { s.locked(func() { n = s.bad }); return n }

// Taken is how many indications the host has answered.
func (s *Sink) Taken() (n int) { s.locked(func() { n = s.taken }); return n }

// Data has a node send a packet.
func (s *Sink) Data(d dualmcu.Data) {
	p := []byte{0}
	p = binary.LittleEndian.AppendUint32(p, d.Source)
	p = binary.LittleEndian.AppendUint32(append(p, d.SourceEnd), d.Destination)
	p = binary.LittleEndian.AppendUint32(append(p, d.DestEnd, d.Hops<<2), d.Travel)
	primitive := dualmcu.DataRX
	if d.Fragment {
		primitive = dualmcu.DataRXFragment
		offset := d.Offset
		if d.Last {
			offset |= 0x8000
		}
		p = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(p, d.Packet), offset)
	}
	s.locked(func() { s.queue(primitive, append(append(p, byte(len(d.APDU))), d.APDU...)) })
}

func (s *Sink) queue(primitive byte, payload []byte) {
	s.waiting = append(s.waiting, dualmcu.Frame{Primitive: primitive, ID: s.id, Payload: payload})
	s.id++
}

// Take hears what the host sends and gives what the sink says.
func (s *Sink) Take(b []byte) (answer []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(b) > 0 {
		n, ev := s.scan.Scan(b)
		b = b[n:]
		switch {
		case s.silent:
		case ev == dualmcu.Good && s.scan.Frame().Primitive&dualmcu.Answer != 0:
			answer = append(answer, s.response(s.scan.Frame())...)
		case ev == dualmcu.Good:
			answer = append(answer, s.request(s.scan.Frame())...)
		case ev != dualmcu.More && ev != dualmcu.Noise:
			s.bad++
		}
	}
	return answer
}

func (s *Sink) request(f dualmcu.Frame) []byte {
	if s.refuse > 0 {
		s.refuse--
		return []byte{0xC0, f.Primitive + dualmcu.Answer, f.ID & 0x7F, 1, 0, 0xFF, 0xFF, 0xC0}
	}
	s.requests[f.Primitive]++
	confirm := func(p ...byte) []byte {
		return s.write(dualmcu.Frame{Primitive: f.Primitive + dualmcu.Answer, ID: f.ID, Payload: p})
	}
	switch f.Primitive {
	case dualmcu.Poll:
		if len(s.waiting) == 0 {
			return confirm(0)
		}
		return append(confirm(1), s.indication()...)
	case dualmcu.CSAPRead:
		switch binary.LittleEndian.Uint16(f.Payload) {
		case dualmcu.CSAPMTU:
			return confirm(0, 5, 0, 1, 102)
		case dualmcu.CSAPNodeAddress:
			return confirm(binary.LittleEndian.AppendUint32([]byte{0, 1, 0, 4}, s.address)...)
		}
	case dualmcu.MSAPRead:
		return confirm(0, 1, 0, 1, s.status)
	case dualmcu.CostRead:
		if !s.noCost {
			return confirm(0, s.cost)
		}
	case dualmcu.CostWrite:
		if !s.noCost && !s.stubborn && len(f.Payload) == 1 {
			s.cost = f.Payload[0]
			return confirm(0)
		}
	}
	return confirm(1)
}

// indication is the first that waits. The travel time of one that is sent again is longer
// by the time since, as in Wirepas' own firmware: here, by 23 ms.
func (s *Sink) indication() []byte {
	f := s.waiting[0]
	if at, ok := f.TravelAt(); ok && s.sent {
		travel := f.Payload[at:]
		binary.LittleEndian.PutUint32(travel, binary.LittleEndian.Uint32(travel)+3)
	}
	s.sent = true
	f.Payload[0] = byte(min(len(s.waiting)-1, 255))
	return s.write(f)
}

func (s *Sink) response(f dualmcu.Frame) []byte {
	if s.deaf > 0 {
		s.deaf--
		return nil
	}
	if !s.sent || f.ID != s.waiting[0].ID || f.Primitive != s.waiting[0].Primitive+dualmcu.Answer || len(f.Payload) != 1 {
		s.bad++
		return nil
	}
	s.waiting, s.sent = s.waiting[1:], false
	s.taken++
	if f.Payload[0] == 1 && len(s.waiting) > 0 {
		return s.indication()
	}
	return nil
}

func (s *Sink) write(f dualmcu.Frame) []byte {
	b := f.AppendSink(nil)
	if s.spoil > 0 {
		s.spoil--
		b[2] ^= 0x10
	}
	return b
}

// Serve answers on a line until that fails. It reads on while what it says is not taken,
// as a UART does.
func (s *Sink) Serve(line io.ReadWriter) {
	say := make(chan []byte, 1024)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := range say {
			if _, err := line.Write(b); err != nil {
				for range say { //nolint:revive // nobody hears it
				}
				return
			}
		}
	}()
	b := make([]byte, 1024)
	for {
		n, err := line.Read(b)
		if answer := s.Take(b[:n]); len(answer) > 0 {
			say <- answer
		}
		if err != nil {
			close(say)
			<-done
			return
		}
	}
}
