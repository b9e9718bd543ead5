package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"portti/cmd/portti/durable"
	"portti/cmd/portti/status"
)

// The notes from which a start learns how the run before ended. The gateway writes the
// first when it starts and when it stops in order; who supervises it writes the second
// whenever a run has ended, also one that never became a gateway. A start takes the
// second away, so one that is there is about the end before this start.
const (
	runNoteName = "last-run"
	endNoteName = "last-end"
)

// runNote is what a run keeps of itself.
type runNote struct {
	Version string    `json:"version"`
	Boot    string    `json:"boot"` // "" = not known
	Begun   time.Time `json:"begun"`
	Ended   time.Time `json:"ended,omitzero"` // zero = it runs, or was cut off
	Failed  string    `json:"failed,omitempty"`
}

// endNote is systemd's word on the end of a run.
type endNote struct {
	Result string    `json:"result"` // success, exit-code, signal, core-dump, watchdog, oom-kill, timeout ...
	Status string    `json:"status"` // of the exit, or the signal's name
	At     time.Time `json:"at"`
}

// NoteEnd keeps what systemd says of a run that has ended, in the environment of
// ExecStopPost=. It does not wait for the disk, since a stop would have to: what a power
// cut leaves of it counts as nothing, and the run's own note says enough then.
func NoteEnd(state string, getenv func(string) string, now time.Time) error {
	end := endNote{Result: getenv("SERVICE_RESULT"), Status: getenv("EXIT_STATUS"), At: now.UTC()}
	if end.Result == "" {
		return errors.New("cannot note how the run ended: SERVICE_RESULT is not set, so this was not started by the unit's ExecStopPost=")
	}
	text, err := json.Marshal(end)
	path := filepath.Join(state, endNoteName)
	if err == nil {
		err = os.WriteFile(path+".new", append(text, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("cannot note how the run ended: %w", err)
	}
	return nil
}

// lastRun keeps the notes of a state folder.
type lastRun struct {
	dir string // "" = the folder is not ours: nothing is read or written
	log *slog.Logger
	now runNote
}

func newLastRun(dir, version string, boot [16]byte, log *slog.Logger) *lastRun {
	r := &lastRun{dir: dir, log: log, now: runNote{Version: version, Begun: time.Now().UTC()}}
	if boot != [16]byte{} {
		r.now.Boot = fmt.Sprintf("%x", boot)
	}
	return r
}

func (g *Gateway) newLastRun() *lastRun {
	dir := g.cfg.Load().Paths.State
	if g.opt.homeless != nil {
		dir = "" // somebody else's
	}
	return newLastRun(dir, g.opt.Version, g.clock.BootID(), g.opt.Log)
}

// ended says how the run before this one ended. alive is when the clock last was right
// in it, and times before floor are no times.
func (r *lastRun) ended(alive, floor time.Time) status.Started {
	if r.dir == "" {
		return status.Started{}
	}
	var run *runNote
	var end *endNote
	_ = readNote(r.path(endNoteName), &end)
	if err := readNote(r.path(runNoteName), &run); err != nil {
		r.log.Warn("how the run before ended is not known", "component", "daemon", "event", "run-note.read-failed", "err", err)
		return status.Started{}
	}
	s := whyEnded(run, end, r.now)
	if run != nil && run.Version != r.now.Version {
		s.Before = run.Version
	}
	if at := whenEnded(run, end, alive); at.After(floor) {
		s.At = &at
	}
	return s
}

// whyEnded goes by what says most: the supervisor's word, the run's own, and only then
// whether the machine has been started since.
func whyEnded(run *runNote, end *endNote, now runNote) status.Started {
	switch {
	case end != nil && end.Result != "success" && end.Result != "":
		return end.reason(run)
	case run == nil:
		return status.Started{Reason: status.StartFirst}
	case run.Failed != "":
		return status.Started{Reason: status.StartCrashed, Detail: run.Failed}
	case run.Ended.IsZero() && end == nil && run.Boot != now.Boot:
		return status.Started{Reason: status.StartPowerCut}
	case run.Ended.IsZero() && end == nil:
		return status.Started{Reason: status.StartKilled}
	case run.Version != now.Version:
		return status.Started{Reason: status.StartUpdate}
	case run.Boot != now.Boot:
		return status.Started{Reason: status.StartReboot}
	}
	return status.Started{Reason: status.StartStopped}
}

func (e *endNote) reason(run *runNote) status.Started {
	switch e.Result {
	case "watchdog":
		return status.Started{Reason: status.StartWatchdog}
	case "oom-kill":
		return status.Started{Reason: status.StartMemory}
	case "signal", "core-dump":
		return status.Started{Reason: status.StartKilled, Detail: "signal " + status.Clean(e.Status, 20)}
	case "timeout":
		return status.Started{Reason: status.StartKilled, Detail: "it took too long to start or to stop"}
	case "exit-code":
		if e.Status == "78" || e.Status == "6" {
			return status.Started{Reason: status.StartConfiguration}
		}
	}
	detail := e.Result
	if _, err := strconv.Atoi(e.Status); err == nil {
		detail = "exit status " + e.Status
	}
	if run != nil && run.Failed != "" {
		detail += ": " + run.Failed
	}
	return status.Started{Reason: status.StartCrashed, Detail: status.Clean(detail, 200)}
}

func whenEnded(run *runNote, end *endNote, alive time.Time) time.Time {
	switch {
	case end != nil:
		return end.At
	case run == nil:
		return time.Time{}
	case !run.Ended.IsZero():
		return run.Ended
	case alive.After(run.Begun):
		return alive.UTC()
	}
	return run.Begun
}

// begin notes that this run has begun.
func (r *lastRun) begin() {
	if r.dir == "" {
		return
	}
	if err := os.Remove(r.path(endNoteName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.log.Warn("how this run ends may be mistaken for how the one before did", "component", "daemon", "event", "run-note.remove-failed", "err", err)
	}
	r.save()
}

// end notes that this run has ended, in order where err is nil.
func (r *lastRun) end(err error) {
	if r.dir == "" {
		return
	}
	if r.now.Ended = time.Now().UTC(); err != nil {
		r.now.Failed = status.Clean(strings.ReplaceAll(err.Error(), "\n", "; "), 150)
	}
	r.save()
}

func (r *lastRun) save() {
	text, err := json.Marshal(r.now)
	if err == nil {
		err = durable.Replace(r.path(runNoteName), append(text, '\n'), 0o600)
	}
	if err != nil {
		r.log.Warn("whether this run ends in order will not be known", "component", "daemon", "event", "run-note.save-failed", "err", fmt.Errorf("cannot keep a note of it: %w", err))
	}
}

func (r *lastRun) path(name string) string { return filepath.Join(r.dir, name) }

// readNote leaves note nil where there is none; one that is cut or spoiled says nothing.
func readNote[T any](path string, note **T) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	n := new(T)
	if err := json.Unmarshal(text, n); err != nil {
		return fmt.Errorf("cannot read %s: %w", path, err)
	}
	*note = n
	return nil
}
