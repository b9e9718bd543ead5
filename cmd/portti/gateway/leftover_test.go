package gateway_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// A buffer that another version left stays as it is, byte for byte; its path and its
// files are told, and readings go on on disk.
func TestBufferOfAnotherFormatIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	old := filepath.Join(s.State, "buffer")
	left := map[string][]byte{"0000000000000001.seg": []byte("one"), "00000000000000ff.seg": []byte("two"), "state": []byte("porttiQ\n")}
	if err := os.MkdirAll(old, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range left {
		if err := os.WriteFile(filepath.Join(old, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.Down()
	g := s.Run(gateway.Options{})
	s.Line().Feed(50)
	st := g.Until("50 are on disk, and it is told", func(st *status.Document) bool {
		return st.Buffer.WaitingDisk == 50 && rig.HasProblem(st, "BUF-OLD")
	})
	for _, p := range st.Problems {
		if p.Code == "BUF-OLD" && (!strings.Contains(p.Sentence, old+" ") || !strings.Contains(p.Sentence, "2 files")) {
			t.Error(p.Sentence)
		}
	}
	s.Up()
	g.Until("they arrive", s.Delivered)
	s.Settled(g.Halt())
	for name, text := range left {
		if now, err := os.ReadFile(filepath.Join(old, name)); err != nil || !bytes.Equal(now, text) {
			t.Errorf("%s: %q, %v", name, now, err)
		}
	}
}

// Where nobody can tell how many readings are gone, the server is told so.
func TestUnknownLossIsStated(t *testing.T) {
	t.Parallel()
	out := &lines{}
	s := rig.New(t, testbed.Options{Out: out})
	s.Down()
	g := s.Run(gateway.Options{})
	s.Line().Feed(50)
	g.Until("50 are on disk", saved(50))
	g.Halt()
	if err := os.Remove(filepath.Join(s.Load().Paths.BufferDir(), "state")); err != nil {
		t.Fatal(err)
	}
	s.Up()
	g = s.Run(gateway.Options{})
	g.Until("it is stated", func(*status.Document) bool {
		out.mu.Lock()
		defer out.mu.Unlock()
		return bytes.Contains(out.text.Bytes(), []byte(`"reason":"corrupt","count":0,"atLeast":true,"atMost":`))
	})
	g.Until("the 50 arrive", s.Delivered)
	g.Halt()
}
