//go:build figures

package figures

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/device"
)

// wakes is how often a gateway leaves the processor by itself, summed over its threads:
// each time it had been woken. Nothing arrives at its ports meanwhile.
func wakes(t *testing.T, p plan) []row {
	idle, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	defer idle.Close()
	tcp := switches(t, p, line("panel", "tcp://"+idle.Addr().String(), ""))
	devices := ""
	for i := range 4 {
		port := pseudoTerminal(t)
		devices += line(fmt.Sprintf("panel%d", i), port.Name(), "")
	}
	serial := switches(t, p, devices)
	listening, kinds := listeners(t)
	many := switches(t, p, listening)
	quiet := fmt.Sprintf("voluntary switches of all threads in %v", p.quiet)
	return []row{
		{"wake-ups a second, idle, connected: a TCP port; four serial ports", "4; 8", fmt.Sprintf("%.1f; %.1f", tcp, serial), quiet},
		{"wake-ups a second, idle, one of each type that only listens", "8", fmt.Sprintf("%.1f", many), quiet + ": " + kinds},
	}
}

// listeners is one device of each type that a serial port has and that asks nothing.
func listeners(t *testing.T) (devices, kinds string) {
	var names []string
	for _, k := range device.Kinds() {
		if k.Polls || k.Open != nil || k.Port != "" || k.Name == "declared" {
			continue
		}
		port := pseudoTerminal(t)
		text, err := config.DeviceText(device.Config{Name: k.Name, Type: k.Name, Port: port.Name(), Baud: device.Baud(k.Baud), ID: "XXXX03DEV00000001"})
		fatal(t, err)
		devices += "\n" + text
		names = append(names, k.Name)
	}
	return devices, strings.Join(names, ", ")
}

// switches is how often an idle gateway with these devices wakes in a second.
func switches(t *testing.T, p plan, devices string) (perSecond float64) {
	s := site(t, p, serve(t).url, devices)
	g := start(s)
	g.ready(s)
	g.Until("online", online)
	g.Until("10 s old", func(s *status.Document) bool { return s.UptimeS > 10 })
	before := g.switched()
	time.Sleep(p.quiet)
	n := g.switched() - before
	g.stop()
	return float64(n) / p.quiet.Seconds()
}

// switched is how many voluntary context switches its threads have had.
func (g *gateway) switched() (n int64) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", g.Cmd.Process.Pid))
	for _, name := range tasks {
		text, _ := os.ReadFile(name)
		for l := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(l, "voluntary_ctxt_switches:"); ok {
				m, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
				n += m
			}
		}
	}
	return n
}

func pseudoTerminal(t *testing.T) *testbed.Pty {
	port, err := testbed.OpenPty(filepath.Join(t.TempDir(), "port"), 0)
	fatal(t, err)
	t.Cleanup(func() { port.Close() })
	return port
}

// manyPorts is 64 serial ports, each with ten readings a second.
func manyPorts(t *testing.T, p plan) []row {
	const ports, hz = 64, 10
	n := int(p.fast.Seconds()) * ports * hz
	up := serve(t)
	done := up.expect(n)
	devices := ""
	var lines []*testbed.Pty
	for i := range ports {
		port := pseudoTerminal(t)
		lines = append(lines, port)
		devices += line(fmt.Sprintf("panel%d", i), port.Name(), "")
	}
	s := site(t, p, up.url, devices)
	g := start(s)
	g.ready(s)
	g.Until("online", online)
	before := g.cpu()
	began := time.Now()
	tick := time.NewTicker(time.Second / (ports * hz))
	defer tick.Stop()
	var b []byte
	for i := range n {
		<-tick.C
		b = reading(b[:0], i, false)
		if _, err := lines[i%ports].Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	share := (g.cpu() - before) / time.Since(began).Seconds()
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", g.Cmd.Process.Pid))
	wait(t, up, done)
	return []row{{
		"64 serial ports at 10 readings/s each: share of a core; threads", "5 %; 12",
		fmt.Sprintf("%.1f %%; %d", share*100, len(tasks)), fmt.Sprintf("%d readings, none missing", n),
	}}
}
