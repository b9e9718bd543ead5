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

// plus adds up accounts.
func (c Counts) plus(o Counts) Counts {
	c.Read += o.Read
	c.Acked += o.Acked
	c.Waiting += o.Waiting
	c.Quarantined += o.Quarantined
	if c.Lost == nil {
		c.Lost = map[string]uint64{}
	}
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

// account is what is counted for a device, each where it happens. What waits is
// counted from what is present, and what is held from the acknowledgements, so
// none is the rest, and a difference shows.
type account struct {
	name        string
	read        uint64
	released    uint64 // proven, and their hold is over
	quarantined uint64
	lost        []uint64 // by index of ledger.reasons
}

// ledger is the counts of all devices and, with them, which numbers they have
// counted as through: the two are written together and read as a pair. Each
// commit carries it, and each slot of the sidecar; the highest gen counts, as a
// whole. Device 0 is for readings whose device is not known.
type ledger struct {
	gen      uint64
	accepted uint64
	through  uint64 // no number above was ever written
	mark     uint64 // up to here all is through
	beyond   ranges // and these
	reasons  []string
	devices  []account
	imports  []taken // the latest last, see import.go
	dirty    bool    // differs from what was committed last
	worse    bool    // something was lost or set aside that no slot says yet
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

// release counts records that were proven and need not be sent again.
func (l *ledger) release(devices []uint64) {
	for dev, n := range devices {
		if n > 0 {
			l.account(uint16(dev)).released += n
		}
	}
}

func (l *ledger) quarantine(dev uint16, n uint64) {
	l.account(dev).quarantined += n
	l.worse = true
}

func (l *ledger) lose(dev uint16, reason string, n uint64) {
	a := l.account(dev)
	l.worse = true
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

// finished is what will never be handed out again.
func (a *account) finished() uint64 { return a.released + a.quarantined + a.lostAll() }

func (l *ledger) clone() ledger {
	c := *l
	c.beyond = slices.Clone(l.beyond)
	c.reasons = slices.Clone(l.reasons)
	c.devices = slices.Clone(l.devices)
	c.imports = cloneTaken(l.imports)
	for i := range c.devices {
		c.devices[i].lost = slices.Clone(c.devices[i].lost)
	}
	return c
}

// savedLocked is the ledger for a commit that has all records through number to,
// or for a slot: what stays in memory only, waiting or held, is not counted as
// read, nor as accepted, since a crash forgets it. It is counted again when it is
// shown.
func (q *proofs) savedLocked(to uint64) ledger {
	c := q.ledger.clone()
	if to+1 < q.next {
		unsaved := q.fates.of(ranges{{max(to, q.released) + 1, q.next - 1}}, there)
		for _, p := range unsaved {
			q.tail.each(p, func(_ uint64, v []byte) { c.devices[valueDevice(v)].read-- })
		}
		c.accepted -= q.counted.and(unsaved).size()
	}
	c.imports = q.importsThroughLocked(to)
	c.through = max(c.through, to)
	c.mark, c.beyond = q.released, q.beyondLocked()
	return c
}

func (l *ledger) encode() []byte { return seal(l.unsealed()) }

// unsealed is what a slot holds: under the slot's checksum the ledger must not have
// its own, since a CRC over data and its CRC is the same whatever the data.
func (l *ledger) unsealed() []byte {
	b := appendUints([]byte{formatVersion}, l.gen, l.accepted, l.through, l.mark)
	b = appendRanges(b, l.beyond, l.mark)
	b = binary.AppendUvarint(b, uint64(len(l.reasons)))
	for _, r := range l.reasons {
		b = appendText(b, r)
	}
	b = binary.AppendUvarint(b, uint64(len(l.devices)))
	for i := range l.devices {
		b = l.devices[i].encode(b)
	}
	return appendImports(b, l.imports)
}

func (a *account) encode(b []byte) []byte {
	b = appendUints(appendText(b, a.name), a.read, a.released, a.quarantined, uint64(len(a.lost)))
	return appendUints(b, a.lost...)
}

func decodeAccount(d *decoder, reasons int) (account, error) {
	a := account{name: d.text(), read: d.uint(), released: d.uint(), quarantined: d.uint()}
	n := count(d)
	if n > uint64(reasons) {
		return a, errDamaged
	}
	for range n {
		a.lost = append(a.lost, d.uint())
	}
	return a, d.err
}

// appendRanges writes spans above last as gaps and lengths.
func appendRanges(b []byte, set ranges, last uint64) []byte {
	b = binary.AppendUvarint(b, uint64(len(set)))
	for _, s := range set {
		b = appendUints(b, s.a-last, s.b-s.a)
		last = s.b
	}
	return b
}

func decodeRanges(d *decoder, last uint64) (set ranges) {
	for range count(d) {
		a := last + d.uint()
		b := a + d.uint()
		if d.err != nil || a < last || b < a {
			d.b, d.err = nil, errDamaged
			return nil
		}
		set.add(span{a, b})
		last = b
	}
	return set
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
	return parseLedger(body)
}

// parseLedger reads what unsealed made.
func parseLedger(body []byte) (ledger, error) {
	if len(body) == 0 || body[0] != formatVersion {
		return ledger{}, errDamaged
	}
	d := decoder{b: body[1:]}
	l := ledger{gen: d.uint(), accepted: d.uint(), through: d.uint(), mark: d.uint()}
	l.beyond = decodeRanges(&d, l.mark)
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

// counts makes the published form: what is stored, and by device what waits and
// what is held.
func (l *ledger) counts(waiting, held []uint64) (total Counts, devices map[string]Counts) {
	devices = make(map[string]Counts, len(l.devices))
	total.Lost = map[string]uint64{}
	for i := range l.devices {
		a := &l.devices[i]
		c := Counts{Read: a.read, Acked: a.released + at(held, i), Waiting: at(waiting, i),
			Quarantined: a.quarantined, Lost: map[string]uint64{}}
		for r, n := range a.lost {
			if n > 0 {
				c.Lost[l.reasons[r]] = n
			}
		}
		total = total.plus(c)
		if a.name != "" || c.Read+c.Acked+c.Waiting+c.Quarantined+a.lostAll() > 0 {
			devices[a.name] = devices[a.name].plus(c)
		}
	}
	return total, devices
}

// Ledger is the account of all devices together and of each by name; the name
// "" is for readings whose device is not known.
func (q *Queue) Ledger() (total Counts, devices map[string]Counts) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ledger.counts(sumOf(q.waiting, q.unseen), q.hold.devices())
}

// sumOf adds up two tables by device.
func sumOf(a, b []uint64) []uint64 {
	sum := slices.Clone(a)
	for dev, n := range b {
		bump(&sum, uint16(dev), n)
	}
	return sum
}
