package gateway

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/status"
)

// lives are the runs of one state folder.
type lives struct {
	t   *testing.T
	dir string
	log bytes.Buffer
}

func (l *lives) start(version string, boot byte) (*lastRun, status.Started) {
	l.t.Helper()
	r := newLastRun(l.dir, version, [16]byte{boot}, slog.New(slog.NewTextHandler(&l.log, nil)))
	began := r.ended(time.Time{}, time.Time{})
	r.begin()
	return r, began
}

// systemd notes how a run ended.
func (l *lives) systemd(result, exitStatus string) {
	l.t.Helper()
	env := map[string]string{"SERVICE_RESULT": result, "EXIT_STATUS": exitStatus}
	if err := NoteEnd(l.dir, func(name string) string { return env[name] }, time.Now()); err != nil {
		l.t.Fatal(err)
	}
}

// TestWhyTheRunBeforeEnded: Row 150. Each way to end is told by the next start, and by
// that one alone.
func TestWhyTheRunBeforeEnded(t *testing.T) {
	for name, c := range map[string]struct {
		end     func(*lives, *lastRun)
		version string // of the next run; "" = the same
		boot    byte   // likewise
		want    status.Started
		unclean bool
	}{
		"stopped":           {end: func(l *lives, r *lastRun) { r.end(nil) }, want: status.Started{Reason: "stopped"}},
		"stopped, systemd":  {end: func(l *lives, r *lastRun) { r.end(nil); l.systemd("success", "0") }, want: status.Started{Reason: "stopped"}},
		"update":            {end: func(l *lives, r *lastRun) { r.end(nil) }, version: "2", want: status.Started{Reason: "update", Before: "1"}},
		"update of a image": {end: func(l *lives, r *lastRun) { r.end(nil) }, version: "2", boot: 9, want: status.Started{Reason: "update", Before: "1"}},
		"reboot":            {end: func(l *lives, r *lastRun) { r.end(nil) }, boot: 9, want: status.Started{Reason: "reboot"}},
		"power cut":         {end: func(*lives, *lastRun) {}, boot: 9, want: status.Started{Reason: "power-cut"}, unclean: true},
		"cut in an update":  {end: func(*lives, *lastRun) {}, boot: 9, version: "2", want: status.Started{Reason: "power-cut", Before: "1"}, unclean: true},
		"killed":            {end: func(*lives, *lastRun) {}, want: status.Started{Reason: "killed"}, unclean: true},
		"killed, systemd":   {end: func(l *lives, r *lastRun) { l.systemd("signal", "KILL") }, want: status.Started{Reason: "killed", Detail: "signal KILL"}, unclean: true},
		"watchdog":          {end: func(l *lives, r *lastRun) { l.systemd("watchdog", "ABRT") }, want: status.Started{Reason: "watchdog"}, unclean: true},
		"then the power":    {end: func(l *lives, r *lastRun) { l.systemd("watchdog", "ABRT") }, boot: 9, want: status.Started{Reason: "watchdog"}, unclean: true},
		"memory":            {end: func(l *lives, r *lastRun) { l.systemd("oom-kill", "KILL") }, want: status.Started{Reason: "memory"}, unclean: true},
		"panic":             {end: func(l *lives, r *lastRun) { l.systemd("exit-code", "2") }, want: status.Started{Reason: "crashed", Detail: "exit status 2"}, unclean: true},
		"failed": {end: func(l *lives, r *lastRun) { r.end(errors.New("the queue\nis broken")); l.systemd("exit-code", "1") },
			want: status.Started{Reason: "crashed", Detail: "exit status 1: the queue; is broken"}, unclean: true},
		"failed, no systemd": {end: func(l *lives, r *lastRun) { r.end(errors.New("no")) }, want: status.Started{Reason: "crashed", Detail: "no"}, unclean: true},
		"configuration":      {end: func(l *lives, r *lastRun) { r.end(nil); l.systemd("exit-code", "78") }, want: status.Started{Reason: "configuration"}},
		"too slow":           {end: func(l *lives, r *lastRun) { l.systemd("timeout", "KILL") }, want: status.Started{Reason: "killed", Detail: "it took too long to start or to stop"}, unclean: true},
	} {
		t.Run(name, func(t *testing.T) {
			l := &lives{t: t, dir: t.TempDir()}
			r, began := l.start("1", 1)
			if began.Reason != status.StartFirst || began.At != nil {
				t.Errorf("the first start: %+v", began)
			}
			c.end(l, r)
			version, boot := "1", byte(1)
			if c.version != "" {
				version = c.version
			}
			if c.boot != 0 {
				boot = c.boot
			}
			r, began = l.start(version, boot)
			if began.At == nil || time.Since(*began.At) > time.Minute {
				t.Errorf("ended at %v", began.At)
			}
			if began.At = nil; began != c.want || began.Unclean() != c.unclean {
				t.Errorf("said %+v, want %+v", began, c.want)
			}
			r.end(nil)
			if _, began = l.start(version, boot); began.Reason != status.StartStopped {
				t.Errorf("and at the start after it: %+v", began)
			}
			if l.log.Len() > 0 {
				t.Errorf("logged %s", &l.log)
			}
		})
	}
}

// TestNotesThatCannotBeRead: Row 150. Nothing is claimed then, and the next run is noted all the same.
func TestNotesThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"", "{", "[]", "null"} {
		l := &lives{t: t, dir: t.TempDir()}
		if err := os.WriteFile(filepath.Join(l.dir, runNoteName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, began := l.start("1", 1)
		if began.Reason != "" && text != "null" {
			t.Errorf("%q: said %+v", text, began)
		}
		r.end(nil)
		if _, began := l.start("1", 1); began.Reason != status.StartStopped {
			t.Errorf("%q: the next one said %+v", text, began)
		}
	}
	l := &lives{t: t, dir: t.TempDir()} // a note of systemd's that a power cut left empty
	l.start("1", 1)
	if err := os.WriteFile(filepath.Join(l.dir, endNoteName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, began := l.start("1", 2); began.Reason != status.StartPowerCut {
		t.Errorf("said %+v", began)
	}
	l = &lives{t: t, dir: filepath.Join(t.TempDir(), "gone")}
	if l.start("1", 1); !strings.Contains(l.log.String(), "run-note.save-failed") {
		t.Errorf("a folder that is not there: %s", &l.log)
	}
	if err := NoteEnd(t.TempDir(), func(string) string { return "" }, time.Now()); err == nil || !strings.Contains(err.Error(), "SERVICE_RESULT") {
		t.Errorf("a note by nobody: %v", err)
	}
}

// TestWhenItEnded: no time is told that the clock cannot have shown.
func TestWhenItEnded(t *testing.T) {
	floor := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	l := &lives{t: t, dir: t.TempDir()}
	r := newLastRun(l.dir, "1", [16]byte{1}, slog.New(slog.DiscardHandler))
	r.now.Begun = time.Unix(60, 0) // a clock that was not set
	r.begin()
	next := newLastRun(l.dir, "1", [16]byte{2}, slog.New(slog.DiscardHandler))
	if s := next.ended(time.UnixMilli(0), floor); s.Reason != status.StartPowerCut || s.At != nil {
		t.Errorf("said %+v", s)
	}
	alive := floor.Add(time.Hour)
	if s := next.ended(alive, floor); s.At == nil || !s.At.Equal(alive) {
		t.Errorf("said %+v, want %v", s, alive)
	}
}
