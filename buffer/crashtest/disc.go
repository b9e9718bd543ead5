package crashtest

import (
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
)

// medium is files by inode, and their names. Copies of a medium share what the
// files hold until one of them changes it.
type medium struct {
	names map[string]int
	files map[int][]byte
	own   map[int]bool // files whose bytes no copy shares
}

// copy is another medium with the same on it.
func (m *medium) copy() medium {
	clear(m.own)
	return medium{maps.Clone(m.names), maps.Clone(m.files), map[int]bool{}}
}

// apply does what an operation does.
func (m *medium) apply(o Op) {
	switch o.Kind {
	case Write:
		m.files[o.Inode] = WriteAt(m.owned(o.Inode), o.Data, o.Off)
	case Create:
		m.names[o.Name] = o.Inode
	case Rename:
		if m.names[o.Name] == o.Inode {
			delete(m.names, o.Name)
		}
		m.names[o.To] = o.Inode
	case Remove:
		delete(m.names, o.Name)
	}
}

func (m *medium) owned(inode int) []byte {
	if !m.own[inode] {
		m.files[inode], m.own[inode] = slices.Clone(m.files[inode]), true
	}
	return m.files[inode]
}

// Disc is a medium while operations come: what is durable, and what a power cut may
// still take in any combination.
type Disc struct {
	NoSync bool // as if no sync had ever happened, to see that a test notices it

	medium  medium
	pending []pending
}

type pending struct {
	Op
	stuck bool // its sync failed: it is written only together with what changes the same page
}

// NewDisc is an empty one.
func NewDisc() *Disc {
	return &Disc{medium: medium{map[string]int{}, map[int][]byte{}, map[int]bool{}}}
}

func isDirOp(o Op) bool { return o.Kind == Create || o.Kind == Rename || o.Kind == Remove }

// Step applies an operation. What it writes becomes pending page by page.
func (d *Disc) Step(o Op) {
	switch o.Kind {
	case Mark:
	case Ruin:
		d.medium.files[o.Inode], d.medium.own[o.Inode] = o.Data, false
		d.pending = slices.DeleteFunc(slices.Clone(d.pending), func(p pending) bool { return p.Inode == o.Inode && !isDirOp(p.Op) })
	case Sync, SyncDir:
		if !d.NoSync {
			d.settle(o)
		}
	case FailSync:
		d.pending = slices.Clone(d.pending) // images have the old one
		for i := range d.pending {
			if p := &d.pending[i]; p.Inode == o.Inode && p.Kind == Write {
				p.stuck = true
			}
		}
	case Write:
		for at := 0; at < len(o.Data); {
			off := o.Off + int64(at)
			n := min(PageSize-int(off%PageSize), len(o.Data)-at)
			d.pending = append(d.pending, pending{Op: Op{Kind: Write, Inode: o.Inode, Off: off, Data: o.Data[at : at+n]}})
			at += n
		}
	default:
		d.pending = append(d.pending, pending{Op: o})
	}
}

// settle makes durable what a sync writes. A page whose sync failed counts as clean
// until it is changed again, and then all of it is written.
func (d *Disc) settle(o Op) {
	again := map[int64]bool{}
	for _, p := range d.pending {
		if p.Inode == o.Inode && p.Kind == Write && !p.stuck {
			again[p.Off/PageSize] = true
		}
	}
	keep := d.pending[:0:0]
	for _, p := range d.pending {
		done := !isDirOp(p.Op) && p.Inode == o.Inode && (!p.stuck || again[p.Off/PageSize])
		if o.Kind == SyncDir {
			done = isDirOp(p.Op)
		}
		if done {
			d.medium.apply(p.Op)
		} else {
			keep = append(keep, p)
		}
	}
	d.pending = keep
}

// Pending is how many operations a power cut could undo now.
func (d *Disc) Pending() int { return len(d.pending) }

// Fork is another disc with the same on it and the same pending.
func (d *Disc) Fork() *Disc {
	return &Disc{NoSync: d.NoSync, medium: d.medium.copy(), pending: slices.Clone(d.pending)}
}

// Beyond is which pending operations of d are not pending on sound, a disc of the same
// log but for some of it.
func (d *Disc) Beyond(sound *Disc) (out []int) {
	k := 0
	for i, o := range d.pending {
		if k < len(sound.pending) && same(o.Op, sound.pending[k].Op) {
			k++
		} else {
			out = append(out, i)
		}
	}
	return out
}

func same(a, b Op) bool {
	return a.Kind == b.Kind && a.Inode == b.Inode && a.Off == b.Off && a.Name == b.Name && a.To == b.To &&
		len(a.Data) == len(b.Data) && (len(a.Data) == 0 || &a.Data[0] == &b.Data[0])
}

// Image is what a power cut leaves. Tear is the seed by which pages are torn, 0 for
// every page whole.
type Image struct {
	Tear int64

	medium  medium
	pending []pending
	keep    []bool
}

// Image is what a cut now leaves that takes the pending operations but for those to
// keep.
func (d *Disc) Image(keep []bool) *Image {
	return &Image{medium: d.medium.copy(), keep: keep, pending: d.pending[:len(d.pending):len(d.pending)]}
}

// Write puts the files of an image into a fresh directory.
func (im *Image) Write(dir string) error {
	im.settle()
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for name, i := range im.medium.names {
		if err := os.WriteFile(filepath.Join(dir, name), im.medium.files[i], 0o600); err != nil {
			return err
		}
	}
	return nil
}

// settle applies what the cut did not take.
func (im *Image) settle() {
	rnd := rand.New(rand.NewSource(im.Tear))
	for i, o := range im.pending {
		if !im.keep[i] {
			continue
		}
		if im.Tear == 0 || o.Kind != Write || rnd.Intn(3) > 0 {
			im.medium.apply(o.Op)
			continue
		}
		size := []int{512, 64}[rnd.Intn(2)] // a sector, or less than any
		for s := 0; s < len(o.Data); s += size {
			if rnd.Intn(2) == 0 {
				im.medium.apply(Op{Kind: Write, Inode: o.Inode, Off: o.Off + int64(s), Data: o.Data[s:min(s+size, len(o.Data))]})
			}
		}
	}
	im.pending = nil
}

// Keep says which of n pending operations survive: all, none, some, one, or all but
// one.
func Keep(rnd *rand.Rand, n int) []bool {
	keep := make([]bool, n)
	how, one := rnd.Intn(5), rnd.Intn(max(1, n))
	for i := range keep {
		switch how {
		case 0:
			keep[i] = true
		case 1: // none
		case 2:
			keep[i] = rnd.Intn(2) == 0
		default:
			keep[i] = (i == one) == (how == 3)
		}
	}
	return keep
}
