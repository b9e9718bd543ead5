package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/durable"
	"portti/cmd/portti/status"
	"portti/device/clock"
	"portti/uplink"
)

// How often a trial is looked at, and the files after one that was taken back.
const (
	trialEvery = time.Second
	filesEvery = 10 * time.Second
	// trialWrite is how long the disk may take to keep the way back.
	trialWrite = 3 * time.Second
	// MinTrial and MaxTrial bound the window of a trial.
	MinTrial = time.Second
	MaxTrial = 24 * time.Hour
)

// trial is a configuration that was put in force with a way back: it is taken back at
// the end of its window unless by then it came online, which is a proof of the server's
// that is younger than it, or somebody confirmed it. It belongs to the goroutine of work,
// but for shown. Without one there is no timer and no file.
type trial struct {
	path   string
	clock  *clock.Clock
	log    *slog.Logger
	note   *trialNote     // nil = there is none
	before *config.Config // to go back to: the last one that was confirmed
	since  time.Time      // a proof must be younger
	over   bool           // it is confirmed, and the file is still there
	tick   *time.Timer    // nil = there is nothing to look at
	busy   chan struct{}  // open while the disk still has what was given up
	shown  atomic.Pointer[trialNote]
}

// Trial is how a reload with --confirm stands.
type Trial struct {
	State string  `json:"state"` // "trial", "confirmed" or "taken-back"
	LeftS float64 `json:"left_s"`
	Text  string  `json:"text"`
}

// newTrial goes on with what a start found.
func newTrial(path string, found *begun, c *clock.Clock, log *slog.Logger) *trial {
	t := &trial{path: path, clock: c, log: log}
	if found != nil && found.note != nil {
		t.note, t.before, t.since, t.over = found.note, found.before, time.Now(), found.over
		t.show(trialEvery)
	}
	return t
}

func (t *trial) pending() bool { return t.note != nil && t.note.State == onTrial && !t.over }

// goOnWithTrial keeps how a trial stands at a start: the time before is spent.
func (g *Gateway) goOnWithTrial() {
	b := g.opt.begun
	if b == nil || b.over {
		return
	}
	if b.note == nil {
		g.log.Error("what a reload with --confirm has left cannot be used; the gateway goes by its files", "event", "config.trial-unread", "err", b.unread)
		return
	}
	if b.failed != nil {
		g.rejected.Store(rejected("CFG-INVALID", b.failed))
	}
	g.trial.keep()
	g.log.Warn("a configuration is or was on trial", "event", "config.trial-found", "state", b.note.State, "left_s", b.note.Left/1000, "why", b.note.Why)
}

// due fires when the trial is to be looked at.
func (t *trial) due() <-chan time.Time {
	if t.tick == nil {
		return nil
	}
	return t.tick.C
}

// show lets the status see a copy, and looks again later.
func (t *trial) show(next time.Duration) {
	if t.note == nil {
		t.tick = nil
		t.shown.Store(nil)
		return
	}
	n := *t.note
	t.tick = time.NewTimer(next)
	if t.over {
		t.shown.Store(nil)
		return
	}
	t.shown.Store(&n)
}

// errHangs is a disk that takes longer than trialWrite.
var errHangs = errors.New("the disk does not answer")

// onDisk does something with the file, and gives up on a disk that hangs: until it is done
// all the same nothing else is begun, so that what was given up cannot come after what
// followed. late is done after it then; nil = nothing.
func (t *trial) onDisk(do func() error, late func()) error {
	if t.busy != nil {
		select {
		case <-t.busy:
		default:
			return errHangs
		}
	}
	var (
		mu                sync.Mutex
		err               error
		finished, givenUp bool
		done              = make(chan struct{})
	)
	t.busy = done
	go func() {
		defer close(done)
		failed := do()
		mu.Lock()
		defer mu.Unlock()
		err, finished = failed, true
		if givenUp && late != nil {
			late()
		}
	}()
	within(done, trialWrite)
	mu.Lock()
	defer mu.Unlock()
	if givenUp = !finished; givenUp {
		return errHangs
	}
	return err
}

// save keeps the note; undo says that it is to go again where it is written too late.
func (t *trial) save(undo bool) error {
	n, before, path := *t.note, t.before, t.path
	var late func()
	if undo {
		late = func() { _ = os.Remove(path) }
	}
	return t.onDisk(func() error { return n.write(path, before) }, late)
}

// begin keeps the way back to the configuration that holds now, or to the one before it
// where that is on trial itself.
func (t *trial) begin(c *change, window time.Duration) error {
	var waits []string
	for _, s := range c.settings {
		if s.effect == effectRestart {
			waits = append(waits, s.key)
		}
	}
	switch {
	case len(waits) > 0 && window == 0 && t.pending():
		return fmt.Errorf("while a configuration is on trial nothing can be added that waits for a restart, which would not be taken back: %s. End the trial first: sudo portti reload --confirmed", listed(waits))
	case len(waits) > 0 && window > 0:
		return fmt.Errorf("a configuration on trial cannot hold what waits for a restart, which would not be taken back: %s. Leave it out, or reload without --confirm", listed(waits))
	case window == 0 || len(c.settings) == 0 && !t.pending():
		return nil
	case window < MinTrial || window > MaxTrial:
		return fmt.Errorf("the time to confirm must be from %s to %s", config.Duration(MinTrial), config.Duration(MaxTrial))
	}
	was, before := t.note, t.before
	if !t.pending() {
		t.before = c.was
	}
	boot, mono := bootOf(t.clock)
	t.note = &trialNote{State: onTrial, Window: window.Milliseconds(), Left: window.Milliseconds(), Boot: boot, Mono: mono, Tried: sumOf(c.files), Keys: keysBetween(t.before, c.files)}
	if err := t.save(was == nil); err != nil {
		t.note, t.before = was, before
		return fmt.Errorf("cannot keep the way back in %s: %w", t.path, err)
	}
	t.over = false
	return nil
}

// keysBetween are the settings in which two configurations differ.
func keysBetween(before, after *config.Config) []string {
	var keys []string
	for _, s := range changes(before, after, after) {
		if s.effect == effectAdded || s.effect == effectRemoved {
			s.key = config.DeviceKey(s.device)
		}
		if !slices.Contains(keys, s.key) {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// reloaded takes note of a reload that was put in force: what is on trial stays so with
// its time and its way back, and what was taken back is forgotten.
func (t *trial) reloaded(c *change, window time.Duration) *Trial {
	switch {
	case t.note == nil || t.over:
		return nil
	case t.note.State == takenBack:
		t.end()
		return nil
	}
	if len(c.settings) > 0 || window > 0 {
		t.since = time.Now()
	}
	if sum := sumOf(c.files); window == 0 && sum != t.note.Tried {
		t.note.Tried, t.note.Keys = sum, keysBetween(t.before, c.files)
		t.keep()
	}
	t.show(trialEvery)
	left := t.note.remaining(bootOf(t.clock))
	return &Trial{State: onTrial, LeftS: status.Seconds(left),
		Text: fmt.Sprintf("On trial: taken back in %s unless the link comes online by then, or it is confirmed: sudo portti reload --confirmed", status.InWords(left.Round(time.Second)))}
}

func (t *trial) keep() {
	if err := t.save(false); err != nil {
		t.log.Error("how a configuration on trial stands cannot be saved", "event", "config.trial-save-failed", "err", err)
	}
}

// confirm is somebody's word that what is on trial may stay.
func (t *trial) confirm() Reloaded {
	r := newReloaded(nil)
	switch {
	case t.pending():
		t.log.Info("the configuration on trial was confirmed", "event", "config.confirmed", "by", "hand")
		t.end()
		r.Trial = &Trial{State: "confirmed", Text: "Confirmed: the configuration stays."}
	case t.note != nil && !t.over:
		r.Error = "too late: the configuration was taken back, since " + t.note.Why + ". To try it again: sudo portti reload --confirm 5m"
	default:
		r.Trial = &Trial{State: "confirmed", Text: "Nothing is on trial: the configuration stays."}
	}
	return r
}

// end removes the way back; where the disk does not let it, later.
func (t *trial) end() {
	path := t.path
	err := t.onDisk(func() error {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return durable.SyncFolderOf(path)
	}, nil)
	if err != nil {
		if !t.over {
			t.log.Error("the way back from a configuration that stays cannot be removed; trying again", "event", "config.trial-save-failed", "err", err)
		}
		t.over = true
		t.show(filesEvery)
		return
	}
	t.note, t.before, t.over = nil, nil, false
	t.show(0)
}

// lookAtTrial does what is due.
func (g *Gateway) lookAtTrial(ctx context.Context) {
	t := g.trial
	switch {
	case t.note == nil:
	case t.over:
		t.end()
	case t.note.State == takenBack:
		now := g.cfg.Load()
		if files, err := g.opt.Load(); err == nil && len(changes(now, files, files)) == 0 && len(changes(now, t.before, t.before)) == 0 {
			g.rejected.Store(nil)
			t.end()
			return
		}
		t.show(filesEvery)
	default:
		g.judgeTrial(ctx)
	}
}

func (g *Gateway) judgeTrial(ctx context.Context) {
	t := g.trial
	if s := g.link().Status(); s.State == uplink.Online && s.LastProof.After(t.since) {
		g.log.Info("the configuration on trial came online and stays", "event", "config.confirmed", "by", "link")
		t.end()
		return
	}
	boot, mono := bootOf(g.clock)
	left := t.note.remaining(boot, mono)
	if left == 0 {
		g.takeBack(ctx, notInTime)
		return
	}
	quarter := t.note.Window / quarters
	if saved, now := (t.note.Left+quarter-1)/quarter, (left.Milliseconds()+quarter-1)/quarter; now < saved {
		t.note.Left, t.note.Boot, t.note.Mono = left.Milliseconds(), boot, mono
		t.keep()
	}
	t.show(min(trialEvery, left))
}

// takeBack puts the configuration before in force again. The files stay as they are.
func (g *Gateway) takeBack(ctx context.Context, why string) {
	t := g.trial
	t.note.takeBack(why, t.note.Tried)
	t.note.Left = 0
	t.keep() // first: a kill from here on finds it taken back
	c, err := g.prepareFor(t.before, false)
	if err == nil {
		err = g.apply(ctx, c)
	}
	if err != nil {
		g.log.Error("the configuration before cannot be put in force again; a restart does that", "event", "config.take-back-failed", "err", err)
	}
	g.log.Warn("the configuration on trial was taken back", "event", "config.taken-back", "code", "CFG-TAKEN-BACK", "why", why, "keys", t.note.Keys)
	t.show(filesEvery)
	g.link().Wake()
}
