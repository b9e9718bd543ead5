package ais

// Slots is how many messages of several sentences may be begun at once. Both
// channels together carry 75 slots a second, and a line brings the sentences of one
// message in a row or nearly so.
const Slots = 8

// Patience is how long the next sentence of a message may take, in milliseconds.
const Patience = 4000

// Sentence is one sentence, its checksum looked at: *nmea.Sentence is one.
type Sentence interface {
	Fields() int
	Field(i int) []byte // 0 is the address, "AIVDM"
}

// Is says whether a sentence that began with '!' is one of AIS.
func Is(s Sentence) bool {
	a := s.Field(0)
	return len(a) == 5 && a[2] == 'V' && a[3] == 'D' && (a[4] == 'M' || a[4] == 'O')
}

// Assembler makes messages of sentences. The zero value is ready. It is not safe for
// concurrent use.
type Assembler struct {
	slots  [Slots]slot
	single slot // messages of one sentence
	m      Message
}

type slot struct {
	total, next byte // next = 0: free
	sequence    byte // its digit, 0 where there is none
	channel     byte
	own         bool
	at          int64
	bits        payload
}

// Message is what the last Add that was done has found.
func (a *Assembler) Message() *Message { return &a.m }

// Add takes a sentence. done: a message is complete, and Message has it. now is
// milliseconds of any clock that does not step.
func (a *Assembler) Add(s Sentence, now int64) (done bool, fault Fault) {
	total, number := digit(s.Field(1)), digit(s.Field(2))
	fill := digit(s.Field(6))
	if len(s.Field(6)) == 0 {
		fill = 0
	}
	if s.Fields() != 7 || total < 1 || number < 1 || number > total || fill < 0 || fill > 5 {
		return false, Malformed
	}
	own := s.Field(0)[4] == 'O'
	sequence, channel := first(s.Field(3)), first(s.Field(4))
	a.expire(now)
	b := &a.single
	if total == 1 {
		b.bits.n = 0
	} else if number == 1 {
		b = a.begin(sequence, channel, own, byte(total))
	} else if b = a.find(sequence, channel, own, byte(total)); b == nil {
		return false, Orphan
	} else if b.next != byte(number) {
		b.next = 0
		return false, Orphan
	}
	if fault := b.bits.add(s.Field(5), fill); fault != 0 {
		b.next = 0
		return false, fault
	}
	b.at, b.next = now, byte(number)+1
	if number < total {
		return false, 0
	}
	b.next = 0
	fault = a.m.decode(&b.bits)
	a.m.Own = own
	return fault&Malformed == 0, fault
}

// expire gives up what has waited too long.
func (a *Assembler) expire(now int64) {
	for i := range a.slots {
		if b := &a.slots[i]; b.next > 0 && now-b.at > Patience {
			b.next = 0
		}
	}
}

// begin takes the slot of a message that this one replaces, a free one, or the one
// that has waited longest.
func (a *Assembler) begin(sequence, channel byte, own bool, total byte) *slot {
	best := &a.slots[0]
	for i := range a.slots {
		b := &a.slots[i]
		if b.next > 0 && b.sequence == sequence && b.channel == channel && b.own == own {
			best = b
			break
		}
		if best.next > 0 && (b.next == 0 || b.at < best.at) {
			best = b
		}
	}
	best.sequence, best.channel, best.own, best.total = sequence, channel, own, total
	best.bits.n = 0
	return best
}

// find looks for the message that a sentence goes on with. Some receivers write the
// channel in the first sentence alone.
func (a *Assembler) find(sequence, channel byte, own bool, total byte) *slot {
	for i := range a.slots {
		b := &a.slots[i]
		if b.next > 0 && b.sequence == sequence && b.own == own && b.total == total && (b.channel == channel || channel == 0) {
			return b
		}
	}
	return nil
}

// digit is -1 where there is not one digit and nothing else.
func digit(b []byte) int {
	if len(b) != 1 || b[0] < '0' || b[0] > '9' {
		return -1
	}
	return int(b[0] - '0')
}

func first(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}
