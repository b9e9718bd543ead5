//go:build peers

package peers_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"portti/cross/testkit"
	"portti/device"
	"portti/device/clock"
	"portti/device/thingsee"
)

// recorded are bytes of receivers: our own, and those of other people where they are.
func recorded(t *testing.T) map[string]string {
	t.Helper()
	logs := map[string]string{}
	for kind, patterns := range map[string][]string{
		"gps": {"../testdata/gps/*.nmea", "../testdata/gps/*.bin", "../../../shared/corpora/gpsd/nmea/*.log", "../../../shared/corpora/gpsd/ubx/*.log"},
		"ais": {"../testdata/ais/*.nmea", "../../../shared/corpora/gpsd/ais/*.log"},
	} {
		for _, pattern := range patterns {
			names, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				logs[name] = kind
			}
		}
	}
	if len(logs) < 6 {
		t.Fatalf("only %d recordings", len(logs))
	}
	return logs
}

// socat says a file on a pseudo-terminal under a stable name, and stays there.
func socat(t *testing.T, link, log string) (unplug func()) {
	t.Helper()
	cmd := exec.Command("socat", "-u", "EXEC:cat "+log+",ignoreeof", "PTY,link="+link+",raw,echo=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	unplug = func() {
		if !ended {
			ended = true
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // it removes its link
			_ = cmd.Wait()
		}
	}
	t.Cleanup(unplug)
	return unplug
}

// frames is what a driver makes of bytes that come at once.
type frames [device.Results]uint64

func (f *frames) Emit(*thingsee.Message) {}
func (f *frames) Detail(string)          {}
func (f *frames) Frame(r device.Result)  { f[r]++ }

type once struct{ io.Reader }

func (once) Write(p []byte) (int, error)     { return len(p), nil }
func (once) SetReadDeadline(time.Time) error { return nil }

// TestRecordingsThroughSocat plays each recording on a port that somebody else made,
// pulls the plug, and plays the next at another port of the same name: each is read to its
// last byte, as if it had come at once.
func TestRecordingsThroughSocat(t *testing.T) {
	testkit.NeedTool(t, "socat")
	env := func() device.Env {
		return device.Env{
			Gateway: "XXXX00GTW00000001",
			Clock:   clock.Fake(clock.Now{Mono: 1000, Unix: time.Date(2026, 11, 22, 12, 0, 30, 0, time.UTC).UnixMilli(), Trusted: true}, time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC)),
		}
	}
	byKind := map[string][]string{}
	for log, kind := range recorded(t) {
		byKind[kind] = append(byKind[kind], log)
	}
	for kind, logs := range byKind {
		t.Run(kind, func(t *testing.T) {
			link := filepath.Join(t.TempDir(), "ttyGPS")
			c := device.Config{Name: "receiver", Type: kind, ID: "XXXX03GPS00000001", Port: link}
			sink := &records{}
			set, err := device.New([]device.Config{c}, func(string) (uint16, error) { return 1, nil }, sink, env(), device.Tuning{Pause: 20 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); set.Run(ctx) }()
			t.Cleanup(func() { stop(); <-ended })
			said := func() string { return fmt.Sprintf("%+v\n%s", set.Status()[0], sink.text()) }
			for _, log := range logs {
				text, err := os.ReadFile(log)
				if err != nil {
					t.Fatal(err)
				}
				k, _ := device.Kinds().Named(kind)
				alone, err := k.New(c, env())
				if err != nil {
					t.Fatal(err)
				}
				var want frames
				_ = alone.Run(once{bytes.NewReader(text)}, &want)

				before := set.Status()[0]
				unplug := socat(t, link, log)
				testkit.Eventually(t, log+" is read to its end", func() bool { return set.Status()[0].Bytes == before.Bytes+uint64(len(text)) }, said)
				unplug()
				testkit.Eventually(t, "it is gone after "+log, func() bool { return set.Status()[0].State == device.Missing }, said)
				after := set.Status()[0]
				for r := range want {
					if got := after.Frames[r] - before.Frames[r]; got != want[r] {
						t.Errorf("%s: %d frames are %q, want %d", log, got, device.Result(r), want[r])
					}
				}
				if after.Opened != before.Opened+1 {
					t.Errorf("%s: opened %d times", log, after.Opened-before.Opened)
				}
			}
			if len(sink.all) < 20 {
				t.Errorf("only %d readings", len(sink.all))
			}
		})
	}
}
