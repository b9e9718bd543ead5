package gateway

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/cmd/portti/config"
)

// The units that are shipped wait for the file that is written.
func TestRebootUnitsAgree(t *testing.T) {
	request := filepath.Join(config.Defaults().Paths.Run, rebootRequest)
	for name, want := range map[string]string{
		"portti-reboot.path":    "\nPathExists=" + request + "\n",
		"portti-reboot.service": "\nExecStart=rm " + request + "\n",
	} {
		text, err := os.ReadFile(filepath.Join("../../../systemd/reboot", name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s has no line %q: %v", name, want, err)
		}
	}
}

func TestReboots(t *testing.T) {
	up := int64(3600_000)
	site := func(t *testing.T) rebooter {
		r := rebooter{filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "run"), func() int64 { return up }}
		for _, dir := range []string{r.state, r.run} {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	left := func(t *testing.T, r rebooter) {
		t.Helper()
		for _, dir := range []string{r.state, r.run} {
			if files, _ := os.ReadDir(dir); len(files) > 0 {
				t.Errorf("it left %v", files)
			}
		}
	}
	r := site(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := r.ask(context.Background(), 1); err == nil || !strings.Contains(err.Error(), "portti-reboot.path") || time.Since(start) != rebootTaken {
			t.Errorf("without the unit, after %v: %v", time.Since(start), err)
		}
		left(t, r)
		ctx, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
		defer cancel()
		if err := r.ask(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error("while the gateway stops:", err)
		}
		left(t, r)
	})
	up = 599_000
	if err := r.ask(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "9 min ago") {
		t.Error("soon after the start:", err)
	}
	left(t, r)
	up = 600_000
	note := filepath.Join(r.state, "reboot-transaction")
	if err := os.Symlink(note, note); err != nil { // cannot be read, by root either
		t.Fatal(err)
	}
	if err := r.ask(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "cannot read which request") {
		t.Error("with a note that cannot be read:", err)
	}
	if err := os.Remove(note); err != nil {
		t.Fatal(err)
	}
	left(t, r)
	if err := os.RemoveAll(r.run); err != nil {
		t.Fatal(err)
	}
	if err := r.ask(t.Context(), 1); !errors.Is(err, os.ErrNotExist) {
		t.Error("without the folder:", err)
	}
	if err := os.RemoveAll(r.state); err != nil {
		t.Fatal(err)
	}
	if err := r.ask(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "note") {
		t.Error("without a place for the note:", err)
	}
}

func TestLogLevelFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDownlinkTest(t)
		l := gatewayActions{level: &logLevel{}}
		if err := l.setLevel(0, time.Minute); err == nil {
			t.Error("a level that cannot be changed was changed")
		}
		l.restoreLevel()
		l.level.log, l.level.v = d.downlink.log, new(slog.LevelVar)
		is := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if got := int(l.level.v.Level()); got != want {
				t.Errorf("%s: %d, want %d", what, got, want)
			}
		}
		l.level.v.Set(4)
		set := func(level int, d time.Duration) {
			if err := l.setLevel(slog.Level(level), d); err != nil {
				t.Error(err)
			}
		}
		set(-4, time.Minute)
		is("set", -4)
		time.Sleep(50 * time.Second)
		set(0, time.Minute)
		time.Sleep(50 * time.Second)
		is("set again, the first time is over", 0)
		time.Sleep(11 * time.Second)
		is("fallen back", 4)
		set(-4, time.Hour)
		l.restoreLevel()
		is("ended before its time", 4)
		time.Sleep(2 * time.Hour)
		is("long after", 4)
	})
}
