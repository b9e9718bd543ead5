//go:build figures

package figures

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// card is a file system on a loop device of its own.
type card struct {
	dir, device string
}

// insert makes a card; why says what is missing on this machine.
func insert(t *testing.T) (c card, why string) {
	if os.Geteuid() != 0 {
		return c, "needs root for a loop device"
	}
	home := t.TempDir()
	image := filepath.Join(home, "card")
	c.dir = filepath.Join(home, "mnt")
	for _, step := range []string{
		"truncate -s 1500M " + image,
		"mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0,nodiscard " + image,
		"losetup --find --show " + image,
		"mkdir " + c.dir,
		"mount -o noatime DEVICE " + c.dir,
	} {
		f := strings.Fields(strings.ReplaceAll(step, "DEVICE", c.device))
		out, err := exec.Command(f[0], f[1:]...).CombinedOutput()
		if err != nil {
			return c, fmt.Sprintf("%s: %v %s", f[0], err, strings.TrimSpace(string(out)))
		}
		switch f[0] {
		case "losetup":
			c.device = strings.TrimSpace(string(out))
			t.Cleanup(func() { _ = exec.Command("losetup", "-d", c.device).Run() })
		case "mount":
			t.Cleanup(func() { _ = exec.Command("umount", c.dir).Run() })
		}
	}
	c.written()
	return c, ""
}

// written is bytes and flushes so far, after everything pending was written.
func (c card) written() (bytes, flushes int64) {
	_ = exec.Command("sync", "-f", c.dir).Run()
	text, _ := os.ReadFile("/sys/block/" + filepath.Base(c.device) + "/stat")
	f := strings.Fields(string(text))
	if len(f) < 16 {
		return 0, 0
	}
	sectors, _ := strconv.ParseInt(f[6], 10, 64)
	flushes, _ = strconv.ParseInt(f[15], 10, 64)
	return sectors * 512, flushes
}

// wear is one gateway whose card is watched.
type wear struct {
	name, buffer   string
	uplink         string
	online, idle   bool
	every          time.Duration // between two readings
	bytes, flushes int64
	commits, read  int64
	why            string
}

func (w *wear) watch(t *testing.T, p plan) {
	c, why := insert(t)
	if w.why = why; why != "" {
		return
	}
	if w.idle {
		w.wait(c, p, func() (int64, int64) { return 0, 0 })
		return
	}
	dir := t.TempDir()
	up := serve(t)
	up.refuse.Store(!w.online)
	port, err := testbed.OpenPty(filepath.Join(dir, "port"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	s := site(t, p, up.url, line("panel", port.Name(), ""))
	s.State, s.Uplink = c.dir, w.uplink
	s.Buffer += "\n" + w.buffer
	g := start(s)
	g.ready(s)
	ctx, cancel := context.WithCancel(t.Context())
	fed := make(chan struct{})
	go func() { defer close(fed); w.feed(ctx, port) }()
	// What is written when the first readings come is written once, not daily.
	g.Until("settled", func(s *status.Document) bool {
		return s.Totals.Read >= 3 && s.UptimeS > 10 && (w.online || s.Buffer.Commits > 1)
	})
	w.wait(c, p, func() (int64, int64) {
		s := g.Status()
		return int64(s.Buffer.Commits), int64(s.Totals.Read)
	})
	cancel()
	<-fed
	g.stop()
}

func (w *wear) wait(c card, p plan, count func() (commits, read int64)) {
	commits, read := count()
	bytes, flushes := c.written()
	time.Sleep(p.card)
	w.bytes, w.flushes = c.written()
	w.commits, w.read = count()
	w.bytes, w.flushes, w.commits, w.read = w.bytes-bytes, w.flushes-flushes, w.commits-commits, w.read-read
}

func (w *wear) feed(ctx context.Context, port *testbed.Pty) {
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	var b []byte
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		b = reading(b[:0], n, false)
		if _, err := port.Write(ctx, b); err != nil {
			return
		}
	}
}

// cards watches several cards at the same time: what they are written does not
// depend on how busy the machine is.
func cards(t *testing.T, p plan) []row {
	control := &wear{name: "control", idle: true}
	healthy := &wear{name: "healthy", online: true, every: 100 * time.Millisecond}
	off1 := &wear{name: "off 1s", buffer: `commit_every = "1s"`, every: time.Second}
	off5 := &wear{name: "off 5s", buffer: `commit_every = "5s"`, every: time.Second}
	off15 := &wear{name: "off 15s", buffer: `commit_every = "15s"`, every: time.Second}
	single := &wear{name: "single", every: 2 * time.Second}
	strict := &wear{name: "strict", online: true, buffer: `commit_every = "0s"`, every: 2 * time.Second}
	released := &wear{name: "strict, no hold", online: true, buffer: `commit_every = "0s"`, uplink: `fence_hold = "0s"`, every: 2 * time.Second}
	all := []*wear{control, healthy, off1, off5, off15, single, strict, released}
	t.Run("all", func(t *testing.T) {
		for _, w := range all {
			t.Run(w.name, func(t *testing.T) { t.Parallel(); w.watch(t, p) })
		}
	})
	if control.why != "" {
		return skipped("card writes", "", control.why)
	}
	day := func(w *wear) string {
		w.bytes = max(0, w.bytes-control.bytes)
		return fmt.Sprintf("%s/day", mb(int64(float64(w.bytes)*24*float64(time.Hour)/float64(p.card))))
	}
	seen := func(w *wear) string {
		return fmt.Sprintf("%d readings, %d commits, %d bytes in %v", w.read, w.commits, w.bytes, p.card)
	}
	commit := func(w *wear) string {
		w.bytes, w.flushes = max(0, w.bytes-control.bytes), max(0, w.flushes-control.flushes)
		n := float64(max(1, w.commits))
		return fmt.Sprintf("%.1f KB, %.1f flushes", float64(w.bytes)/1e3/n, float64(w.flushes)/n)
	}
	var rows []row
	add := func(what, budget string, w *wear, f func(*wear) string) {
		rows = append(rows, row{what, budget, f(w), seen(w)})
	}
	add("card writes, healthy link, 10 readings/s", "1 MB/day", healthy, day)
	add("card writes, link down, 1/s, commit_every 1s", "", off1, day)
	add("card writes, link down, 1/s, commit_every 5s", "400 MB/day", off5, day)
	add("card writes, link down, 1/s, commit_every 15s", "180 MB/day", off15, day)
	add("one commit, link down, 1 reading", "19 KB", single, commit)
	add("one commit, strict, link up, 1 reading, each released before the next", "8.5 KB, 2 flushes", released, commit)
	add("the same with a hold of 30 s", "", strict, commit)
	return rows
}
