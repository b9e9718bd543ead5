package uplink

import (
	"sync"
	"sync/atomic"
	"time"
)

// maxReplies is how many answers of the dialect may wait for the writer. A
// server that asks faster than it reads gets no more than that out of us.
const maxReplies = 32

// inbox carries what the reader found to the writer. Proofs are cumulative, so
// only the newest one counts.
type inbox struct {
	outstanding atomic.Pointer[string] // payload of the ping that is out; nil: none
	notify      chan struct{}          // room for one

	board *statusBoard

	mu       sync.Mutex
	received received
	refused  int // records, since the last acknowledgement
}

// received is what came since the last take.
type received struct {
	pongAt time.Time // when the ping that was out was answered; zero: it was not

	took  time.Duration // the answer to the last request; 0: none came
	ahead int           // bytes on the way when that was sent; 0: no other was

	frames  uint64  // proven, as the server's application says
	claims  []claim // about records
	refused []ackMessage

	lastMessage time.Time     // when the server's application last sent anything
	patience    time.Duration // how often it does
	replies     [][]byte
	later       [][]byte // replies that wait
	laterIn     time.Duration
	complaint   string
	inUse       bool    // another gateway has this one's identity
	end         failure // the server ended the session
	detail      string
}

// claim is the server's word that it has every record up to through of those that
// are called so; resumed, that it had them before this connection.
type claim struct {
	epoch   string
	resumed bool
	through uint64
}

// maxClaims is how many names a server may speak of between two turns of the writer.
const maxClaims = 64

// claim notes the highest number said for each name, false for more names than are
// ever on the way.
func (m *received) claim(c claim) bool {
	for i := range m.claims {
		if o := &m.claims[i]; o.epoch == c.epoch && o.resumed == c.resumed {
			o.through = max(o.through, c.through)
			return true
		}
	}
	if len(m.claims) >= maxClaims {
		return false
	}
	m.claims = append(m.claims, c)
	return true
}

func newInbox(b *statusBoard) *inbox { return &inbox{notify: make(chan struct{}, 1), board: b} }

// post changes what was received and wakes the writer.
func (in *inbox) post(f func(m *received)) {
	in.mu.Lock()
	f(&in.received)
	in.mu.Unlock()
	select {
	case in.notify <- struct{}{}:
	default:
	}
}

// take empties the inbox but for the patience, which stays.
func (in *inbox) take() received {
	in.mu.Lock()
	defer in.mu.Unlock()
	m := in.received
	in.received = received{patience: m.patience}
	return m
}

// onAck takes what the server says about delivery.
func (in *inbox) onAck(w ackMessage) (err error) {
	in.post(func(m *received) {
		m.lastMessage = time.Now()
		m.frames = max(m.frames, w.frames)
		switch {
		case w.refused > 0:
			if in.refused++; in.refused > maxRefused {
				err = errRefusesAll
				return
			}
			m.refused = append(m.refused, w)
		case w.resumed, w.through > 0:
			if !w.resumed {
				in.refused = 0
			}
			if !m.claim(claim{w.epoch, w.resumed, w.through}) {
				in.board.foreignAck()
			}
		}
	})
	return err
}

// taken notes that the server took records: it does not refuse everything.
func (in *inbox) taken() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.refused = 0
}

// onServerMessage takes a message of the dialect; false: the server asks for more
// answers than it takes.
func (in *inbox) onServerMessage(h serverMessage) (ok bool) {
	in.board.serverMessage(h.kind)
	in.post(func(m *received) {
		m.lastMessage = time.Now()
		if h.patience > 0 {
			m.patience = h.patience
		}
		if h.end != failUnknown && m.end == failUnknown {
			m.end, m.detail = h.end, h.detail
		}
		m.inUse = m.inUse || h.inUse
		if h.complaint != "" {
			m.complaint = h.complaint
		}
		if h.after > 0 {
			m.later, m.laterIn = h.reply, h.after
		} else {
			m.replies = append(m.replies, h.reply...)
		}
		ok = len(m.replies) <= maxReplies
	})
	return ok
}
