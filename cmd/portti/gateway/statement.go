package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"portti/buffer"
	"portti/device/thingsee"
)

// ownDevice is the gateway's own name in the ledger. No device of the
// configuration can have it.
const ownDevice = ":gateway"

// statementEvery is the shortest time between two rounds of statements while
// readings keep being lost.
const statementEvery = 10 * time.Minute

// statement tells the server which readings it will never get: a message 90300
// for each device and reason, as soon as the link is up. What was stated is
// kept in the state folder, so that every lost reading is stated once, also
// over restarts; a power cut between the statement and that note states it
// twice, never not at all. A statement that overtook the backlog (order =
// "fresh-first") may speak of a loss that a power cut then undoes: the readings
// were shed in memory, are still on disk and arrive after all.
//
// It belongs to the goroutine that supervises.
type statement struct {
	path   string
	log    *slog.Logger
	voice  func(*thingsee.Message) bool
	stated map[string]map[string]uint64 // device, reason, count
	last   time.Time
	warned bool
}

func newStatement(state string, voice func(*thingsee.Message) bool, log *slog.Logger) *statement {
	s := &statement{path: filepath.Join(state, "stated.json"), voice: voice, log: log, stated: map[string]map[string]uint64{}}
	text, err := os.ReadFile(s.path)
	if err == nil {
		err = json.Unmarshal(text, &s.stated)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("what was told to the server about lost readings is not known any more; it is told again",
			"component", "daemon", "event", "statement.forgotten", "err", err)
	}
	if s.stated == nil {
		s.stated = map[string]map[string]uint64{}
	}
	return s
}

// look states what is new in the ledger. lost is the counts by device, losses
// the queue's latest, when turns a moment of theirs into Unix milliseconds.
func (s *statement) look(lost map[string]buffer.Counts, losses []buffer.Loss, when func(buffer.Time) (int64, bool), now time.Time) {
	if !s.last.IsZero() && now.Sub(s.last) < statementEvery {
		return
	}
	said := false
	for _, name := range slices.Sorted(maps.Keys(lost)) {
		if name == ownDevice {
			continue
		}
		for _, reason := range slices.Sorted(maps.Keys(lost[name].Lost)) {
			n, known := lost[name].Lost[reason], s.stated[name][reason]
			if n < known { // the ledger began anew
				known = 0
			}
			if n == known || !s.say(name, reason, n-known, losses, when) {
				continue
			}
			if s.stated[name] == nil {
				s.stated[name] = map[string]uint64{}
			}
			s.stated[name][reason] = n
			said = true
		}
	}
	if said {
		s.last = now
		s.keep()
	}
}

func (s *statement) say(name, reason string, n uint64, losses []buffer.Loss, when func(buffer.Time) (int64, bool)) bool {
	var m thingsee.Message
	m.Reset(thingsee.LossStatement, 9)
	m.Text("reason", []byte(reason))
	m.Int("count", int64(n))
	if from, to, ok := lostBetween(name, reason, losses, when); ok {
		m.Decimal("from", from, 3)
		m.Decimal("to", to, 3)
	}
	m.Text("device", []byte(name))
	return s.voice(&m)
}

// lostBetween is the times, in Unix milliseconds, between which the readings were
// taken, where the queue still knows.
func lostBetween(name, reason string, losses []buffer.Loss, when func(buffer.Time) (int64, bool)) (from, to int64, ok bool) {
	for _, l := range losses {
		if l.Reason != reason || l.Devices[name] == 0 {
			continue
		}
		a, aOK := when(l.Oldest)
		b, bOK := when(l.Newest)
		if !aOK || !bOK {
			continue
		}
		if !ok {
			from, to, ok = a, b, true
		}
		from, to = min(from, a), max(to, b)
	}
	return from, to, ok
}

func (s *statement) keep() {
	text, err := json.Marshal(s.stated)
	if err == nil {
		err = writeDurably(s.path, append(text, '\n'), 0o600)
	}
	if err != nil && !s.warned {
		s.log.Warn("cannot keep what was told to the server about lost readings; after a restart it is told again",
			"component", "daemon", "event", "statement.unkept", "err", fmt.Errorf("cannot write %s: %w", s.path, err))
	}
	s.warned = err != nil
}
