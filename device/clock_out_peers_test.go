//go:build peers

package device

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"portti/cross/testkit"
	"portti/device/clock"
)

// TestChronydTakesTheTime: a chronyd that may not set the clock (-x) says how far this
// machine is off, by what a receiver tells it: some seconds, and more than fifty years,
// as on a machine that stands in 1970.
func TestChronydTakesTheTime(t *testing.T) {
	testkit.NeedTool(t, "chronyd", "chronyc")
	for _, ahead := range []time.Duration{5 * time.Second, -7 * time.Second, 56 * 365 * 24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) { hearsChronyd(t, ahead) })
	}
}

func hearsChronyd(t *testing.T, ahead time.Duration) {
	// Short: a socket's path has 107 characters, and the folder is chronyd's own to make.
	dir, err := os.MkdirTemp("", "chrony")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	sock, control, conf := filepath.Join(dir, "s"), filepath.Join(dir, "c", "c.sock"), filepath.Join(dir, "conf")
	text := fmt.Sprintf("refclock SOCK %s refid GNSS poll 0 filter 1 delay 0.4\nport 0\ncmdport 0\nbindcmdaddress %s\npidfile %s/pid\n", sock, control, dir)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "chronyd", "-d", "-x", "-U", "-u", "root", "-f", conf)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
		if t.Failed() {
			t.Logf("chronyd said: %s", said.String())
		}
	})
	testkit.Eventually(t, "chronyd has made its socket", func() bool { _, err := os.Stat(sock); return err == nil })

	now := time.Now().Add(ahead).UnixMilli()
	c := clock.Fake(clock.Now{Mono: 1000, Unix: now, Trusted: true}, time.UnixMilli(now).AddDate(-1, 0, 0))
	c.Flow()
	l := newLocator("gps", PositionOptions{ClockOut: sock}, Env{Clock: c, Live: true})
	out := &positionOut{}
	var answer string
	testkit.Eventually(t, "chronyd knows how far this machine is off", func() bool {
		f := at(0, 0, 0, 0)
		f.Began = c.Now().Mono
		f.Time = c.Now().Unix
		l.fix(&f, out)
		b, _ := exec.Command("chronyc", "-c", "-n", "-h", control, "sources").CombinedOutput()
		answer = string(b)
		// mode, state, name, stratum, poll, reach, since, adjusted offset, measured offset, error
		if part := strings.Split(strings.TrimSpace(answer), ","); len(part) == 10 && part[2] == "GNSS" && part[5] != "0" {
			off, err := strconv.ParseFloat(part[8], 64)
			return err == nil && math.Abs(off+ahead.Seconds()) < 0.1
		}
		return false
	}, func() string { return answer })
	t.Log(strings.TrimSpace(answer))
	if out.flags[codeChrony] {
		t.Error("the problem was raised")
	}
}
