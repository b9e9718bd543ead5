package devicetest

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"portti/device"
	"portti/device/thingsee"
)

// Fuzz is the fuzz target of a driver, in one line. Whatever the bytes are, the
// driver must not crash, must return the port's error, and what it makes must
// hold against the catalogue of messages. The recordings are the seeds.
func Fuzz(f *testing.F, kind device.Kind, o Options) {
	const longest = 256 // the tool shortens finds in quadratic time
	s := newSuite(kind, o)
	asked := asks(f, kind, "testdata/"+kind.Name)
	if asked {
		for _, path := range wires(f, "testdata/"+kind.Name) {
			f.Add(askedSeed(exchanges(f, path), longest))
		}
	} else {
		recordings := load(f, "testdata/"+kind.Name)
		for _, path := range slices.Sorted(maps.Keys(recordings)) {
			in := recordings[path]
			f.Add(in[:min(len(in), longest/2)])
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > longest {
			return
		}
		if asked {
			s.fuzzAsked(t, in)
			return
		}
		d, err := kind.New(s.cfg, newEnv())
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Run(&port{data: in, piece: 64}, &judge{t: t, s: s}); !errors.Is(err, errOver) {
			t.Fatalf("Run must return the port's error, wrapped, and nothing else; it returned %v", err)
		}
	})
}

// judge is an Out that holds each message against the catalogue at once.
type judge struct {
	t   *testing.T
	s   suite
	buf []byte
}

func (j *judge) Emit(m *thingsee.Message) {
	tuid, at := m.Tuid, m.Time
	if m.Tuid == "" {
		m.Tuid = j.s.cfg.ID
	}
	if m.Time == 0 {
		m.Time = testNow
	}
	j.buf = m.Append(j.buf[:0])
	m.Tuid, m.Time = tuid, at
	catalogued(j.t, []string{string(j.buf)})
}

func (j *judge) Frame(device.Result) {}
func (j *judge) Detail(string)       {}

func (j *judge) Flag(code string, _ bool) { j.s.explained(j.t, code) }
