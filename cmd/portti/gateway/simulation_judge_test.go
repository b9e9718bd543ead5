package gateway

import (
	"fmt"
	"time"

	"portti/buffer"
)

// follow is called with each status of a life with cuts.
func (s *simSite) follow() {
	m, q := s.more, s.gateway.queue
	st := q.Stats()
	total, _ := q.Ledger()
	now := simSample{time.Now(), total.LostAll(), total.Quarantined}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.run.counted = now
	doubt := 0
	for _, l := range st.Losses {
		if l.AtLeast {
			doubt = max(doubt, int(l.AtMost))
		}
	}
	m.run.doubt = max(m.run.doubt, doubt)
	s.watch(st, total)
	_, ok := s.disk.soundUntil()
	if st.Degraded || len(st.Unread) > 0 || !ok {
		return
	}
	if m.waits && !m.hurt && (now.lost < m.floor.lost || now.quarantined < m.floor.quarantined) {
		s.broke("lost %d and quarantined %d before, %d and %d after", m.floor.lost, m.floor.quarantined, now.lost, now.quarantined)
	}
	if m.waits && m.run.quarantined && now.quarantined > 0 {
		m.states.saw(simSawQuarantine)
	}
	m.waits, m.run.quarantined = false, false
	if len(m.samples) == 0 || now.at.After(m.samples[len(m.samples)-1].at) {
		m.samples = append(m.samples, now)
	}
	// A newest file that shows itself late brings no ledger and no device numbers with it,
	// so that after a cut its readings may be counted for another device. And a start
	// cannot tell what it reads from what only the cache has, where a sync failed and the
	// process was killed: the power going then takes it, and that is said.
	if !m.hurt && !m.cached && m.kinds&simUnread == 0 && (total.Quarantined > 0 || total.Lost[buffer.LostCorrupt] > 0 || total.Lost[buffer.LostRollback] > 0) {
		s.broke("nothing was spoilt, and the ledger says %+v", total)
	}
}

// allRead says whether the gateway knows all that is on its disk.
func (s *simSite) allRead() bool {
	st := s.gateway.queue.Stats()
	return s.more == nil || !st.Degraded && len(st.Unread) == 0
}

// broke notes the first promise that was seen broken.
func (s *simSite) broke(format string, args ...any) {
	s.note("broken: "+format, args...)
	if s.more.broken == nil {
		s.more.broken = fmt.Errorf(format, args...)
	}
}

// judge says what a life with cuts broke of the promise.
func (s *simSite) judge(lost int) error {
	m := s.more
	missing := 0
	for n := 1; n <= s.fed; n++ {
		if !s.seen[fmt.Sprint(n)] && !m.excused[n] {
			missing++
		}
	}
	got := s.server.Stats()
	most := lost + s.young + m.forgot + m.doubt
	switch {
	case m.broken != nil:
		return m.broken
	case missing > most && m.hurt && m.late:
		// A file that was set back while it could not be read, with the state that knew more:
		// what is missing of it is told too low, and not as at least.
	case missing > most:
		return fmt.Errorf("faults %011b, %s: %d of %d readings are missing that were not too young: %d are said to be lost, %d were in memory on a failing disk, %d losses may be forgotten, %d more are in doubt; %v",
			m.kinds, s.cfg.Uplink.Ack, missing, s.fed, lost, s.young, m.forgot, m.doubt, s.spans(m.excused))
	case m.redated > 0 && !s.unkept:
		return fmt.Errorf("faults %011b: %d readings came again with other bytes", m.kinds, m.redated)
	case got.Bad > 0: // that two readings of two boots have one time is no fault, so Changed says nothing here
		return fmt.Errorf("faults %011b: %s", m.kinds, got.Summary())
	case s.cfg.Uplink.Ack == "envelope" && m.kinds&(simDamage|simUnread|simStart|simDiskFails) == 0 && m.again > int(got.Skipped):
		return fmt.Errorf("%d readings came again, and the receiver passed over %d", m.again, got.Skipped)
	case len(s.seen) > s.fed || len(s.unknown) > 0:
		return fmt.Errorf("more arrived than was fed: %d, and %d unknown", len(s.seen), len(s.unknown))
	}
	return nil
}

// spans are the readings that did not come, as far as they were not excused.
func (s *simSite) spans(excused map[int]bool) (spans [][2]int) {
	for n := 1; n <= s.fed; n++ {
		switch k := len(spans); {
		case s.seen[fmt.Sprint(n)] || excused[n]:
		case k > 0 && spans[k-1][1] == n-1:
			spans[k-1][1] = n
		case k < 8:
			spans = append(spans, [2]int{n, n})
		}
	}
	return spans
}

// heard is called with each message of a reading.
func (m *simMore) heard(n string, msg []byte) {
	first, ok := m.first[n]
	switch {
	case !ok:
		m.first[n] = string(msg)
	default:
		m.again++
		if first != string(msg) {
			m.redated++
		}
	}
}
