package crashtest

import (
	"bytes"
	"math/rand"
	"os"
	"path/filepath"
)

// Layer is a folder in use whose power can be cut. Whoever changes a file in it tells
// the Recorder; what the Recorder passes on goes to Step, as far as it reaches the
// disk. One goroutine at a time calls the other methods.
type Layer struct {
	*Recorder
	dir       string
	disc      *Disc
	forgetful bool
}

// NewLayer begins with an empty folder.
func NewLayer(dir string) *Layer {
	l := &Layer{dir: dir, disc: NewDisc()}
	l.Recorder = NewRecorder(l.Step)
	return l
}

// Step is an operation that reached the disk.
func (l *Layer) Step(o Op) { l.disc.Step(o) }

// ForgetSyncs makes it a disk on which no sync has an effect, to see that a test
// notices it.
func (l *Layer) ForgetSyncs() { l.forgetful, l.disc.NoSync = true, true }

// Spoil edits a file as a medium does that goes bad. It is an error where there is no
// such file.
func (l *Layer) Spoil(name string, edit func([]byte) []byte) error {
	path := filepath.Join(l.dir, name)
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b = edit(b)
	l.Ruin(name, b)
	return os.WriteFile(path, b, 0o600)
}

// Cut makes the folder one of those that a power cut leaves now. What the process
// that used it has open is not in it any more.
func (l *Layer) Cut(rnd *rand.Rand) error {
	im := l.disc.Image(Keep(rnd, l.disc.Pending()))
	if rnd.Intn(2) == 0 {
		im.Tear = 1 + rnd.Int63()
	}
	if err := im.Write(l.dir); err != nil {
		return err
	}
	r := l.Recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.names)
	clear(r.inodes)
	l.disc = NewDisc()
	l.disc.NoSync = l.forgetful
	for name, i := range im.medium.names {
		b := im.medium.files[i]
		l.disc.medium.names[name], l.disc.medium.files[i] = i, b
		r.names[name], r.inodes[i] = i, bytes.Clone(b)
	}
	return nil
}
