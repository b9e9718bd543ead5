//go:build figures

package figures

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"portti/cmd/portti/testbed"
)

// settled is how long a gateway runs before its memory is looked at: a collection that
// nothing called for, which comes after two minutes, has looked at everything then.
const settled = 4 * time.Minute

// idle is four serial devices as they come, a GPS receiver, two boards and a Bluetooth
// bridge, and beside that gateway two at whose ports nothing comes.
func idle(t *testing.T, p plan) []row {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	listening, kinds := listeners(t)
	quiet := ""
	for i := range 4 {
		quiet += line(fmt.Sprintf("panel%d", i), pseudoTerminal(t).Name(), "")
	}
	var all []*gateway
	for _, devices := range []string{quiet, sending(ctx, t), listening} {
		s := site(t, p, serve(t).url, devices)
		g := start(s)
		g.ready(s)
		all = append(all, g)
	}
	time.Sleep(settled) // nobody asks for its status meanwhile, which would take memory
	var rows []row
	for i, what := range []string{"4 quiet serial ports", "4 devices that send", "one of each type that only listens"} {
		roll := all[i].read("smaps_rollup")
		rows = append(rows, row{
			"resident memory, link up, " + what, "12 MB",
			fmt.Sprintf("%s (%s anonymous)", mb(kilobytes(roll, "Rss")), mb(kilobytes(roll, "Anonymous"))),
			fmt.Sprintf("smaps_rollup %v after the start", settled),
		})
	}
	st := all[1].Status()
	if st.Totals.Read == 0 {
		t.Errorf("nothing was read: %+v", st.Devices)
	}
	rows[1].how += fmt.Sprintf(", %d readings", st.Totals.Read)
	rows[2].how += ": " + kinds
	for _, g := range all {
		g.stop()
	}
	return rows
}

// sending is the configuration of four simulated devices, which send until ctx ends.
func sending(ctx context.Context, t *testing.T) (devices string) {
	gps, err := testbed.NewGPS(testbed.GPSOptions{Seed: 1, Warmup: -1})
	fatal(t, err)
	bridge, err := testbed.NewBridge(testbed.BridgeOptions{Seed: 1})
	fatal(t, err)
	panel, err := testbed.NewPanel(testbed.PanelOptions{Seed: 1})
	fatal(t, err)
	other, err := testbed.NewPanel(testbed.PanelOptions{Seed: 2, Format: "kv"})
	fatal(t, err)
	for _, d := range []struct {
		name, kind string
		device     testbed.Device
	}{{"gps", "gps", gps}, {"bridge", "ble-bridge", bridge}, {"panel", "lines", panel}, {"other", "lines", other}} {
		port := pseudoTerminal(t)
		go func() { _, _ = testbed.Live(ctx, port, d.device) }()
		devices += fmt.Sprintf("[[device]]\nname = %q\ntype = %q\nport = %q\nid = \"XXXX03%s\"\n", d.name, d.kind, port.Name(), d.name)
	}
	return devices
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// latencies is from the write of a line to a pseudo-terminal until the array
// with it has arrived at the server.
func latencies(t *testing.T, p plan) []row {
	var rows []row
	for _, l := range []struct {
		what, budget, buffer string
		hz                   int
		long                 time.Duration
	}{
		{"serial line to socket, 5 readings/s", "p50 0.4, p99 1.2 ms", "", 5, p.slow},
		{"serial line to socket, 50 readings/s", "", "", 50, p.fast},
		{"the same, strict", "", `commit_every = "0s"`, 50, p.fast},
	} {
		rows = append(rows, row{l.what, l.budget, latency(t, p, l.hz, l.long, l.buffer), "pseudo-terminal to WebSocket on loopback"})
	}
	return rows
}

func latency(t *testing.T, p plan, hz int, long time.Duration, buffer string) string {
	dir := t.TempDir()
	up := serve(t)
	n := int(long.Seconds() * float64(hz))
	took := make([]float64, n)
	sent := make([]time.Time, n)
	up.arrived = func(i int) {
		if i < n && took[i] == 0 {
			took[i] = time.Since(sent[i]).Seconds() * 1e3
		}
	}
	done := up.expect(n)
	port, err := testbed.OpenPty(filepath.Join(dir, "port"), 0)
	fatal(t, err)
	defer port.Close()
	s := site(t, p, up.url, line("panel", port.Name(), ""))
	s.Buffer += "\n" + buffer
	g := start(s)
	g.ready(s)
	g.Until("online", online)
	tick := time.NewTicker(time.Second / time.Duration(hz))
	defer tick.Stop()
	var b []byte
	for i := range n {
		<-tick.C
		b = reading(b[:0], i, false)
		up.mu.Lock()
		sent[i] = time.Now()
		up.mu.Unlock()
		if _, err := port.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, up, done)
	up.mu.Lock()
	defer up.mu.Unlock()
	return percentiles(took[1:]) // the first comes while the line is still in doubt
}

// patience is how long a million readings may take before a row is given up.
const patience = 3 * time.Minute

// wait is for every reading that is expected.
func wait(t *testing.T, up *server, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		missing, _, _ := up.count()
		t.Fatalf("%d readings missing after %v", missing, patience)
	}
}
