package gateway

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing/synctest"

	"portti/buffer/crashtest"
)

// spoil lets a file of a gateway that does not run go bad.
func (s *simSite) spoil() {
	m := s.more
	dir := s.cfg.Paths.BufferDir()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // it never came to make it
	}
	var segs []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".seg") {
			segs = append(segs, e.Name())
		}
	}
	if state, err := os.ReadFile(filepath.Join(dir, "state")); err == nil && (m.old == nil || m.IntN(3) == 0) {
		m.old = bytes.Clone(state)
	}
	m.hurt = true
	s.note("spoilt")
	how := m.IntN(10)
	switch {
	case how <= 6 && len(segs) > 0:
		name := segs[m.IntN(len(segs))]
		if m.IntN(3) == 0 {
			name = segs[len(segs)-1]
		}
		if how == 0 { // of the newest one nothing may tell that it ever was
			if len(segs) > 1 {
				s.vanish(segs[m.IntN(len(segs)-1)])
			}
			return
		}
		_ = m.layer.Spoil(name, m.edit(how))
	case how <= 7 && m.old != nil:
		s.forgetAll()
		_ = m.layer.Spoil("state", func([]byte) []byte { return bytes.Clone(m.old) })
	case how == 8:
		s.forgetAll()
		_ = m.layer.Spoil("state", func(b []byte) []byte { clear(b); return b })
	case how == 9:
		s.forgetAll()
		s.vanish("state")
	}
}

// edit is a way in which a file of the queue goes bad.
func (m *simMore) edit(how int) func([]byte) []byte {
	const page = crashtest.PageSize
	return func(b []byte) []byte {
		switch pages := len(b) / page; {
		case pages < 3:
		case how == 1:
			return b[:m.IntN(len(b))]
		case how == 2:
			clear(b[:2*page])
		case how == 3:
			from := 2 + m.IntN(pages-2)
			clear(b[from*page : min(len(b), (from+1+m.IntN(3))*page)])
		default: // of some records a bit
			for range 1 + m.IntN(3) {
				from := m.IntN(len(b))
				if i := bytes.Index(b[from:], []byte(`"n":`)); i >= 0 {
					b[from+i] ^= 4
				}
			}
		}
		return b
	}
}

// spoilClosed lets a file go bad that the gateway has and does not write.
func (s *simSite) spoilClosed() {
	synctest.Wait()
	segs := s.gateway.queue.Segments()
	if len(segs) < 2 {
		return
	}
	s.more.hurt = true
	_ = s.more.layer.Spoil(segs[s.more.IntN(len(segs)-1)].File, s.more.edit(1+s.more.IntN(6)))
}

func (s *simSite) vanish(name string) {
	if os.Remove(filepath.Join(s.cfg.Paths.BufferDir(), name)) == nil {
		s.more.layer.Remove(name)
		s.more.layer.SyncDir()
	}
}

// forgetAll is for a state file that is set back or gone: what was lost since the last
// commit is told by nothing else.
// So are the times of the boots and, where the newest file cannot be read either, how
// much was ever read.
func (s *simSite) forgetAll() {
	s.more.forgot += s.more.run.counted.both()
	s.unkept, s.killed = true, true
}

// readSmall reads the small files of the state folder. Each is replaced as a whole, so
// that a cut leaves the old one or the new; they are not on the layer.
func readSmall(t interface{ Fatal(...any) }, dir string) map[string][]byte {
	all := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if b, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil {
			all[e.Name()] = b
		} // else it was renamed just now
	}
	return all
}

// restoreSmall takes back what a dead process wrote, and leaves half of what it may
// have been about to write.
func (m *simMore) restoreSmall(dir string) {
	for name := range readSmall(panics{}, dir) {
		_ = os.Remove(filepath.Join(dir, name))
	}
	for name, b := range m.small {
		_ = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		if m.IntN(8) == 0 && !strings.HasSuffix(name, ".new") {
			_ = os.WriteFile(filepath.Join(dir, name+".new"), b[:len(b)/2], 0o600)
		}
	}
}

type panics struct{}

func (panics) Fatal(v ...any) { panic(fmt.Sprint(v...)) }
