package gateway

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/machine"
)

// TestBufferGoneIsNoted: what findGone says of a state folder with a note that names
// its buffer, and what is in the note then.
func TestBufferGoneIsNoted(t *testing.T) {
	remove := func(p config.Paths) error { return os.RemoveAll(p.BufferDir()) }
	for name, c := range map[string]struct {
		do   func(p config.Paths) error
		gone bool
	}{
		"it is there": {do: func(config.Paths) error { return nil }},
		"only its state file is": {do: func(p config.Paths) error {
			return os.Remove(filepath.Join(p.BufferDir(), "0000000000000001.seg"))
		}},
		"only a segment is": {do: func(p config.Paths) error { return os.Remove(filepath.Join(p.BufferDir(), "state")) }},
		"only a damaged segment is": {do: func(p config.Paths) error {
			seg := filepath.Join(p.BufferDir(), "0000000000000001.seg")
			return errors.Join(os.Remove(filepath.Join(p.BufferDir(), "state")), os.Rename(seg, seg+".damaged-1"))
		}},
		"it cannot be listed": {do: func(p config.Paths) error {
			return errors.Join(remove(p), os.Symlink(p.BufferDir(), p.BufferDir()))
		}},
		"the folder is gone": {do: remove, gone: true},
		"it is empty":        {do: func(p config.Paths) error { return errors.Join(remove(p), os.Mkdir(p.BufferDir(), 0o700)) }, gone: true},
		"of another gateway": {do: func(p config.Paths) error { return errors.Join(remove(p), noteOf(p, "OTHER", config.BufferFolder)) }},
		"of another version": {do: func(p config.Paths) error { return errors.Join(remove(p), noteOf(p, "G", "buffer.v1")) }},
		"of a note that names none": {do: func(p config.Paths) error {
			return errors.Join(remove(p), noteOf(p, "G", ""))
		}},
		"with a damaged note": {do: func(p config.Paths) error {
			return errors.Join(remove(p), os.WriteFile(MachineFile(p), []byte("{"), 0o600))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := config.Paths{State: t.TempDir()}
			err := errors.Join(noteOf(p, "G", config.BufferFolder), os.Mkdir(p.BufferDir(), 0o700))
			for _, file := range []string{"state", "0000000000000001.seg"} {
				err = errors.Join(err, os.WriteFile(filepath.Join(p.BufferDir(), file), []byte("x"), 0o600))
			}
			if err = errors.Join(err, c.do(p)); err != nil {
				t.Fatal(err)
			}
			log := slog.New(slog.DiscardHandler)
			if got := findGone(p, "G", log); got != c.gone {
				t.Errorf("gone: %v", got)
			}
			if note, err := machine.Load(MachineFile(p)); err == nil && note.BufferGone != c.gone {
				t.Errorf("noted: %v", note.BufferGone)
			}
			if !c.gone {
				return
			}
			// A new buffer was made, as by portti queue import; the server still does not know.
			_ = os.Mkdir(p.BufferDir(), 0o700)
			if err := os.WriteFile(filepath.Join(p.BufferDir(), "state"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			if !findGone(p, "G", log) {
				t.Error("forgotten at the next start")
			}
			b := newBoard(MachineFile(p), "G", boardOf("1a"), log)
			if b.told(); findGone(p, "G", log) {
				t.Error("told, and told again at the next start")
			}
		})
	}
}

func noteOf(p config.Paths, id, folder string) error {
	note := machine.NewNote(id, boardOf("1a"), time.Now())
	note.Buffer = folder
	return note.Save(MachineFile(p))
}
