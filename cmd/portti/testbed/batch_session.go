package testbed

import (
	"fmt"

	"github.com/gorilla/websocket"
)

// batch handles a frame of mode envelope: resume if it helps, then an ack or
// nack for every record of it.
func (s *session) batch(frame []byte) error {
	b, err := readBatch(frame)
	if err != nil {
		s.r.note(func(st *Stats) { st.Frames++; st.Bad++ })
		return s.end(websocket.CloseInvalidFramePayloadData, err.Error(), fmt.Errorf("client sent no batch: %w", err))
	}
	if len(s.seen) > 1000 {
		clear(s.seen)
	}
	if !s.seen[b.row] {
		s.seen[b.row] = true
		if through, ok := s.r.store.resume(b.row, b.first); ok {
			if err := s.prove(mustJSON(batchAck{"resume", b.epoch, through})); err != nil {
				return err
			}
		}
	}
	if err := s.passBatch(&b); err != nil {
		return err
	}
	nacks, err := s.r.takeBatch(b, len(frame))
	if err != nil {
		return s.broken(err)
	}
	return s.answer(b, nacks)
}

// answer acknowledges the records, in their order, around those that were
// refused.
func (s *session) answer(b batch, nacks []batchNack) error {
	next := b.first // the first record that has no answer yet
	for _, n := range nacks {
		if n.Seq > next {
			if err := s.prove(mustJSON(batchAck{"ack", b.epoch, n.Seq - 1})); err != nil {
				return err
			}
		}
		if err := s.prove(mustJSON(n)); err != nil {
			return err
		}
		next = n.Seq + 1
	}
	if len(b.msgs) == 0 {
		return nil
	}
	return s.prove(mustJSON(batchAck{"ack", b.epoch, b.through()}))
}

// passBatch has the API take what is new in the batch. What it refuses for
// ever is marked.
func (s *session) passBatch(b *batch) error {
	if s.r.forward == nil {
		return nil
	}
	through := s.r.store.through(b.row)
	var list []element
	var at []int
	for i, m := range b.msgs {
		if m.n > through && m.fault.Code == "" {
			list, at = append(list, m.element), append(at, i)
		}
	}
	_, refused, err := s.pass(list)
	for _, r := range refused {
		b.msgs[at[r.index]].fault = fault{"refused", r.reason}
	}
	return err
}

// takeBatch writes what is new in a batch and notes that it is stored; both
// are on the disk when it returns, if there is a file. It gives the answers for
// the records that can never be taken, also those of an earlier connection:
// the first answer may not have arrived.
func (r *Receiver) takeBatch(b batch, size int) ([]batchNack, error) {
	t := r.store
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.marks.get(b.row)
	add := Stats{Frames: 1, Bytes: int64(size)}
	var fresh, before []element
	var nacks []batchNack
	refused := map[uint64]fault{}
	for _, rec := range b.msgs {
		f := rec.fault
		if rec.n <= m.Through {
			if f = m.Refused[rec.n]; f.Code == "" {
				add.Skipped++
				before = append(before, rec.element)
				continue
			}
		}
		if f.Code == "" {
			fresh = append(fresh, rec.element)
			continue
		}
		refused[rec.n] = f
		nacks = append(nacks, batchNack{"nack", b.epoch, rec.n, f.Code, false, f.Reason})
	}
	add.Nacked = int64(len(nacks))
	t.marks.touch(b.row)
	if len(b.msgs) > 0 && b.through() > m.Through {
		m = m.moved(b.through(), refused)
		if err := t.writeMarked(fresh, b.row, m); err != nil {
			return nil, err
		}
	}
	for _, e := range before {
		t.count(e, &add, true)
	}
	for _, e := range fresh {
		t.count(e, &add, false)
	}
	t.fan.publish(fresh)
	r.note(func(st *Stats) { st.add(add) })
	return nacks, nil
}

// writeMarked writes messages and, before them, the mark that they will have
// reached: after a crash in between the journal knows what to look for.
func (t *store) writeMarked(list []element, name row, m mark) error {
	t.line = appendLines(t.line[:0], list)
	if err := t.marks.note(name, m, t.line); err != nil {
		return err
	}
	if err := t.writeLines(); err != nil {
		return err
	}
	return t.marks.settle(name, m)
}
