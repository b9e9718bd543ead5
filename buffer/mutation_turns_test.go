package buffer

import (
	"bytes"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"portti/buffer/crashtest"
)

// What happens otherwise, each a piece of a log.

// noSlot leaves out slots for a purpose, until one for another is written.
func noSlot(purpose string) func(l *recorded) []episode {
	return func(l *recorded) (out []episode) {
		for i := range l.log {
			if l.of[i] != purpose {
				continue
			}
			e := episode{at: i}
			unsynced := true
			k := i + 1
			for ; k < len(l.log) && (!isSlot(l.of[k]) || l.of[k] == purpose) && l.log[k].To != sidecarName; k++ {
				switch {
				case l.of[k] == purpose:
					unsynced = true
				case unsynced && l.of[k] == forSlot:
					unsynced = false
				default:
					e.ops = append(e.ops, l.log[k])
				}
			}
			e.to = k
			out = append(out, e)
		}
		return out
	}
}

// noLedger leaves out commits of the ledger alone: those after a loss, or the others.
func noLedger(lost bool) func(l *recorded) []episode {
	return func(l *recorded) (out []episode) {
		var before known
		at := 0
		for i, o := range l.log {
			k, ok := o.Mark.(known)
			if !ok {
				continue
			}
			piece := l.of[at:i]
			commit := slices.Index(piece, forPages)
			more := given(k.floor) > given(before.floor)
			if commit >= 0 && k.saved == before.saved && more == lost {
				end := at + slices.Index(piece, forMeta) + 1
				for at += commit; at > 0 && l.log[at-1].Kind == "write" && l.of[at-1] == ""; {
					at--
				}
				to := min(end+12, len(l.log))
				out = append(out, episode{at, to, l.log[end:to]})
			}
			before, at = k, i+1
		}
		return out
	}
}

func given(c Counts) uint64 { return c.LostAll() + c.Quarantined }

// unlinkFirst removes segments before the slot that counts what was in them.
func unlinkFirst(l *recorded) (out []episode) {
	for i := range l.log {
		if l.of[i] != slotOfUnlink {
			continue
		}
		k := i + 1
		for k < len(l.log) && l.log[k].Kind != "remove" {
			k++
		}
		end := k
		for end < len(l.log) && l.log[end].Kind == "remove" {
			end++
		}
		out = append(out, episode{i, end, slices.Concat(l.log[k:end], l.log[i:k])})
	}
	return out
}

// thirdSlotFirst writes the third slot before the commit that it speaks of.
func thirdSlotFirst(l *recorded) (out []episode) {
	for i := range l.log {
		if l.of[i] != slotUnsynced {
			continue
		}
		at := i
		for at > 0 && (l.of[at-1] == forPages || l.of[at-1] == forMeta || l.log[at-1].Kind == "write" && l.of[at-1] == "") {
			at--
		}
		if at < i {
			out = append(out, episode{at, i + 1, append([]crashtest.Op{l.log[i]}, l.log[at:i]...)})
		}
	}
	return out
}

// overTheNewest writes each slot in the place of the newest one, and a cut may come in
// the middle of it.
func overTheNewest(l *recorded) (out []episode) {
	for i, o := range l.log {
		if isSlot(l.of[i]) {
			if o.Off == 0 {
				o.Off = int64(len(o.Data))
			} else {
				o.Off = 0
			}
			front := o
			front.Data, o.Data, o.Off = o.Data[:64], o.Data[64:], o.Off+64
			out = append(out, episode{i, i + 2, []crashtest.Op{front, o, l.log[i+1]}})
		}
	}
	return out
}

// withoutRename makes files under their own names at once: the state file where there is
// none (first) or for another one, or segments by what they were named for.
func withoutRename(name func(tmp string) bool, named string, first bool) func(l *recorded) []episode {
	return func(l *recorded) (out []episode) {
		for i, o := range l.log {
			if o.Kind != "create" || !name(o.Name) {
				continue
			}
			e, end := episode{at: i}, i
			for ; end < len(l.log) && l.log[end].Kind != "syncdir"; end++ {
				o := l.log[end]
				o.Name = strings.TrimSuffix(o.Name, tmpSuffix)
				if o.Kind != "rename" {
					e.ops = append(e.ops, o)
				}
			}
			e.to = end
			if end < len(l.log) && l.of[end] == named && (len(out) == 0 || !first) {
				out = append(out, e)
			}
		}
		if !first && named == forState {
			out = out[1:]
		}
		return out
	}
}

func isStateTmp(name string) bool   { return name == sidecarName+tmpSuffix }
func isSegmentTmp(name string) bool { return strings.HasSuffix(name, segSuffix+tmpSuffix) }

// lastNameFirst gives a damaged file its last name before what was saved of it is in
// place.
func lastNameFirst(l *recorded) (out []episode) {
	for i, o := range l.log {
		if o.Kind != "rename" || !strings.HasSuffix(o.To, segSuffix) {
			continue
		}
		for k := i + 1; k < len(l.log); k++ {
			if l.log[k].Kind == "rename" && strings.Contains(l.log[k].To, damagedInfix) {
				out = append(out, episode{i, k + 1, slices.Concat(l.log[k:k+1], l.log[i:k])})
				break
			}
		}
	}
	return out
}

// lateLedger is a disk that gets each commit without its ledger, and the ledger in a
// commit of its own after it.
type lateLedger struct{ *fakeFS }

func (f lateLedger) CreateDB(name string, limit int) (DB, error) {
	db, err := f.fakeFS.CreateDB(name, limit)
	return &lateDB{DB: db}, err
}

type lateDB struct {
	DB
	last []byte // the ledger on disk
}

func (d *lateDB) Update(f func(*bolt.Tx) error) error {
	var ledger []byte
	err := d.DB.Update(func(tx *bolt.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		m := tx.Bucket(factsBucket())
		ledger = bytes.Clone(m.Get([]byte("ledger")))
		if d.last == nil {
			return nil
		}
		return m.Put([]byte("ledger"), d.last)
	})
	if err != nil || d.last == nil {
		d.last = ledger
		return err
	}
	d.last = ledger
	return d.DB.Update(func(tx *bolt.Tx) error { return tx.Bucket(factsBucket()).Put([]byte("ledger"), ledger) })
}
