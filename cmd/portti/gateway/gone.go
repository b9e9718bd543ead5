package gateway

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"portti/cmd/portti/config"
	"portti/cmd/portti/machine"
)

// Nothing inside the buffer's folder can tell that the whole of it was taken away
// while the gateway was stopped. The note of the board beside it can: it names the
// folder once there was a buffer in it. Where it does and there is none, that is a
// loss that nobody can count. It is in the note until the server was told, since the
// next start finds a buffer again.
//
// A first start has no note, and portti identity new writes one that names no
// folder, as does a person who starts afresh and removes the note too. A state
// folder that was moved or copied has both. Where a buffer of another version lies
// beside, whoever changed the version may have been told to remove ours, and was.

// holdsBuffer says whether a folder has a buffer in it, or what is left of one. With
// an error that is not known.
func holdsBuffer(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, e := range entries {
		if e.Name() == "state" || strings.Contains(e.Name(), ".seg") {
			return true, nil
		}
	}
	return false, err
}

// findGone is called before the buffer is opened, and so made anew. It says whether
// a buffer of the gateway with this id went away and the server does not know yet.
func findGone(p config.Paths, id string, log *slog.Logger) bool {
	note, err := machine.Load(MachineFile(p))
	if err != nil || note.Gateway != id || note.Buffer != config.BufferFolder {
		return false
	}
	there, err := holdsBuffer(p.BufferDir())
	if note.BufferGone || there || err != nil || leftBehind(p).files > 0 {
		return note.BufferGone
	}
	note.BufferGone = true
	if err := note.Save(MachineFile(p)); err != nil {
		log.Warn("cannot note that the buffer is gone; after a restart it is not told any more", "component", "daemon", "event", "board.save-failed", "err", err)
	}
	return true
}
