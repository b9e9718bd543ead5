package buffer

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
)

// The sidecar is one file of three slots. Two are written alternately in place and
// synced: 17 KB and 3 flushes on the device, where writing a new file and renaming
// it costs 78 KB. That is done when numbers are reserved, when a segment is about
// to be unlinked, after every 10,000 records released from disk, once when the disk
// part is drained, every 6 hours, for a boot's offset, a new epoch, and at stop;
// never for each record or acknowledgement.
//
// The third is written, and not synced, after each commit returned and soon after a
// loss. It costs 1 to 2 % of a commit's bytes, and is exact when the process was
// killed; after a power cut it is as old as the kernel let it become, 30 s. It names
// what was in a newest file that is missing or ruined. It is never written before
// what it speaks of is on disk.
//
// The slot with the highest generation counts, the ledgers in the segments
// included. A slot has as many pages as the ledger needs: one for 64 devices.
//
// A slot is: magic 8 bytes | version uint16 | length of payload uint32 |
// payload | crc32c of all before | zeros. The payload is varints in the order
// of state.encode.
const (
	slots       = 3
	sidecarSize = slots * pageSize // at least
	unsynced    = slots - 1        // the third slot
	slotHeader  = 14
	slotReserve = 512 // bytes that a new file has to spare
	maxStarts   = 32
	maxNoted    = 150
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

// segNote remembers that a segment existed, so that its name can be told when it
// is missing, and whether it could be read at all.
type segNote struct {
	first, count uint64
	unread       bool
}

// state is what a slot holds.
type state struct {
	ledger   ledger // its gen is the slot's
	epoch    uint64
	reserved uint64 // the first number not in use; exact when clean
	clean    bool
	boot     [16]byte // in which it was written
	lastGood int64
	starts   []start
	segs     []segNote
}

// encode makes a slot of at most limit bytes, 0 for as many as it needs. Beyond
// that the oldest segments are not named.
func (s *state) encode(limit int) []byte {
	b := append(make([]byte, 0, pageSize), slotMagic()...)
	b = binary.LittleEndian.AppendUint16(b, formatVersion)
	b = append(b, 0, 0, 0, 0)
	b = appendText(b, string(s.ledger.unsealed()))
	b = appendUints(b, s.epoch, s.reserved, bit(s.clean))
	b = append(b, s.boot[:]...)
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
		b = binary.AppendVarint(b, v.seen)
	}
	segs := s.segs[max(0, len(s.segs)-maxNoted):]
	list := appendNotes(nil, segs)
	for limit > 0 && len(segs) > 0 && len(b)+len(list)+4 > limit {
		segs = segs[1:]
		list = appendNotes(list[:0], segs)
	}
	b = append(b, list...)
	binary.LittleEndian.PutUint32(b[10:], uint32(len(b)-slotHeader))
	return seal(b)
}

func appendNotes(b []byte, segs []segNote) []byte {
	b = binary.AppendUvarint(b, uint64(len(segs)))
	var last uint64
	for _, v := range segs {
		b = appendUints(b, v.first-last, v.count, bit(v.unread))
		last = v.first
	}
	return b
}

func bit(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

// decodeState reads the slot at the beginning of b.
func decodeState(b []byte) (state, error) {
	var s state
	if len(b) < slotHeader+4 || string(b[:8]) != slotMagic() {
		return s, errDamaged
	}
	n := uint64(binary.LittleEndian.Uint32(b[10:])) + slotHeader + 4
	if n > uint64(len(b)) {
		return s, errDamaged
	}
	body, err := unseal(b[:n])
	if err != nil {
		return s, err
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v > formatVersion {
		return s, newerFormat(v)
	} else if v < formatVersion {
		return s, errDamaged
	}
	d := decoder{b: body[slotHeader:]}
	if s.ledger, err = parseLedger([]byte(d.text())); err != nil {
		return s, err
	}
	s.epoch, s.reserved, s.clean = d.uint(), d.uint(), d.uint() != 0
	s.boot = d.id()
	s.lastGood = d.int()
	for range count(&d) {
		v := start{id: d.id(), index: uint32(d.uint()), mono: d.int(), set: d.uint() != 0}
		v.off = Offset{Unix: d.int(), Err: d.int()}
		v.seen = d.int()
		s.starts = append(s.starts, v)
	}
	var last uint64
	for range count(&d) {
		last += d.uint()
		s.segs = append(s.segs, segNote{last, d.uint(), d.uint() != 0})
	}
	return s, d.err // what a later version appended is passed over
}

// id reads 16 bytes.
func (d *decoder) id() (id [16]byte) {
	copy(id[:], d.take(16))
	return id
}

// slotSizeOf is the bytes of a slot in a sidecar of so many.
func slotSizeOf(size int64) int64 {
	return max(pageSize, size/slots/pageSize*pageSize)
}

// errNoSlot: nothing was ever written there.
var errNoSlot = errors.New("no slot")

// slotsRead is what is in the slots of a sidecar, and why not.
type slotsRead struct {
	all  [slots]state
	errs [slots]error
	err  error // of the file
}

func readSlots(f FS) (s slotsRead) {
	file, size, err := openSized(f, sidecarName)
	if s.err = err; err != nil {
		return s
	}
	defer file.Close()
	b := make([]byte, min(size, slots*maxSlot))
	n, err := file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
		return s
	}
	for i := range s.all {
		slot := b[min(int64(n), int64(i)*slotSizeOf(size)):n]
		s.all[i], s.errs[i] = decodeState(slot)
		if len(slot) >= slotHeader && !slices.ContainsFunc(slot[:slotHeader], func(b byte) bool { return b != 0 }) {
			s.errs[i] = errNoSlot
		}
	}
	return s
}

// maxSlot is what a ledger of all devices that there can be needs.
const maxSlot = 16 << 20

// newest is the valid slot with the highest generation. fs.ErrNotExist: there is no
// sidecar; ErrNewer: not ours to touch; errDamaged: no slot can be read.
func (s *slotsRead) newest() (best state, err error) {
	if err = s.err; err == nil {
		err = errDamaged
	}
	for i, st := range s.all {
		switch {
		case errors.Is(s.errs[i], ErrNewer):
			return state{}, s.errs[i]
		case s.err == nil && s.errs[i] == nil && (err != nil || st.ledger.gen > best.ledger.gen):
			best, err = st, nil
		}
	}
	return best, err
}

// synced is the generation of the newest synced slot, 0 when there is none.
func (s *slotsRead) synced() (gen uint64) {
	for i, st := range s.all[:unsynced] {
		if s.errs[i] == nil {
			gen = max(gen, st.ledger.gen)
		}
	}
	return gen
}

// readSidecar returns the newest valid slot.
func readSidecar(f FS) (state, error) {
	s := readSlots(f)
	return s.newest()
}

// makeSidecar creates the file with a first slot in it: temporary name, sync,
// rename, directory sync. aside: what has its name is kept under another one.
func makeSidecar(f FS, slot []byte, aside bool) error {
	const tmp = sidecarName + tmpSuffix
	_ = f.Remove(tmp)
	file, err := f.Open(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	b := make([]byte, slots*((len(slot)+slotReserve)/pageSize+1)*pageSize)
	copy(b, slot)
	_, err = file.WriteAt(b, 0)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, f.Remove(tmp))
	}
	// A directory or a damaged file of that name is kept for a person.
	if _, err := f.Size(sidecarName); aside && err == nil || err != nil && !errors.Is(err, fs.ErrNotExist) {
		if err := f.Rename(sidecarName, sidecarName+damagedInfix+"1"); err != nil {
			return err
		}
	}
	if err := f.Rename(tmp, sidecarName); err != nil {
		return err
	}
	return f.SyncDir()
}

// stateLocked is the state as it is now.
func (q *store) stateLocked(reserved uint64, clean bool) state {
	now := q.opt.Mono()
	for i := range q.starts {
		if q.starts[i].index == q.boot {
			q.starts[i].mono = now
		}
	}
	q.ledger.gen++
	q.ledger.worse = false
	st := state{ledger: q.savedLocked(q.committed), epoch: q.epoch, reserved: reserved, clean: clean,
		boot: q.opt.BootID, lastGood: q.lastGood, starts: slices.Clone(q.starts)}
	for _, s := range q.segs {
		st.segs = append(st.segs, segNote{s.first, s.sum.count, s.uncounted})
	}
	return st
}

// writeSidecar saves the state as it is now; reserved is what the numbering may
// use afterwards. Only the committer calls it.
func (q *store) writeSidecar(reserved uint64, clean bool) error {
	q.mu.Lock()
	st := q.stateLocked(reserved, clean)
	now := q.opt.Mono()
	progress, owed, waiters := q.disk.progress, q.disk.owed, q.disk.waiters
	q.disk.waiters = nil
	q.mu.Unlock()

	q.tick()
	err := q.putSlot(&st)
	q.mu.Lock()
	if err != nil {
		q.ledger.worse = true
		q.disk.waiters = append(q.disk.waiters, waiters...)
		q.mu.Unlock()
		return err
	}
	for _, w := range waiters {
		w <- nil
	}
	q.disk.started, q.disk.gen = true, st.ledger.gen
	q.disk.progress -= progress
	q.disk.owed -= owed
	q.disk.noted, q.disk.jotted, q.disk.lossAt, q.disk.unnoted = now, now, 0, false
	q.figures.notes++
	q.epochSaved = st.epoch
	if !clean {
		q.reserved = max(q.reserved, reserved)
	}
	q.notifyLocked() // those waiting for a number that is reserved now
	q.mu.Unlock()
	return nil
}

// jot writes the third slot. That it fails costs nothing but what it is for.
func (q *store) jot() {
	if q.disk.sidecar == nil {
		return
	}
	q.mu.Lock()
	if q.disk.shaky { // what was put in place may not be on disk
		q.mu.Unlock()
		return
	}
	st := q.stateLocked(q.reserved, false)
	q.disk.jotted = q.opt.Mono()
	q.mu.Unlock()
	if b := st.encode(int(q.disk.slotSize)); int64(len(b)) <= q.disk.slotSize {
		_, _ = q.disk.sidecar.WriteAt(b, unsynced*q.disk.slotSize)
	}
}

// putSlot writes to that of the two synced slots which does not hold the newest
// state. After an error it is that one again: what the kernel shows of it then is
// not what the disk has.
func (q *store) putSlot(st *state) error {
	if err := q.openSidecar(); err != nil {
		return err
	}
	b := st.encode(int(q.disk.slotSize))
	if int64(len(b)) > q.disk.slotSize { // more devices than it has space for, or none yet
		q.closeSidecar()
		if err := makeSidecar(q.fs, st.encode(0), q.disk.ruined); err != nil {
			return err
		}
		q.disk.slot, q.disk.chosen, q.disk.ruined = 0, true, false
		return q.openSidecar()
	}
	next := 1 - q.disk.slot
	slot := make([]byte, q.disk.slotSize)
	copy(slot, b)
	_, err := q.disk.sidecar.WriteAt(slot, int64(next)*q.disk.slotSize)
	if err == nil {
		err = q.disk.sidecar.Sync()
	}
	if err != nil {
		q.closeSidecar()
		return err
	}
	q.disk.slot = next
	return nil
}

// openSidecar opens the file if there is a sound one. Of what an earlier process left
// the older synced slot is written first. Should the sync of the newer one have failed
// then, the disk never had it; with the power going amid that write both are gone.
// The segments have the ledger and the names too, so nothing is lost by that but the
// boots' times.
func (q *store) openSidecar() error {
	if q.disk.sidecar != nil {
		return nil
	}
	size, err := q.fs.Size(sidecarName)
	if q.disk.ruined || err != nil || size < slots*pageSize || size%(slots*pageSize) != 0 {
		q.disk.slotSize = 0
		return nil
	}
	if !q.disk.chosen {
		s := readSlots(q.fs)
		if s.err != nil {
			return s.err
		}
		if q.disk.slot = 0; s.errs[0] != nil || s.errs[1] == nil && s.all[1].ledger.gen > s.all[0].ledger.gen {
			q.disk.slot = 1
		}
		q.disk.chosen = true
	}
	f, err := q.fs.Open(sidecarName, os.O_RDWR)
	if err != nil {
		return err
	}
	q.disk.sidecar, q.disk.slotSize = f, slotSizeOf(size)
	return nil
}

func (q *store) closeSidecar() {
	if q.disk.sidecar != nil {
		_ = q.disk.sidecar.Close()
		q.disk.sidecar = nil
	}
}
