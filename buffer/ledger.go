package buffer

import (
	"encoding/binary"
	"errors"
	"slices"
)

// Counts is the ledger of one device or of all. At any moment
// Read = Acked + Waiting + Quarantined + the sum of Lost.
type Counts struct {
	Read        uint64
	Acked       uint64
	Waiting     uint64
	Quarantined uint64
	Lost        map[string]uint64 // by reason; only reasons that occurred
}

// plus adds up accounts whose name is not known.
func (c Counts) plus(o Counts) Counts {
	c.Read += o.Read
	c.Acked += o.Acked
	c.Waiting += o.Waiting
	c.Quarantined += o.Quarantined
	for r, n := range o.Lost {
		c.Lost[r] += n
	}
	return c
}

// LostAll is the sum over all reasons.
func (c Counts) LostAll() uint64 {
	var n uint64
	for _, v := range c.Lost {
		n += v
	}
	return n
}

// account is what is stored for a device. Waiting is counted from what is
// present, and acked is the rest.
type account struct {
	name        string
	read        uint64
	quarantined uint64
	lost        []uint64 // by index of ledger.reasons
}

// ledger is stored with every commit, so it is never older than the records
// in the same file. Device 0 is for readings whose device is not known.
type ledger struct {
	gen      uint64 // rises with every commit: the highest one found counts
	accepted uint64
	reasons  []string
	devices  []account
	imports  []taken // the latest last, see import.go
	dirty    bool    // differs from what was committed last
}

var errDevices = errors.New("cannot number another device: 32767 are known")

func (l *ledger) account(dev uint16) *account {
	for len(l.devices) <= int(dev) {
		l.devices = append(l.devices, account{})
	}
	l.dirty = true
	return &l.devices[dev]
}

func (l *ledger) device(name string) (uint16, error) {
	for i := 1; i < len(l.devices); i++ {
		if l.devices[i].name == name {
			return uint16(i), nil
		}
	}
	if len(l.devices) >= blindDevice {
		return 0, errDevices
	}
	n := uint16(max(1, len(l.devices)))
	l.account(n).name = name
	return n, nil
}

func (l *ledger) read(dev uint16, n uint64) { l.account(dev).read += n }

func (l *ledger) quarantine(dev uint16, n uint64) { l.account(dev).quarantined += n }

func (l *ledger) lose(dev uint16, reason string, n uint64) {
	a := l.account(dev)
	i := 0
	for i < len(l.reasons) && l.reasons[i] != reason {
		i++
	}
	if i == len(l.reasons) {
		l.reasons = append(l.reasons, reason)
	}
	for len(a.lost) <= i {
		a.lost = append(a.lost, 0)
	}
	a.lost[i] += n
}

func (a *account) lostAll() uint64 {
	var n uint64
	for _, v := range a.lost {
		n += v
	}
	return n
}

// without is a copy that does not count the records in unsaved, by device, as
// read.
func (l *ledger) without(unsaved []uint64) ledger {
	c := *l
	c.reasons = slices.Clone(l.reasons)
	c.devices = slices.Clone(l.devices)
	c.imports = cloneTaken(l.imports)
	for i := range c.devices {
		a := &c.devices[i]
		a.lost = slices.Clone(a.lost)
		if i < len(unsaved) {
			a.read -= min(a.read, unsaved[i])
		}
	}
	return c
}

// raise takes over what is higher in o. All counters only ever rise, so of two
// ledgers the one that knows more is right, counter by counter.
func (l *ledger) raise(o *ledger) {
	l.accepted = max(l.accepted, o.accepted)
	l.takeAll(o)
	for i := range o.devices {
		dev, a := uint16(i), &o.devices[i]
		if a.name == "" && i > 0 {
			continue
		}
		mine := l.account(dev)
		if mine.name == "" {
			mine.name = a.name
		}
		if mine.name != a.name {
			continue
		}
		mine.read = max(mine.read, a.read)
		mine.quarantined = max(mine.quarantined, a.quarantined)
		for r, n := range a.lost {
			if had := mine.lostFor(l.reasons, o.reasons[r]); n > had {
				l.lose(dev, o.reasons[r], n-had)
			}
		}
	}
}

func (a *account) lostFor(reasons []string, reason string) uint64 {
	if i := slices.Index(reasons, reason); i >= 0 && i < len(a.lost) {
		return a.lost[i]
	}
	return 0
}

// news is the accounts that differ from those in base, as numbers, those with
// more losses first.
func (l *ledger) news(base *ledger) []uint16 {
	var worse, other []uint16
	for i := range l.devices {
		a, was := &l.devices[i], account{}
		if i < len(base.devices) {
			was = base.devices[i]
		}
		switch {
		case a.lostAll() != was.lostAll() || a.quarantined != was.quarantined:
			worse = append(worse, uint16(i))
		case a.read != was.read || a.name != was.name:
			other = append(other, uint16(i))
		}
	}
	return append(worse, other...)
}

func (l *ledger) encode() []byte {
	b := []byte{formatVersion}
	b = binary.AppendUvarint(b, l.gen)
	b = binary.AppendUvarint(b, l.accepted)
	b = binary.AppendUvarint(b, uint64(len(l.reasons)))
	for _, r := range l.reasons {
		b = appendText(b, r)
	}
	b = binary.AppendUvarint(b, uint64(len(l.devices)))
	for i := range l.devices {
		b = l.devices[i].encode(b)
	}
	return seal(appendImports(b, l.imports))
}

func (a *account) encode(b []byte) []byte {
	b = appendText(b, a.name)
	b = binary.AppendUvarint(b, a.read)
	b = binary.AppendUvarint(b, a.quarantined)
	b = binary.AppendUvarint(b, uint64(len(a.lost)))
	for _, n := range a.lost {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func decodeAccount(d *decoder, reasons int) (account, error) {
	a := account{name: d.text(), read: d.uint(), quarantined: d.uint()}
	n := count(d)
	if n > uint64(reasons) {
		return a, errDamaged
	}
	for range n {
		a.lost = append(a.lost, d.uint())
	}
	return a, d.err
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func decodeLedger(b []byte) (ledger, error) {
	body, err := unseal(b)
	if err != nil {
		return ledger{}, err
	}
	if len(body) == 0 || body[0] != formatVersion {
		return ledger{}, errDamaged
	}
	d := decoder{b: body[1:]}
	l := ledger{gen: d.uint(), accepted: d.uint()}
	for range count(&d) {
		l.reasons = append(l.reasons, d.text())
	}
	for range count(&d) {
		a, err := decodeAccount(&d, len(l.reasons))
		if err != nil {
			return ledger{}, err
		}
		l.devices = append(l.devices, a)
	}
	l.imports = decodeImports(&d)
	return l, d.err // what a later version appended is passed over
}

// count reads a length, which cannot exceed the bytes that follow.
func count(d *decoder) uint64 {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.b, d.err = nil, errShort
		return 0
	}
	return n
}

// balance raises read where a ledger older than the records next to it would
// make acked negative.
func (l *ledger) balance(waiting []uint64) {
	var read, used uint64
	for i := range max(len(l.devices), len(waiting)) {
		a := l.account(uint16(i))
		need := a.lostAll() + a.quarantined
		if i < len(waiting) {
			need += waiting[i]
		}
		if i > 0 && a.read < need {
			a.read = need
		}
		read, used = read+a.read, used+need
	}
	if read < used {
		l.account(0).read += used - read
	}
}

// counts makes the published form.
func (l *ledger) counts(waiting []uint64) (total Counts, devices map[string]Counts) {
	devices = make(map[string]Counts, len(l.devices))
	total.Lost = map[string]uint64{}
	for i := range l.devices {
		a := &l.devices[i]
		c := Counts{Read: a.read, Quarantined: a.quarantined, Lost: map[string]uint64{}}
		if i < len(waiting) {
			c.Waiting = waiting[i]
		}
		for r, n := range a.lost {
			if n > 0 {
				c.Lost[l.reasons[r]] = n
				total.Lost[l.reasons[r]] += n
			}
		}
		total.Read += c.Read
		total.Waiting += c.Waiting
		total.Quarantined += c.Quarantined
		if used := c.Waiting + c.Quarantined + a.lostAll(); c.Read > used {
			c.Acked = c.Read - used
		}
		if a.name != "" {
			devices[a.name] = c
		} else if c.Read+c.Waiting+c.Quarantined+a.lostAll() > 0 {
			devices[""] = c.plus(devices[""])
		}
	}
	total.Acked = total.Read - total.Waiting - total.Quarantined - total.LostAll()
	return total, devices
}

// Ledger is the account of all devices together and of each by name; the name
// "" is for readings whose device is not known.
func (q *Queue) Ledger() (total Counts, devices map[string]Counts) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ledger.counts(q.waiting)
}
