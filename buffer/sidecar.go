package buffer

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
)

// The sidecar is one file of two slots of 4096 bytes, written alternately in
// place and then synced: 17 KB and 3 flushes on the device, where writing a
// new file and renaming it costs 78 KB. The valid slot with the higher
// generation counts. It is written when numbers are reserved, when a segment
// is about to be unlinked, after every 10,000 records released from disk, once
// when the disk part is drained, every 6 hours, for a boot's offset, a new
// epoch, and at stop; never for each record or acknowledgement.
//
// A slot is: magic 8 bytes | version uint16 | length of payload uint16 |
// payload | crc32c of all before | zeros. The payload is varints in the order
// of state.encode.
const (
	slotSize    = 4096
	slotHeader  = 12
	maxStarts   = 32
	maxBeyond   = 64
	maxNoted    = 150
	slotReserve = 512 // for the ledger
	sidecarSize = 2 * slotSize
	noteEvery   = 6 * 60 * 60 * 1000 // ms
)

func slotMagic() string { return "porttiQ\n" }

// start is what is known of one boot of the machine.
type start struct {
	id    [16]byte
	index uint32
	mono  int64 // the latest monotonic time seen in it, milliseconds
	set   bool
	off   Offset
	seen  int64 // Unix milliseconds at mono 0 by a trusted clock, 0 = not known
}

// segNote remembers that a segment existed, so that it cannot vanish unseen.
type segNote struct {
	first, count uint64
}

// state is what the sidecar holds.
type state struct {
	gen      uint64
	epoch    uint64
	reserved uint64 // the first number not in use; exact when clean
	released uint64
	clean    bool
	lastGood int64
	starts   []start
	beyond   ranges // released beyond the mark
	segs     []segNote
	// ledger is accounts that the newest segment does not have so yet, so that
	// a file can be unlinked before the next commit counts what was in it.
	ledger ledger
	only   []uint16 // devices of ledger to save, as many as there is space for
}

func (s *state) encode() []byte {
	b := append(make([]byte, 0, slotSize), slotMagic()...)
	b = binary.LittleEndian.AppendUint16(b, formatVersion)
	b = append(b, 0, 0)
	for _, v := range []uint64{s.gen, s.epoch, s.reserved, s.released, bit(s.clean)} {
		b = binary.AppendUvarint(b, v)
	}
	b = binary.AppendVarint(b, s.lastGood)
	starts := s.starts[max(0, len(s.starts)-maxStarts):]
	b = binary.AppendUvarint(b, uint64(len(starts)))
	for _, v := range starts {
		b = append(b, v.id[:]...)
		b = binary.AppendUvarint(b, uint64(v.index))
		b = binary.AppendVarint(b, v.mono)
		b = binary.AppendUvarint(b, bit(v.set))
		b = binary.AppendVarint(b, v.off.Unix)
		b = binary.AppendVarint(b, v.off.Err)
	}
	beyond := s.beyond[:min(len(s.beyond), maxBeyond)]
	b = binary.AppendUvarint(b, uint64(len(beyond)))
	last := s.released
	for _, v := range beyond {
		b = binary.AppendUvarint(b, v.a-last)
		b = binary.AppendUvarint(b, v.b-v.a)
		last = v.b
	}
	// As many segments as fit, the newest: at 8 MB each this covers gigabytes.
	segs := s.segs[max(0, len(s.segs)-maxNoted):]
	list, seen := appendNotes(nil, segs), appendSeen(nil, starts)
	for len(b)+len(list)+len(seen) > slotSize-slotReserve {
		segs = segs[1:]
		list = appendNotes(list[:0], segs)
	}
	b = append(s.appendLedger(append(b, list...), slotSize-16-len(seen)), seen...)
	binary.LittleEndian.PutUint16(b[10:], uint16(len(b)-slotHeader))
	return seal(b)
}

func appendNotes(b []byte, segs []segNote) []byte {
	b = binary.AppendUvarint(b, uint64(len(segs)))
	var last uint64
	for _, v := range segs {
		b = binary.AppendUvarint(b, v.first-last)
		b = binary.AppendUvarint(b, v.count)
		last = v.first
	}
	return b
}

// appendLedger writes the accounts in only, as long as b stays below limit.
func (s *state) appendLedger(b []byte, limit int) []byte {
	b = binary.AppendUvarint(b, s.ledger.accepted)
	b = binary.AppendUvarint(b, uint64(len(s.ledger.reasons)))
	for _, r := range s.ledger.reasons {
		b = appendText(b, r)
	}
	n := 0
	var list []byte
	for _, dev := range s.only {
		more := s.ledger.devices[dev].encode(binary.AppendUvarint(nil, uint64(dev)))
		if len(b)+len(list)+len(more) > limit {
			break
		}
		list = append(list, more...)
		n++
	}
	return append(binary.AppendUvarint(b, uint64(n)), list...)
}

func (s *state) decodeLedger(d *decoder) {
	s.ledger.accepted = d.uint()
	for range count(d) {
		s.ledger.reasons = append(s.ledger.reasons, d.text())
	}
	for range count(d) {
		dev := d.uint()
		a, err := decodeAccount(d, len(s.ledger.reasons))
		if err != nil || dev >= blindDevice {
			d.b, d.err = nil, errDamaged
			return
		}
		*s.ledger.account(uint16(dev)) = a
		s.only = append(s.only, uint16(dev))
	}
}

func bit(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

func decodeState(slot []byte) (state, error) {
	var s state
	if len(slot) < slotHeader+4 || string(slot[:8]) != slotMagic() {
		return s, errDamaged
	}
	n := slotHeader + int(binary.LittleEndian.Uint16(slot[10:]))
	if n+4 > len(slot) {
		return s, errDamaged
	}
	body, err := unseal(slot[:n+4])
	if err != nil {
		return s, err
	}
	if v := binary.LittleEndian.Uint16(slot[8:]); v > formatVersion {
		return s, newerFormat(v)
	} else if v < formatVersion { // there was none
		return s, errDamaged
	}
	d := decoder{b: body[slotHeader:]}
	s.gen, s.epoch, s.reserved, s.released, s.clean = d.uint(), d.uint(), d.uint(), d.uint(), d.uint() != 0
	s.lastGood = d.int()
	for range count(&d) {
		if len(d.b) < 16 {
			return s, errDamaged
		}
		v := start{id: [16]byte(d.b)}
		d.b = d.b[16:]
		v.index, v.mono, v.set = uint32(d.uint()), d.int(), d.uint() != 0
		v.off = Offset{Unix: d.int(), Err: d.int()}
		s.starts = append(s.starts, v)
	}
	last := s.released
	for range count(&d) {
		a := last + d.uint()
		last = a + d.uint()
		s.beyond.add(span{a, last})
	}
	last = 0
	for range count(&d) {
		last += d.uint()
		s.segs = append(s.segs, segNote{last, d.uint()})
	}
	s.decodeLedger(&d)
	s.decodeSeen(&d)
	return s, d.err // what a later version appended is passed over
}

// readSidecar returns the newest valid slot. fs.ErrNotExist: there is no
// sidecar; ErrNewer: not ours to touch; errDamaged: both slots are unreadable.
func readSidecar(f FS) (state, error) {
	file, err := f.Open(sidecarName, os.O_RDONLY)
	if err != nil {
		return state{}, err
	}
	defer file.Close()
	buf := make([]byte, sidecarSize)
	n, err := file.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return state{}, err
	}
	buf = buf[:n]
	best, result := state{}, errDamaged
	for at := 0; at < len(buf); at += slotSize {
		s, err := decodeState(buf[at:min(at+slotSize, len(buf))])
		if errors.Is(err, ErrNewer) {
			return state{}, err
		}
		if err == nil && (result != nil || s.gen > best.gen) {
			best, result = s, nil
		}
	}
	return best, result
}

// makeSidecar creates the file: temporary name, sync, rename, directory sync.
func makeSidecar(f FS) error {
	const tmp = sidecarName + tmpSuffix
	_ = f.Remove(tmp)
	file, err := f.Open(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(make([]byte, sidecarSize), 0)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, f.Remove(tmp))
	}
	// A directory or a damaged file of that name is kept for a person.
	if _, err := f.Size(sidecarName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		if err := f.Rename(sidecarName, sidecarName+damagedInfix+"1"); err != nil {
			return err
		}
	}
	if err := f.Rename(tmp, sidecarName); err != nil {
		return err
	}
	return f.SyncDir()
}

// writeSidecar saves the state as it is now; reserved is what the numbering may
// use afterwards. Only the committer calls it.
func (q *Queue) writeSidecar(reserved uint64, clean bool) error {
	q.mu.Lock()
	now := q.opt.Mono()
	st := state{gen: q.disk.gen + 1, epoch: q.epoch, reserved: reserved, released: q.released,
		clean: clean, lastGood: q.lastGood, beyond: q.beyondLocked()}
	for i := range q.starts {
		if q.starts[i].index == q.boot {
			q.starts[i].mono = now
		}
	}
	st.starts = slices.Clone(q.starts)
	for _, s := range q.segs {
		st.segs = append(st.segs, segNote{s.first, s.sum.count})
	}
	st.ledger = q.ledger.without(q.unsavedLocked(q.committed))
	st.only = st.ledger.news(&q.disk.base)
	progress, owed, waiters := q.disk.progress, q.disk.owed, q.disk.waiters
	q.disk.waiters = nil
	q.mu.Unlock()

	q.tick()
	err := q.putSlot(&st)
	q.mu.Lock()
	if err != nil {
		q.disk.waiters = append(q.disk.waiters, waiters...)
		q.mu.Unlock()
		return err
	}
	for _, w := range waiters {
		w <- nil
	}
	q.disk.gen, q.disk.started = st.gen, true
	q.disk.progress -= progress
	q.disk.owed -= owed
	q.disk.noted, q.disk.unnoted = now, false
	q.figures.notes++
	q.epochSaved = st.epoch
	if !clean {
		q.reserved = max(q.reserved, reserved)
	}
	q.notifyLocked() // those waiting for a number that is reserved now
	q.mu.Unlock()
	return nil
}

func (q *Queue) putSlot(st *state) error {
	if q.disk.sidecar == nil {
		if size, err := q.fs.Size(sidecarName); err != nil || size != sidecarSize {
			if err := makeSidecar(q.fs); err != nil {
				return err
			}
		}
		f, err := q.fs.Open(sidecarName, os.O_RDWR)
		if err != nil {
			return err
		}
		q.disk.sidecar = f
	}
	slot := make([]byte, slotSize)
	copy(slot, st.encode())
	_, err := q.disk.sidecar.WriteAt(slot, int64(st.gen%2)*slotSize)
	if err == nil {
		err = q.disk.sidecar.Sync()
	}
	if err != nil {
		// What the kernel keeps after a failed sync is not known: start over.
		_ = q.disk.sidecar.Close()
		q.disk.sidecar = nil
	}
	return err
}
