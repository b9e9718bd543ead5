//go:build peers

package peers_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"portti/cross/testkit"
	"portti/device"
	"portti/device/clock"
)

// records is a sink that keeps what it is given.
type records struct {
	mu  sync.Mutex
	all []string
}

func (r *records) Append(_ int64, _ byte, _ uint16, _ uint32, rec []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, string(rec))
	return nil
}
func (r *records) Lose(uint16, string, int) {}
func (r *records) Room() <-chan struct{}    { return nil }

// holds counts the records with all of the words.
func (r *records) holds(words ...string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
next:
	for _, rec := range r.all {
		for _, w := range words {
			if !strings.Contains(rec, w) {
				continue next
			}
		}
		n++
	}
	return n
}

func (r *records) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.all[max(0, len(r.all)-20):], "\n")
}

// mixed is what a transponder with a GPS sends in a minute.
func mixed(t *testing.T) string {
	t.Helper()
	vessels, err := os.ReadFile(filepath.Join("..", "testdata", "ais", "harbour.nmea"))
	if err != nil {
		t.Fatal(err)
	}
	ais := bytes.SplitAfter(bytes.TrimSpace(vessels), []byte("\n"))
	var log bytes.Buffer
	for i := range 60 {
		at := fmt.Sprintf("1200%02d.00", i)
		for _, body := range []string{
			"GPRMC," + at + ",A,6010.2000,N,02456.4000,E,12.3,224.1,221126,,,A",
			"GPGGA," + at + ",6010.2000,N,02456.4000,E,1,07,1.7,10.0,M,18.0,M,,",
		} {
			var sum byte
			for _, c := range []byte(body) {
				sum ^= c
			}
			fmt.Fprintf(&log, "$%s*%02X\r\n", body, sum)
		}
		log.Write(ais[i%len(ais)])
		log.WriteString("\r\n")
	}
	name := filepath.Join(t.TempDir(), "mixed.log")
	if err := os.WriteFile(name, log.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// gpsfake runs gpsd on a pseudo-terminal that says the log again and again. It is deaf
// to SIGTERM and leaves its gpsd behind, so both are ended as a group.
func gpsfake(t *testing.T, port int, log string) (stop func()) {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command("gpsfake", "-n", "-c", "0.05", "-P", strconv.Itoa(port), log)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			_ = cmd.Wait()
			if t.Failed() {
				t.Log("gpsfake said: ", said.String())
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// TestGPSD reads a real gpsd, through its end and its next start.
func TestGPSD(t *testing.T) {
	testkit.NeedTool(t, "gpsfake")
	testkit.NeedTool(t, "gpsd")
	log, port, sink := mixed(t), freePort(t), &records{}
	set, err := device.New([]device.Config{{
		Name: "gpsd", Type: "gpsd", ID: "XXXX03GPS00000001", Port: fmt.Sprintf("tcp://127.0.0.1:%d", port),
	}}, func(string) (uint16, error) { return 1, nil }, sink, device.Env{
		Gateway: "XXXX00GTW00000001",
		Clock:   clock.Fake(clock.Now{Mono: 1000, Unix: time.Date(2026, 11, 22, 12, 0, 30, 0, time.UTC).UnixMilli(), Trusted: true}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
	}, device.Tuning{Pause: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); set.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	said := func() string { return fmt.Sprintf("%+v\n%s", set.Status()[0], sink.text()) }

	testkit.Eventually(t, "without gpsd its port is missing", func() bool { return set.Status()[0].State == device.Missing }, said)
	end := gpsfake(t, port, log)
	heard := func(what string, before int) {
		t.Helper()
		testkit.Eventually(t, what+": positions of the receiver", func() bool {
			return sink.holds(`"tsmId":90100`, `"tsmTuid":"XXXX03GPS00000001"`, `"lat":60.17,"lon":24.94`, `"alt":10,"speed":6.328,"heading":224.1`, `"fixType":3`) > before
		}, said)
	}
	heard("at first", 0)
	for what, words := range map[string][]string{
		"a ship":   {`"tsmId":90110`, `"tsmTuid":"XXXX0300290000001"`, `"lat":60.17,"lon":24.94,"lacr":10,"speed":6.33,"course":224.1,"heading":222,"rot":17.9,"navStatus":0}`},
		"its name": {`"tsmId":90111`, `"tsmTuid":"XXXX0300290000001"`, `"name":"EXAMPLE TRADER","callsign":"XX1234","imo":9000001`, `"eta":"12-01T06:30Z"`},
		"a boat":   {`"tsmId":90111`, `"name":"EXAMPLE YAWL","callsign":"XX77","shipType":36`},
		"an aid":   {`"tsmId":90111`, `"name":"EXAMPLE LIGHT NORTH WEST","aidType":5`},
		"far off":  {`"tsmId":1210`, `"tsmTuid":"XXXX0300290000005"`, `"lat":20.005,"lon":-154}`},
	} {
		testkit.Eventually(t, what+" is heard", func() bool { return sink.holds(words...) > 0 }, said)
	}
	if s := set.Status()[0]; s.State != device.Fine || s.Bad > 0 {
		t.Errorf("%+v", s)
	}

	end()
	testkit.Eventually(t, "without gpsd its port is missing again", func() bool { return set.Status()[0].State == device.Missing }, said)
	before := sink.holds(`"tsmId":90100`)
	gpsfake(t, port, log)
	heard("after a restart", before)
}
