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
	"syscall"
	"time"

	"portti/buffer"
	"portti/cmd/portti/durable"
	"portti/device/thingsee"
)

// ownDevice is the gateway's own name in the ledger. No device of the
// configuration can have it.
const ownDevice = ":gateway"

// lossReportEvery is the shortest time between two rounds of reports while
// readings keep being lost.
const lossReportEvery = 10 * time.Minute

// lossReadEvery is the time between two attempts to read what was reported: one may
// take half a minute on a card that is ailing, and everything else waits for it.
const lossReadEvery = 10 * time.Second

// lossReport tells the server which readings it will never get: a message 90300
// for each device and reason, as soon as the link is up. What was reported is
// kept in the state folder, so that every lost reading is reported once, also
// over restarts; a power cut between the message and that note reports it
// twice, never not at all. While that note is there and cannot be read nothing is
// told: it is read again from time to time. A report that overtook the backlog (order =
// "fresh-first") may speak of a loss that a power cut then undoes: the readings
// were shed in memory, are still on disk and arrive after all.
//
// It belongs to the goroutine that supervises.
type lossReport struct {
	path     string
	log      *slog.Logger
	send     appender
	reported map[string]map[string]uint64 // device, reason, count; nil = not read yet
	readAt   time.Time                    // no earlier is it read again
	last     time.Time
	warned   bool
	unread   bool // that it cannot be read was said
	gone     bool // the server is to be told that a whole buffer is, see gone.go
	toldGone func()
	doubted  bool // see tellDoubt
}

func newLossReport(state string, send appender, log *slog.Logger) *lossReport {
	return &lossReport{path: filepath.Join(state, "stated.json"), send: send, log: log}
}

// recall reads what was reported, once. With false that is not known now.
func (r *lossReport) recall(now time.Time) bool {
	if r.reported != nil {
		return true
	}
	if now.Before(r.readAt) {
		return false
	}
	r.readAt = now.Add(lossReadEvery)
	reported, err := readReported(r.path)
	switch {
	case errors.Is(err, errReported):
		r.log.Warn("what was told to the server about lost readings is not known any more; it is told again",
			"component", "daemon", "event", "loss-report.load-failed", "err", err)
	case err != nil:
		if !r.unread {
			r.log.Warn("cannot read what was told to the server about lost readings; nothing is told until it can be read",
				"component", "daemon", "event", "loss-report.read-failed", "err", err)
		}
		r.unread = true
		return false
	case r.unread:
		r.log.Info("what was told to the server about lost readings can be read again", "component", "daemon", "event", "loss-report.recovered")
	}
	r.reported = reported
	return true
}

// errReported is inside the error of a note that was read and is none.
var errReported = errors.New("it is damaged")

// readReported is never nil where it has no error, or errReported.
func readReported(path string) (map[string]map[string]uint64, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return map[string]map[string]uint64{}, nil
	case errors.Is(err, syscall.EISDIR):
		return map[string]map[string]uint64{}, fmt.Errorf("cannot use %s: %w: it is a folder", path, errReported)
	case err != nil:
		return nil, err
	}
	var reported map[string]map[string]uint64
	if err := json.Unmarshal(text, &reported); err != nil || reported == nil {
		return map[string]map[string]uint64{}, fmt.Errorf("cannot use %s: %w", path, errReported)
	}
	return reported, nil
}

// update reports what is new in the ledger. lost is the counts by device, losses
// the queue's latest, when turns a moment of theirs into Unix milliseconds.
func (r *lossReport) update(lost map[string]buffer.Counts, losses []buffer.Loss, when func(buffer.Time) (int64, bool), now time.Time) {
	if !r.last.IsZero() && now.Sub(r.last) < lossReportEvery || !r.recall(now) {
		return
	}
	said := r.tellDoubt(losses)
	said = r.tellGone() || said
	for _, name := range slices.Sorted(maps.Keys(lost)) {
		if name == ownDevice {
			continue
		}
		for _, reason := range slices.Sorted(maps.Keys(lost[name].Lost)) {
			n, known := lost[name].Lost[reason], r.reported[name][reason]
			if n < known { // the ledger began anew
				known = 0
			}
			if n == known || !r.sendOne(name, reason, n-known, losses, when) {
				continue
			}
			if r.reported[name] == nil {
				r.reported[name] = map[string]uint64{}
			}
			r.reported[name][reason] = n
			said = true
		}
	}
	if said {
		r.last = now
		r.save()
	}
}

func (r *lossReport) sendOne(name, reason string, n uint64, losses []buffer.Loss, when func(buffer.Time) (int64, bool)) bool {
	var m thingsee.Message
	m.Reset(thingsee.LossStatement, thingsee.EventThreshold)
	m.Text("reason", []byte(reason))
	m.Int("count", int64(n))
	if from, to, ok := lostBetween(name, reason, losses, when); ok {
		m.Decimal("from", from, 3)
		m.Decimal("to", to, 3)
	}
	m.Text("device", []byte(name))
	if atMost := mostLost(name, reason, n, losses); atMost > 0 {
		m.Bool("atLeast", true)
		m.Int("atMost", int64(atMost))
	}
	return r.send(&m)
}

// tellDoubt states a loss of which nothing can be counted at all. It is of the start:
// there is at most one in a process.
func (r *lossReport) tellDoubt(losses []buffer.Loss) bool {
	i := slices.IndexFunc(losses, func(l buffer.Loss) bool { return l.AtLeast && l.Count == 0 })
	if i < 0 || r.doubted {
		return false
	}
	var m thingsee.Message
	m.Reset(thingsee.LossStatement, thingsee.EventThreshold)
	m.Text("reason", []byte(losses[i].Reason))
	m.Int("count", 0)
	m.Bool("atLeast", true)
	m.Int("atMost", int64(losses[i].AtMost))
	r.doubted = r.send(&m)
	return r.doubted
}

// tellGone states the loss of a whole buffer, for which there is no bound.
func (r *lossReport) tellGone() bool {
	if !r.gone {
		return false
	}
	var m thingsee.Message
	m.Reset(thingsee.LossStatement, thingsee.EventThreshold)
	m.Text("reason", []byte(buffer.LostCorrupt))
	m.Int("count", 0)
	m.Bool("atLeast", true)
	if r.gone = !r.send(&m); r.gone {
		return false
	}
	r.toldGone()
	return true
}

// mostLost is how many of a device's readings may have been lost where n can be
// shown, 0 where n is known to be all.
func mostLost(name, reason string, n uint64, losses []buffer.Loss) uint64 {
	for _, l := range losses {
		if l.AtLeast && l.Reason == reason && l.Devices[name] > 0 {
			return n + l.AtMost - min(l.AtMost, l.Count)
		}
	}
	return 0
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

func (r *lossReport) save() {
	text, err := json.Marshal(r.reported)
	if err == nil {
		err = durable.Replace(r.path, append(text, '\n'), 0o600)
	}
	if err != nil && !r.warned {
		r.log.Warn("cannot keep what was told to the server about lost readings; after a restart it is told again",
			"component", "daemon", "event", "loss-report.save-failed", "err", fmt.Errorf("cannot write %s: %w", r.path, err))
	}
	r.warned = err != nil
}
