package gateway

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/machine"
)

// MachineFile is the note of the board that the state of p was made on.
func MachineFile(p config.Paths) string { return filepath.Join(p.State, "machine.json") }

// Renewal is what a person changes to give this gateway another id.
func Renewal(cfg *config.Config) string {
	if cfg.Gateway.ID == autoID {
		return "sudo portti identity new"
	}
	return "id in [gateway] (" + cfg.Origin("gateway.id").String() + ")"
}

// board holds the machine against the note of it in the state folder. Whether a
// board was swapped or a card copied only a person knows, so that a gateway on
// another board keeps its id, goes on sending, and asks: portti identity. A first
// start notes the machine, and so does one with another id than noted: whoever gave
// the gateway that id has answered.
//
// A note that cannot be read is not absent: for this run nothing is compared then,
// and nothing written.
//
// Gateway.looking guards it.
type board struct {
	path  string
	id    string // tsmGw
	here  machine.Marks
	log   *slog.Logger
	other bool          // the state was made on another board
	note  *machine.Note // as it was read or is to be written; nil = it cannot be read
	seen  os.FileInfo   // the note as it was last read
	due   bool          // the note is to be written

	saving sync.Mutex
}

func newBoard(path, id string, here machine.Marks, log *slog.Logger) *board {
	b := &board{path: path, id: id, here: here, log: log.With("component", "daemon")}
	b.seen, _ = os.Stat(path) // before it is read: a change in between is seen as one
	note, err := machine.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b.note, b.due = machine.NewNote(id, here, time.Now()), true
	case errors.Is(err, machine.ErrDamaged):
		b.log.Warn("the note of the board that this state was made on is damaged; the present board is noted", "event", "board.note-damaged", "err", err)
		b.note, b.due = machine.NewNote(id, here, time.Now()), true
	case err != nil:
		b.log.Warn("cannot read on which board this state was made; it is not compared with this one", "event", "board.read-failed", "err", err)
	case note.Gateway != id:
		b.log.Info("this gateway has another id than before; the present board is noted with it", "event", "board.noted", "before", note.Gateway)
		b.note, b.due = machine.NewNote(id, here, time.Now()), true
	default:
		b.other = note.Judge(here).Other
		b.note, b.due = note, note.Learn(here)
	}
	return b
}

// has notes that there is a buffer in a folder, see gone.go. It comes before save.
func (b *board) has(folder string) {
	if b.note != nil && b.note.Buffer != folder {
		b.note.Buffer, b.due = folder, true
	}
}

// told notes that the server knows of a buffer that is gone. A person may have had
// the board noted anew meanwhile.
func (b *board) told() {
	b.saving.Lock()
	defer b.saving.Unlock()
	note, err := machine.Load(b.path)
	if err != nil || note.Gateway != b.id || !note.BufferGone {
		return
	}
	note.BufferGone = false
	if err := note.Save(b.path); err != nil {
		b.log.Warn("cannot note that the server knows of the buffer that is gone; after a restart it is told again", "event", "board.save-failed", "err", err)
	}
}

// save writes the note that is due. It runs beside everything else: nobody reads a
// line later because a card takes its time with a note.
func (b *board) save() {
	b.saving.Lock()
	defer b.saving.Unlock()
	if !b.due {
		return
	}
	if err := b.note.Save(b.path); err != nil {
		b.log.Warn("cannot note which board this is; it is noted at the next start", "event", "board.save-failed", "err", err)
	}
}

// look takes note of portti identity keep, which replaces the file. After portti
// identity new it is another gateway's, which this one becomes at its next start.
func (b *board) look() {
	if !b.other {
		return
	}
	info, err := os.Stat(b.path)
	if err != nil || b.seen != nil && os.SameFile(info, b.seen) && info.ModTime().Equal(b.seen.ModTime()) && info.Size() == b.seen.Size() {
		return
	}
	note, err := machine.Load(b.path)
	if err != nil {
		return // it is tried again in a second
	}
	b.seen = info
	if note.Gateway == b.id {
		b.other = note.Judge(b.here).Other
	}
}
