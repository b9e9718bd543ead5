//go:build figures

package figures

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
)

// site is a place for the program that is measured.
func site(t *testing.T, p plan, url, devices string) *rig.Site {
	t.Helper()
	s := rig.Bare(t)
	s.URL, s.More, s.Buffer, s.Program = url, devices, "max_size = \"4GB\"", append(slices.Clone(p.around), p.bin)
	return s
}

// line is a device of type lines.
func line(name, port, more string) string {
	return fmt.Sprintf("[[device]]\nname = %q\ntype = \"lines\"\nport = %q\nid = \"XXXX03PNL00000001\"\nmessage = 12100\nextra = \"keep\"\n%s\n", name, port, more)
}

// gateway is a running portti whose memory and processor time are looked at.
type gateway struct {
	*rig.Process
	sampling  sync.WaitGroup
	mu        sync.Mutex
	anon, all int64 // the most seen
}

// start runs a gateway and does not wait for it to be ready. It has the timer slack that
// its unit sets, which a process has from the thread that started it.
func start(s *rig.Site) *gateway {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	slack := func(ns uintptr) {
		if err := unix.Prctl(unix.PR_SET_TIMERSLACK, ns, 0, 0, 0); err != nil {
			s.Fatal(err)
		}
	}
	slack(1_000_000)
	defer slack(0) // as it was
	return &gateway{Process: s.Spawn()}
}

// watch notes the most memory until the gateway ends.
func (g *gateway) watch() {
	g.sampling.Go(func() {
		for {
			anon, file := g.memory()
			g.mu.Lock()
			g.anon, g.all = max(g.anon, anon), max(g.all, anon+file)
			g.mu.Unlock()
			select {
			case <-g.Ended:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
}

// most is the most memory since watch or the last call, and begins anew.
func (g *gateway) most() (anon, all int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	anon, all = g.anon, g.all
	g.anon, g.all = 0, 0
	return anon, all
}

// stop ends it as systemd would and says how long that took.
func (g *gateway) stop() time.Duration {
	g.Helper()
	defer g.sampling.Wait()
	return g.StopAnyhow()
}

// ready waits until every device is open.
func (g *gateway) ready(s *rig.Site) { g.Helper(); g.Until("every port is open", s.Reading) }

func online(st *status.Document) bool { return st.Link.State == status.LinkOnline }

// read is a file of the gateway's in /proc, empty once it has ended.
func (g *gateway) read(name string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", g.Pid(), name))
	return string(text)
}

// kilobytes finds "Key:  123 kB".
func kilobytes(text, key string) int64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n * 1024
		}
	}
	return 0
}

func (g *gateway) memory() (anon, file int64) {
	text := g.read("status")
	return kilobytes(text, "RssAnon"), kilobytes(text, "RssFile")
}

// cpu is the processor time it has used, all threads that are left, in seconds: the
// scheduler's own count, since what stat says is made of samples.
func (g *gateway) cpu() (seconds float64) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", g.Pid()))
	for _, name := range tasks {
		text, _ := os.ReadFile(name)
		if f := strings.Fields(string(text)); len(f) > 0 {
			ns, _ := strconv.ParseFloat(f[0], 64)
			seconds += ns / 1e9
		}
	}
	return seconds
}
