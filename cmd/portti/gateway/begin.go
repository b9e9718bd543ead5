package gateway

import (
	"errors"
	"fmt"
	"io/fs"

	"portti/cmd/portti/config"
	"portti/device/clock"
)

// begun is what a start found of a trial.
type begun struct {
	note   *trialNote // nil = it cannot be read
	before *config.Config
	unread error // why it cannot
	failed error // the files could not be read
	over   bool  // the files were edited since they were taken back: what is there only has to go
}

// Begin gives the configuration that a start goes by, and has o know about it: that of
// the files (o.Load), or the one before them where they are or were on trial, and the
// time is over, they were taken back, or cannot be used. paths are the folders that the
// files name, mistakes elsewhere in them or not.
//
// Files that were edited since they were taken back are another configuration, which a
// start takes as it is.
func Begin(o *Options, paths config.Paths) (*config.Config, error) {
	files, err := o.Load()
	if paths.State == "" || errors.Is(err, config.ErrNotConfigured) {
		return files, err
	}
	note, before, unread := readTrial(trialPath(paths), o.Device.Kinds)
	if unread != nil {
		if !errors.Is(unread, fs.ErrNotExist) {
			o.begun = &begun{unread: unread}
		}
		return files, err
	}
	if o.Clock == nil {
		var clockErr error
		if o.Clock, clockErr = clock.New(o.Built); clockErr != nil {
			return nil, fmt.Errorf("cannot read the clock: %w", clockErr)
		}
	}
	boot, mono := bootOf(o.Clock)
	left := note.remaining(boot, mono)
	if err == nil && note.State == takenBack && sumOf(files) != note.Tried {
		o.begun = &begun{note: note, before: before, over: true}
		return files, nil
	}
	o.begun = &begun{note: note, before: before, failed: err}
	note.Left, note.Boot, note.Mono = left.Milliseconds(), boot, mono
	switch {
	case err != nil:
		note.takeBack("its files cannot be used any more", "")
	case note.State == onTrial && left > 0:
		note.Tried, note.Keys = sumOf(files), keysBetween(before, files) // they may have been edited since
		return files, nil
	case note.State == onTrial:
		note.takeBack(notInTime, sumOf(files))
	}
	return before, nil
}

func bootOf(c *clock.Clock) (boot string, mono int64) {
	return fmt.Sprintf("%x", c.BootID()), c.Now().Mono
}

// notInTime is why most are taken back.
const notInTime = "it did not come online in its time and nobody confirmed it"

// takeBack notes why what was tried, a sum, is not in force.
func (n *trialNote) takeBack(why, tried string) { n.State, n.Why, n.Tried = takenBack, why, tried }
