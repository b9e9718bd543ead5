package gateway

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"portti/buffer"
)

// What a simulated life can come to. Over all seeds each of them has to be visited.
const (
	simSawThinnedSalvaging = "thinned, and a file salvaged after"
	simSawSalvaged         = "a file salvaged"
	simSawEpoch            = "a rolled-back epoch"
	simSawHold             = "a hold over a cut"
	simSawDated            = "an earlier boot dated after a cut"
	simSawBlind            = "a blind start regained"
	simSawNumbers          = "numbers that could not be reserved"
	simSawFileEnded        = "a file ended, and went on in a new one"
	simSawCarried          = "a small file carried"
	simSawUnread           = "an unread file passed over, and back"
	simSawAtLeast          = "a loss told AtLeast"
	simSawQuarantine       = "a quarantine over a cut"
	simSawThinned          = "full: thin"
	simSawDropOldest       = "full: drop-oldest"
	simSawDropNewest       = "full: drop-newest"
	simSawCutInStart       = "a cut within the start after a cut"
)

func simStateNames() []string {
	return []string{simSawThinnedSalvaging, simSawSalvaged, simSawEpoch, simSawHold, simSawDated, simSawBlind, simSawNumbers,
		simSawFileEnded, simSawCarried, simSawUnread, simSawAtLeast, simSawQuarantine, simSawThinned, simSawDropOldest,
		simSawDropNewest, simSawCutInStart}
}

// simStates counts the lives that came to a state.
type simStates struct {
	mu    sync.Mutex
	count map[string]int
	deaf  bool // the disk of these lives forgets to sync
}

func (s *simStates) saw(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == nil {
		s.count = map[string]int{}
	}
	s.count[state]++
}

func (s *simStates) table() (text string, missing []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range simStateNames() {
		text += fmt.Sprintf("%7d  %s\n", s.count[name], name)
		if s.count[name] == 0 {
			missing = append(missing, name)
		}
	}
	return text, missing
}

// simRun is what is known of one process.
type simRun struct {
	log         int // where its log begins
	read        int // and up to where it was looked at for salvaged files
	thinned     bool
	newest      buffer.SegmentInfo // that it found
	looked      bool
	epochs      uint64
	counted     simSample
	doubt       int
	held        bool
	quarantined bool
}

// simLog is a log that can be read while it is written.
type simLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *simLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// from is the log behind so many bytes.
func (l *simLog) from(at int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf.Bytes()[at:])
}

func (l *simLog) String() string { return l.from(0) }

func (l *simLog) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Len()
}

const simSetAside = `msg="damaged segment set aside"`

// watch looks at the figures of a process that runs.
func (s *simSite) watch(st buffer.Stats, total buffer.Counts) {
	m := s.more
	r := &m.run
	if r.thinned && s.log.len() > r.read && strings.Contains(s.log.from(r.read), simSetAside) {
		m.states.saw(simSawThinnedSalvaging)
	}
	r.read = s.log.len()
	r.thinned = st.Thinnings > 0
	if st.Rollbacks > 0 && r.epochs == 0 {
		m.states.saw(simSawEpoch)
	}
	r.epochs = st.Rollbacks
	switch {
	case st.Thinnings > 0:
		m.states.saw(simSawThinned)
	case st.WhenFull == buffer.DropOldest && total.Lost[buffer.LostFull] > 0:
		m.states.saw(simSawDropOldest)
	case st.Full:
		m.states.saw(simSawDropNewest)
	}
	segs := s.gateway.queue.Segments()
	if !r.looked {
		r.looked = true
		if st.Degraded && st.NewEpochs > 0 && st.Rollbacks == 0 {
			m.states.saw(simSawNumbers)
		}
		if len(segs) > 0 {
			r.newest = segs[len(segs)-1]
		}
	}
	for _, g := range segs {
		if g.File == r.newest.File && g.Records > r.newest.Records && r.newest.Records > 0 {
			m.states.saw(simSawCarried)
			r.newest = buffer.SegmentInfo{}
		}
	}
}

// endRun looks at what a process logged.
func (s *simSite) endRun() {
	m := s.more
	text := s.log.from(m.run.log)
	for event, state := range map[string]string{
		simSetAside:                       simSawSalvaged,
		"event=buffer.file-ended":         simSawFileEnded,
		`msg="buffer on disk taken over"`: simSawBlind,
	} {
		if strings.Contains(text, event) {
			m.states.saw(state)
		}
	}
	if _, after, ok := strings.Cut(text, "event=buffer.passed-over"); ok && strings.Contains(after, "event=buffer.read-again") {
		m.states.saw(simSawUnread)
	}
	// A blind start fixes a time for its boot, and the disk may turn out to have another.
	s.unkept = s.unkept || strings.Contains(text, `msg="buffer on disk taken over"`)
	m.late = m.late || strings.Contains(text, `msg="buffer on disk taken over"`) && strings.Contains(text, "event=buffer.passed-over")
	for _, match := range simSaidAtLeast().FindAllStringSubmatch(text, -1) { // which may be told and gone before follow looks
		if most, err := strconv.Atoi(match[1]); err == nil {
			m.run.doubt = max(m.run.doubt, most)
		}
	}
	if m.run.doubt > 0 {
		m.states.saw(simSawAtLeast)
	}
	if m.run.held {
		m.states.saw(simSawHold)
	}
	if m.cuts > 0 {
		for _, match := range simDated().FindAllStringSubmatch(text, -1) {
			if boot, err := strconv.Atoi(match[1]); err == nil && uint32(boot) < s.gateway.queue.Boot() {
				m.states.saw(simSawDated)
			}
		}
	}
	m.doubt += m.run.doubt
	m.run = simRun{log: s.log.len(), read: s.log.len(), counted: m.run.counted, quarantined: m.run.quarantined}
}

func simSaidAtLeast() *regexp.Regexp {
	return regexp.MustCompile(`event=buffer\.dropped at_least=true at_most=(\d+)`)
}

func simDated() *regexp.Regexp { return regexp.MustCompile(`event=clock\.offset-known boot=(\d+)`) }
