package buffer

import (
	"fmt"
	"time"
)

// A queue that could not even read its directory at the start works blind: in
// memory, with numbers far above all that a gateway ever used, so that what is
// found on disk later lies below them and can be taken in front. Devices get
// numbers with the high bit set until then, since the ledger on disk may know
// them by others.

// So is the boot, until it is known which one it is.
const (
	blindDevice = 0x8000
	blindBoot   = 1 << 31
)

// blindBase is where a blind queue begins: above 2^48 and rising with the wall
// clock, so that a second blind start lies above the first, and below 2^53, so
// that it is exact in JSON.
func blindBase() uint64 { return 1<<48 + uint64(max(0, time.Now().UnixMilli()))<<8 }

// beginBlind sets the numbering of a blind queue.
func (q *committer) beginBlind() {
	q.next = blindBase()
	q.reserved = q.next + q.sz.numbers
	q.committed, q.released = q.next-1, q.next-1
	q.blindFirst = q.next
	q.rows.set(span{q.next, ^uint64(0)}, q.opt.freshName())
	q.boot = blindBoot
	q.starts = []start{{id: q.opt.BootID, index: q.boot}}
}

// resolveLocked turns a device number given to a caller into one of the
// ledger.
func (q *books) resolveLocked(dev uint16) uint16 {
	if dev&blindDevice == 0 {
		return dev
	}
	dev &^= blindDevice
	if q.alias == nil {
		return dev
	}
	return q.alias[min(int(dev), len(q.alias)-1)]
}

// realBootLocked is the boot that a blind queue turned out to be in.
func (q *books) realBootLocked(boot uint32) uint32 {
	if boot == blindBoot && q.alias != nil {
		return q.boot
	}
	return boot
}

// regain takes the disk into use after a blind start: it loads what is there
// into a queue of its own and puts that in front of what is in memory.
func (q *committer) regain() error {
	if !q.disk.blind {
		return nil
	}
	old := &committer{}
	old.begin(q.opt, q.sz, q.fs, q.log)
	q.mu.Lock()
	old.epoch = q.epoch
	q.mu.Unlock()
	old.boot, old.disk.loading, old.disk.starts, old.disk.failedAt = 1, true, q.disk.starts, q.disk.failedAt
	err := old.recover()
	q.disk.starts = old.disk.starts
	if err == nil && old.next > q.blindFirst {
		err = fmt.Errorf("numbers on disk reach %d, those in memory began at %d: restart to take over what is on disk", old.next-1, q.blindFirst)
	}
	if err != nil {
		old.closeFiles()
		return err
	}
	q.reading.Lock()
	defer q.reading.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mergeLocked(old)
	total, _ := old.ledger.counts(old.waiting, nil)
	q.info("buffer.opened", "buffer on disk taken over", "count", total.Waiting, "segments", len(q.segs))
	return nil
}

// mergeLocked puts the queue read from disk in front.
func (q *committer) mergeLocked(old *committer) {
	q.reader.opened.close()
	q.reader.opened = old.reader.opened
	q.dirID.Store(old.dirID.Load())
	q.disk.blind, q.disk.started = false, old.disk.started
	q.disk.sidecar, q.disk.slotSize, q.disk.slot, q.disk.chosen = old.disk.sidecar, old.disk.slotSize, old.disk.slot, old.disk.chosen
	q.disk.ruined, q.disk.gen = old.disk.ruined, old.disk.gen
	q.disk.noted, q.disk.ledgerAt = old.disk.noted, old.disk.ledgerAt
	q.segs, q.epochSaved = old.segs, old.epochSaved
	mineRows := q.rows
	q.rows = old.rows
	q.rows.adopt(span{q.blindFirst, ^uint64(0)}, mineRows, q.opt.freshName())
	q.figures.damagedFiles, q.figures.damagedBytes, q.figures.lastAside = old.figures.damagedFiles, old.figures.damagedBytes, old.figures.lastAside
	q.figures.quarantineBytes = old.figures.quarantineBytes
	q.figures.setAside += old.figures.setAside
	q.losses = append(old.losses, q.losses...)

	old.fates.set(span{old.next, q.released}, gone)
	q.released, q.fates = old.released, append(old.fates, q.fates...)
	q.goneLocked(nil)

	boot := q.boot
	off, set := q.starts[0].off, q.starts[0].set
	q.boot, q.resumed, q.starts, q.lastGood = old.boot, old.resumed, old.starts, max(q.lastGood, old.lastGood)
	for i := range q.starts {
		if s := &q.starts[i]; s.index == q.boot && set && !s.set {
			s.off, s.set = off, true
		}
	}
	mine := q.ledger
	waiting := q.waiting
	q.ledger, q.waiting, q.unseen = old.ledger, old.waiting, old.unseen
	q.alias = q.ledger.merge(&mine)
	for i := range q.hold.steps {
		var devices []uint64
		for dev, n := range q.hold.steps[i].devices {
			bump(&devices, q.alias[dev], n)
		}
		q.hold.steps[i].devices = devices
	}
	for dev, n := range waiting {
		bump(&q.waiting, q.alias[dev], n)
	}
	q.tail.rewrite(func(e *Entry) {
		if e.Boot == boot {
			e.Boot = q.boot
		}
		e.Device = q.alias[e.Device]
	})
	q.surfacedLocked(span{q.released + 1, old.next - 1})
}

// merge adds another ledger by name and says which number each of its devices
// has here.
func (l *ledger) merge(o *ledger) []uint16 {
	alias := make([]uint16, max(1, len(o.devices)))
	l.accepted += o.accepted
	l.takeAll(o)
	for i := range o.devices {
		a := &o.devices[i]
		if i > 0 {
			alias[i], _ = l.device(a.name) // both are far below the limit
		}
		l.account(alias[i]).read += a.read
		l.account(alias[i]).released += a.released
		l.quarantine(alias[i], a.quarantined)
		for r, n := range a.lost {
			if n > 0 {
				l.lose(alias[i], o.reasons[r], n)
			}
		}
	}
	return alias
}

// rewrite changes the facts of every record in memory. Blocks that somebody
// looks into stay as they are for him.
func (t *tail) rewrite(edit func(*Entry)) {
	old := t.blocks
	t.blocks = nil
	for _, b := range old {
		if len(b.ends) == 0 {
			continue
		}
		for n := b.first; n <= b.last(); n++ {
			e := header(b.value(n))
			edit(&e)
			t.append(n, e)
		}
		b.gone = true
	}
}
