//go:build figures

package figures

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"portti/cmd/portti/daemon"
)

// patience is how long anything may take before a row is given up.
const patience = 3 * time.Minute

// gateway is a running portti.
type gateway struct {
	t       *testing.T
	dir     string
	started time.Time
	process *os.Process
	ended   chan struct{}

	sampling  sync.WaitGroup
	mu        sync.Mutex
	anon, all int64 // the most seen
}

// site is what a gateway is configured with.
type site struct {
	state   string // folder; empty = dir/state
	url     string
	uplink  string // further keys
	buffer  string
	devices string
}

// line is a device of type lines.
func line(name, port, more string) string {
	return fmt.Sprintf("[[device]]\nname = %q\ntype = \"lines\"\nport = %q\nid = \"XXXX03PNL00000001\"\nmessage = 12100\nextra = \"keep\"\n%s\n", name, port, more)
}

func (s site) write(t *testing.T, dir string) string {
	if s.state == "" {
		s.state = filepath.Join(dir, "state")
	}
	text := fmt.Sprintf(`config_version = 1
[gateway]
id = "XXXX00EFS80560445"
report_interval = "0s"
[paths]
state = %q
run = %q
[metrics]
listen = ""
[uplink]
url = %q
auth = "none"
%s
[clock]
hold_until_synced = "0s"
[buffer]
max_size = "1GB"
%s
%s`, s.state, dir, s.url, s.uplink, s.buffer, s.devices)
	path := filepath.Join(dir, "portti.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// start runs a gateway in dir and does not wait for it to be ready.
func start(t *testing.T, p plan, dir string, s site) *gateway {
	t.Helper()
	cmd := exec.Command(p.bin, "run", "-c", s.write(t, dir))
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	g := &gateway{t: t, dir: dir, started: time.Now(), ended: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g.process = cmd.Process
	go func() { _ = cmd.Wait(); close(g.ended) }()
	t.Cleanup(func() { g.stop() })
	return g
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
			case <-g.ended:
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
	at := time.Now()
	_ = g.process.Signal(syscall.SIGTERM)
	select {
	case <-g.ended:
	case <-time.After(30 * time.Second):
		g.t.Error("the gateway did not stop within 30 s")
		_ = g.process.Kill()
		<-g.ended
	}
	g.sampling.Wait()
	return time.Since(at)
}

// status asks the control socket; nil until it answers.
func (g *gateway) status() *daemon.Status {
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(g.dir, daemon.SocketName))
		},
	}}
	answer, err := c.Get("http://portti/api/v1/status")
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	s := new(daemon.Status)
	if json.NewDecoder(answer.Body).Decode(s) != nil {
		return nil
	}
	return s
}

// until waits for a state of the gateway.
func (g *gateway) until(what string, true func(*daemon.Status) bool) *daemon.Status {
	g.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if s := g.status(); s != nil && true(s) {
			return s
		}
		select {
		case <-g.ended:
			log, _ := os.ReadFile(filepath.Join(g.dir, "log"))
			g.t.Fatalf("the gateway ended by itself:\n%s", log)
		default:
		}
	}
	g.t.Fatalf("in %v the gateway never came so far: %s; %+v", patience, what, g.status())
	return nil
}

// ready waits until every device is open.
func (g *gateway) ready() {
	g.t.Helper()
	g.until("every port open", func(s *daemon.Status) bool {
		for _, d := range s.Devices {
			if d.Resolved == "" {
				return false
			}
		}
		return len(s.Devices) > 0
	})
}

func (g *gateway) read(name string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", g.process.Pid, name))
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

// cpu is the processor time it has used, all threads, in seconds; the kernel
// counts in hundredths.
func (g *gateway) cpu() float64 {
	text := g.read("stat")
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100
}
