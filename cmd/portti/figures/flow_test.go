//go:build figures

package figures

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"portti/cmd/portti/rig"
)

func percentiles(ms []float64) string {
	slices.Sort(ms)
	at := func(p int) float64 { return ms[len(ms)*p/100] }
	return fmt.Sprintf("p50 %.2f, p99 %.2f ms (n %d)", at(50), at(99), len(ms))
}

// flow is what one run of throughput came to.
type flow struct {
	rate, cpu, anon float64
}

// throughputs feeds a tcp:// port as fast as it is read.
func throughputs(t *testing.T, p plan) []row {
	c, why := insert(t)
	var rows []row
	for _, kind := range []struct {
		what  string
		dated bool
	}{{"dated by the device", true}, {"dated by portti", false}} {
		var rate, cpu, anon []float64
		for range p.runs {
			f := flat(t, p, "", kind.dated)
			rate, cpu, anon = append(rate, thousand(f.rate)), append(cpu, f.cpu), append(anon, f.anon)
		}
		how := fmt.Sprintf("%d x %d lines, none missing", p.runs, p.records)
		rows = append(rows,
			row{"line in, durable, WebSocket out, " + kind.what, "550,000/s", spread("%.0f", rate) + "/s", how},
			row{"  processor time of the gateway", "2 s/million", spread("%.2f", cpu) + " s/million", how},
			row{"  anonymous memory, the most", "", spread("%.1f", anon) + " MB", how})
	}
	rows = append(rows, row{"  encoding/json reads and writes that line", "", fmt.Sprintf("%.2f s/million", yardstick(t)), "the same machine and minute"})
	rows = append(rows, plainRates(t, p)...)
	if why != "" {
		return append(rows, skipped("  bytes to the device", "", why)...)
	}
	before, flushed := c.written()
	flat(t, p, c.dir, true)
	after, flushes := c.written()
	millions := float64(p.records) / 1e6
	return append(rows,
		row{"  bytes to the device a reading", "", fmt.Sprintf("%.0f", float64(after-before)/float64(p.records)), "sectors on a loop ext4"},
		row{"  flushes of the device a million", "", fmt.Sprintf("%.0f", float64(flushes-flushed)/millions), "same"})
}

func flat(t *testing.T, p plan, state string, dated bool) (f flow) {
	up := serve(t)
	in := listen(t)
	more := ""
	if dated {
		more = `time_field = "ts"`
	}
	s := site(t, p, up.url, line("fast", in.port(), more))
	if state != "" {
		s.State = state
	}
	g := start(s)
	g.watch()
	c := in.conn(t)
	g.Until("online", online)
	done := up.expect(p.records)
	used := g.cpu()
	at := time.Now()
	fatal(t, pour(c, p.records, dated))
	wait(t, up, done)
	millions := float64(p.records) / 1e6
	f.rate = float64(p.records) / time.Since(at).Seconds()
	f.cpu = (g.cpu() - used) / millions
	anon, _ := g.most()
	f.anon = float64(anon) / 1e6
	balance(t, g, p.records)
	g.stop()
	return f
}

func thousand(rate float64) float64 { return math.Round(rate/1000) * 1000 }

// balance holds the gateway's own books against what was fed.
func balance(t *testing.T, g *gateway, n int) {
	t.Helper()
	s := g.Until("everything is read", rig.Read(n))
	if s.Totals.Read != uint64(n) || s.Totals.Lost.Sum() != 0 {
		t.Errorf("fed %d: %+v", n, s.Totals)
	}
}

// backlogs is records that arrive while the server refuses, wait, and are
// drained by a gateway that starts on files the kernel has forgotten.
func backlogs(t *testing.T, p plan) []row {
	rows := backlog(t, p, "", "a million waiting, cold", "25 ms")
	reference := newPlain(t, p)
	rows = append(rows, row{"  a plain program beside it drains", "", fmt.Sprintf("%.2f s/million", reference.drain()),
		fmt.Sprintf("%d readings in bbolt, a transaction and a message for 200", reference.records)})
	if p.before == "" {
		p.records, p.runs = 10*p.records, 1
		rows = append(rows, backlog(t, p, "", "ten million waiting, cold", "100 ms")[3:]...)
	}
	return rows
}

// engines is what each engine does with the same backlog.
func engines(t *testing.T, p plan) []row {
	p.records, p.runs = p.records/5, 1
	var rows []row
	for _, name := range []string{"websocket", "http"} {
		for _, r := range backlog(t, p, name, "engine "+name+", 200,000 waiting, cold", "")[3:6] {
			r.budget = ""
			rows = append(rows, r)
		}
	}
	return rows
}

func backlog(t *testing.T, p plan, engine, what, soon string) []row {
	var fill, fillAll, rest, first, drained, anon, all []float64
	repeated := 0
	for range p.runs {
		up := serve(t)
		up.refuse.Store(true)
		in := listen(t)
		s := site(t, p, up.url, line("fast", in.port(), ""))
		if engine == "http" {
			s.URL, s.Uplink = "http"+strings.TrimPrefix(up.url, "ws"), "engine = \"http\"\n"+s.Uplink
		}
		g := start(s)
		g.watch()
		c := in.conn(t)
		fatal(t, pour(c, p.records, false))
		balance(t, g, p.records)
		a, b := g.most()
		fill, fillAll = append(fill, float64(a)/1e6), append(fillAll, float64(b)/1e6)
		time.Sleep(5 * time.Second)
		now, _ := g.memory()
		rest = append(rest, float64(now)/1e6)
		g.stop()
		forget(t, s.Dir)

		up.refuse.Store(false)
		done := up.expect(p.records)
		g = start(s)
		g.watch()
		wait(t, up, done)
		end := time.Now()
		missing, repeats, began := up.count()
		repeated += repeats
		if missing != 0 {
			t.Errorf("%d readings missing", missing)
		}
		a, b = g.most()
		anon, all = append(anon, float64(a)/1e6), append(all, float64(b)/1e6)
		first = append(first, began.Sub(g.Started).Seconds()*1e3)
		drained = append(drained, end.Sub(g.Started).Seconds()/float64(p.records)*1e6)
		g.stop()
	}
	how := fmt.Sprintf("%d x %d readings, none missing, %d repeats", p.runs, p.records, repeated)
	return []row{
		{"backlog arrives, link down: anonymous memory, the most", "30 MB", spread("%.1f", fill) + " MB", how},
		{"  in all", "60 MB", spread("%.1f", fillAll) + " MB", how},
		{"  anonymous, 5 s after", "30 MB", spread("%.1f", rest) + " MB", how},
		{what + ": first array after the start", soon, spread("%.0f", first) + " ms", how},
		{"  drained", "1.2 s/million", spread("%.2f", drained) + " s/million", how},
		{"  anonymous memory while draining, the most", "30 MB", spread("%.1f", anon) + " MB", how},
		{"  in all", "60 MB", spread("%.1f", all) + " MB", how},
	}
}

// forget makes the kernel drop what it remembers of files.
func forget(t *testing.T, dir string) {
	fatal(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Sync(); err != nil {
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	}))
}

// yardstick is the processor time that the standard library takes to decode the
// line into a struct and to encode that: a figure to divide by on a machine
// that is busy.
func yardstick(t *testing.T) float64 {
	const n = 100_000
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after unix.Rusage
	fatal(t, unix.Getrusage(unix.RUSAGE_THREAD, &before))
	var b []byte
	for i := range n {
		var v struct {
			Temp float64 `json:"temp"`
			Humd float64 `json:"humd"`
			Airp float64 `json:"airp"`
			Lght int     `json:"lght"`
			Seq  int     `json:"seq"`
			Ts   float64 `json:"ts"`
		}
		b = reading(b[:0], i, true)
		fatal(t, json.Unmarshal(b, &v))
		_, err := json.Marshal(v)
		fatal(t, err)
	}
	fatal(t, unix.Getrusage(unix.RUSAGE_THREAD, &after))
	took := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	return float64(took) / 1e9 / n * 1e6
}
