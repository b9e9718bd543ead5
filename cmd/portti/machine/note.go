package machine

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"portti/cmd/portti/durable"
)

// ErrDamaged is inside the error of a note that was read and is none. One that could
// not be read gives the error of the disk.
var ErrDamaged = errors.New("it is damaged")

// ErrNewer is inside the error of a note that a newer version wrote.
var ErrNewer = errors.New("a newer version of portti wrote it")

const noteVersion = 1

// Note is what was noted of a board.
type Note struct {
	Gateway string    // the id that the gateway had then
	Noted   time.Time // by a clock that may not have been set
	// Buffer is the folder in which there was a buffer then, "" for none.
	Buffer     string
	BufferGone bool // it was gone at a start, and the server does not know yet
	salt       string
	hashes     map[string]string // by source
}

// noteFile is Note as it is written.
type noteFile struct {
	Version int               `json:"version"`
	Gateway string            `json:"gateway"`
	Noted   time.Time         `json:"noted"`
	Salt    string            `json:"salt"`
	Marks   map[string]string `json:"marks"` // SHA-256 of salt, source and value

	Buffer     string `json:"buffer,omitempty"`
	BufferGone bool   `json:"buffer_gone,omitempty"`
}

// NewNote notes the marks of the board that the gateway is on.
func NewNote(gateway string, m Marks, now time.Time) *Note {
	n := &Note{Gateway: gateway, Noted: now.UTC().Truncate(time.Second), salt: rand.Text(), hashes: map[string]string{}}
	n.add(m)
	return n
}

// Load reads the note at path. Where there is none the error is fs.ErrNotExist.
func Load(path string) (*Note, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var f noteFile
	err = json.Unmarshal(text, &f)
	if f.Version > noteVersion { // whatever else is in it
		return nil, fmt.Errorf("cannot use %s: %w", path, ErrNewer)
	}
	if err != nil || f.Version < 1 || f.Salt == "" || f.Marks == nil {
		return nil, fmt.Errorf("cannot use %s: %w", path, ErrDamaged)
	}
	return &Note{f.Gateway, f.Noted, f.Buffer, f.BufferGone, f.Salt, f.Marks}, nil
}

// Save replaces the note at path.
func (n *Note) Save(path string) error {
	text, err := json.Marshal(noteFile{noteVersion, n.Gateway, n.Noted, n.salt, n.hashes, n.Buffer, n.BufferGone})
	if err != nil {
		return err
	}
	return durable.Replace(path, append(text, '\n'), 0o600)
}

func (n *Note) hash(source, value string) string {
	sum := sha256.Sum256([]byte(n.salt + "\x00" + source + "\x00" + value))
	return hex.EncodeToString(sum[:])
}

func (n *Note) add(m Marks) (changed bool) {
	before := len(n.hashes)
	for source, value := range m.Values {
		if n.hashes[source] == "" {
			n.hashes[source] = n.hash(source, value)
		}
	}
	return len(n.hashes) != before
}

// Learn adds marks that were not known when the note was made, as after an update of
// the kernel. It does so only where one that was known agrees and none says that it
// is another board. It returns whether anything was new.
func (n *Note) Learn(m Marks) bool {
	v := n.Judge(m)
	if v.Other || !v.known(func(k Mark) bool { return k.Same }) && len(n.hashes) > 0 {
		return false
	}
	return n.add(m)
}

// Verdict is what comes of comparing a note with the marks of a machine.
type Verdict struct {
	Decides string // the source that decides; "" = none does
	Other   bool   // it is another board
	Marks   []Mark // of each source that is known of either, in the order of Sources
}

// Mark is one source in a comparison.
type Mark struct {
	Source string `json:"source"`
	Noted  bool   `json:"noted"`
	Here   bool   `json:"here"`
	Same   bool   `json:"same"` // both, and equal
}

func (v Verdict) known(as func(Mark) bool) bool {
	for _, k := range v.Marks {
		if as(k) {
			return true
		}
	}
	return false
}

// Judge compares.
func (n *Note) Judge(m Marks) (v Verdict) {
	serials := false // one is known of either
	for _, source := range Sources() {
		value, noted := m.Values[source], n.hashes[source]
		k := Mark{Source: source, Noted: noted != "", Here: value != ""}
		if !k.Noted && !k.Here {
			continue
		}
		k.Same = k.Noted && k.Here && n.hash(source, value) == noted
		v.Marks = append(v.Marks, k)
		if k.Noted && k.Here && v.Decides == "" && (source != MachineID || !serials) {
			v.Decides, v.Other = source, !k.Same
		}
		serials = serials || source != MachineID
	}
	return v
}
