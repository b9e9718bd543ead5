//go:build figures

package figures

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// plain is the program beside which rates are put, built and with a file of its own.
type plain struct {
	t        *testing.T
	bin, dir string
	records  int
	around   []string // words in front of it
}

func newPlain(t *testing.T, p plan) *plain {
	dir := t.TempDir()
	r := &plain{t: t, bin: filepath.Join(dir, "reference"), dir: dir, records: p.records / 5}
	out, err := exec.Command("go", "build", "-tags", "figures", "-o", r.bin, "./reference").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return r
}

func (r *plain) file(name string) string { return filepath.Join(r.dir, name) }

func (r *plain) start(args ...string) *exec.Cmd {
	argv := slices.Concat(r.around, []string{r.bin}, args)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	fatal(r.t, cmd.Start())
	r.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

// throughput is lines from a TCP port, kept and sent.
func (r *plain) throughput() (perSecond float64, used time.Duration) {
	up, in := serve(r.t), listen(r.t)
	done := up.expect(r.records)
	cmd := r.start("-in", in.listener.Addr().String(), "-url", up.url, "-db", r.file("flow.db"))
	c := in.conn(r.t)
	at := time.Now()
	fatal(r.t, pour(c, r.records, true))
	fatal(r.t, c.Close())
	wait(r.t, up, done)
	perSecond = float64(r.records) / time.Since(at).Seconds()
	fatal(r.t, cmd.Wait())
	return perSecond, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// drain is readings that wait in its file, sent.
func (r *plain) drain() (perMillion float64) {
	in := listen(r.t)
	cmd := r.start("-in", in.listener.Addr().String(), "-db", r.file("backlog.db"))
	c := in.conn(r.t)
	fatal(r.t, pour(c, r.records, true))
	fatal(r.t, c.Close())
	fatal(r.t, cmd.Wait())
	forget(r.t, r.dir)
	up := serve(r.t)
	done := up.expect(r.records)
	at := time.Now()
	cmd = r.start("-url", up.url, "-db", r.file("backlog.db"))
	wait(r.t, up, done)
	perMillion = time.Since(at).Seconds() / float64(r.records) * 1e6
	fatal(r.t, cmd.Wait())
	return perMillion
}

// flush is the median time of 4 KB written behind a file and brought to the disk, in
// milliseconds: what no program on this disk gets around.
func flush(t *testing.T) string {
	f, err := os.Create(filepath.Join(t.TempDir(), "flush"))
	fatal(t, err)
	defer f.Close()
	var took []float64
	for range 100 {
		at := time.Now()
		_, err := f.Write(make([]byte, 4096))
		fatal(t, err)
		fatal(t, f.Sync())
		took = append(took, time.Since(at).Seconds()*1e3)
	}
	return percentiles(took)
}

// plainRates are the rows of the plain program.
func plainRates(t *testing.T, p plan) []row {
	r := newPlain(t, p)
	rate, used := r.throughput()
	how := fmt.Sprintf("%d lines: scanner, encoding/json, a bbolt transaction and a message for 200", r.records)
	return []row{
		{"  a plain program beside it", "", fmt.Sprintf("%.0f/s", thousand(rate)), how},
		{"  its processor time", "", fmt.Sprintf("%.2f s/million", used.Seconds()/float64(r.records)*1e6), "same"},
		{"  4 KB written and flushed here", "", flush(t), "a bare loop of write and fsync"},
	}
}
