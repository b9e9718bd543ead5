//go:build figures

package figures

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/rig"
)

// opened is what open.js prints.
type opened struct {
	Paint float64 // ms until something was seen
	Bytes float64 // while the page stayed open
	Alive bool
}

// openPage is what the local page takes of the gateway while a browser has it open, and
// how soon it is seen where an ARMv6 serves it.
func openPage(t *testing.T, p plan) []row {
	const what, budget = "page open: anonymous memory more, share of a core", "3 MB, 1 %"
	look, why := browser(t)
	if why != "" {
		return skipped(what, budget, why)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	open := time.Minute
	if p.long {
		open = 10 * time.Minute
	}
	s, host := paged(t, p, sending(ctx, t))
	g := start(s)
	g.ready(s)
	g.Until("it is online", online)
	use := func(d time.Duration, f func()) (share float64) {
		before, began := g.cpu(), time.Now()
		f()
		time.Sleep(time.Until(began.Add(d)))
		return 100 * (g.cpu() - before) / time.Since(began).Seconds()
	}
	closed := use(open, func() {})
	g.watch()
	before, _ := g.memory()
	var saw opened
	shared := use(open, func() { saw = look(link(t, s, host), open) })
	most, _ := g.most()
	g.stop()
	if !saw.Alive {
		t.Errorf("after %v the page was not kept fresh", open)
	}
	return append([]row{{what, budget, fmt.Sprintf("%s, %.2f %%", mb(max(most-before, 0)), shared-closed),
		fmt.Sprintf("4 devices that send, Chromium for %v; %.2f %% without a page; %.1f kB/s to the browser", open, closed, saw.Bytes/1000/open.Seconds())},
		{"  seen after (first contentful paint), here", "", fmt.Sprintf("%.0f ms", saw.Paint), "loopback, 360 px, assets not yet kept"}},
		emulatedPage(t, p, look)...)
}

// emulatedPage is the same program for ARMv6, run by qemu.
func emulatedPage(t *testing.T, p plan, look func(string, time.Duration) opened) []row {
	const what = "  the same, served by an emulated ARMv6"
	bin, _ := filepath.Abs("../../../dist/portti_linux_armv6")
	if _, err := os.Stat(bin); err != nil {
		return skipped(what, "", "make cross makes the program for it")
	}
	emulator, err := exec.LookPath("qemu-arm-static")
	if err != nil {
		return skipped(what, "", err.Error())
	}
	p.bin, p.around = bin, []string{emulator}
	s, host := paged(t, p, "")
	g := start(s)
	g.Until("it is online", online)
	saw := look(link(t, s, host), 2*time.Second)
	g.stop()
	return []row{{what, "", fmt.Sprintf("%.0f ms", saw.Paint), "qemu-arm, which takes 10 to 20 times the instructions"}}
}

// paged is a site whose gateway serves its page at host.
func paged(t *testing.T, p plan, devices string) (s *rig.Site, host string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	host = l.Addr().String()
	fatal(t, l.Close())
	return site(t, p, serve(t).url, fmt.Sprintf("[web]\nlisten = %q\n%s", host, devices)), host
}

// link makes one that signs a browser in.
func link(t *testing.T, s *rig.Site, host string) string {
	argv := append(slices.Clone(s.Program), "web", "link", "--json", "-c", s.ConfigFile())
	made := exec.Command(argv[0], argv[1:]...)
	made.Env = s.Env
	out, err := made.Output()
	fatal(t, err)
	var doc struct{ URLs []string }
	fatal(t, json.Unmarshal(out, &doc))
	_, path, _ := strings.Cut(doc.URLs[0], "/signin/")
	return "http://" + host + "/signin/" + path
}

// browser has the page open for a while; why = there is none.
func browser(t *testing.T) (look func(url string, open time.Duration) opened, why string) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		return nil, err.Error()
	}
	dir := t.TempDir()
	fatal(t, os.CopyFS(dir, os.DirFS("../web/testdata/browser")))
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Sprintf("npm ci: %v: %.200s", err, out)
	}
	return func(url string, open time.Duration) (saw opened) {
		node := exec.Command("node", filepath.Join(dir, "open.js"), chromium, url, fmt.Sprint(open.Seconds()))
		node.Stderr = os.Stderr
		out, err := node.Output()
		fatal(t, err)
		fatal(t, json.Unmarshal(out, &saw))
		return saw
	}, ""
}
