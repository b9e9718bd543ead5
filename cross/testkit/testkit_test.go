package testkit

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// probe is a test that may fail without failing the one that looks at it.
type probe struct {
	testing.TB
	failed bool
}

func (p *probe) Helper()               {}
func (p *probe) Log(...any)            {}
func (p *probe) Errorf(string, ...any) { p.failed = true }
func (p *probe) Fatalf(string, ...any) { p.failed = true; runtime.Goexit() }

// fails says whether f fails the test that it is given.
func fails(f func(testing.TB)) bool {
	p := &probe{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(p)
	}()
	<-done
	return p.failed
}

func TestEventually(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		Eventually(t, "a second passes", func() bool { return time.Since(start) >= time.Second })
		if took := time.Since(start); took > time.Second+pollInterval {
			t.Errorf("noticed after %v", took)
		}
		explained := false
		if !fails(func(tb testing.TB) {
			Eventually(tb, "never", func() bool { return false }, func() string { explained = true; return "" })
		}) || !explained {
			t.Error("a condition that never holds passes, or is not explained")
		}
	})
}

func TestReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := make(chan int, 1)
		c <- 7
		if got := Receive(t, "seven", c); got != 7 {
			t.Error(got)
		}
		if !fails(func(tb testing.TB) { Receive(tb, "nothing", c) }) {
			t.Error("a channel that stays empty passes")
		}
		close(c)
		Receive(t, "the end", c)
	})
}

func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wanted")
	if err := os.WriteFile(path, []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	if *update {
		t.Skip("-update is given: this run writes golden files instead of comparing")
	}
	Golden(t, path, "as it was")
	if !fails(func(tb testing.TB) { Golden(tb, path, "other") }) {
		t.Error("a difference passes")
	}
}
