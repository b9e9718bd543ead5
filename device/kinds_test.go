package device

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/cross/testkit"
	"portti/device/clock"
)

// testNow is when all golden records were read.
var testNow = clock.Now{Mono: 100_000, Unix: 1_796_000_000_000, Trusted: true}

func testEnv() Env {
	return Env{
		Gateway: "XXXX00GTW00000001", Log: slog.New(slog.DiscardHandler),
		Clock: clock.Fake(testNow, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)),
	}
}

// testConfig is the plainest configuration of each kind.
func testConfig(kind string) Config {
	return Config{Name: "under-test", Type: kind, Port: "/dev/ttyX0", ID: "XXXX03TST00000001"}
}

// recordings are the captured inputs of a kind, at most 2 KB of each.
func recordings(t *testing.T, kind string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, pattern := range []string{"*.txt", "*.bin", "*.nmea", "*.log"} {
		names, err := filepath.Glob(filepath.Join("testdata", kind, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = b[:min(len(b), 2048)]
		}
	}
	if len(all) == 0 {
		t.Fatalf("no recordings in testdata/%s", kind)
	}
	return all
}

// onePort plays bytes in pieces, then ends. Deadlines never pass.
type onePort struct {
	data  []byte
	piece int
	again int // times data is played again
	at    int
}

func (p *onePort) Read(b []byte) (int, error) {
	if p.at == len(p.data) {
		if p.again == 0 {
			return 0, io.EOF
		}
		p.again, p.at = p.again-1, 0
	}
	n := copy(b[:min(len(b), p.piece)], p.data[p.at:])
	p.at += n
	return n, nil
}
func (p *onePort) Write(b []byte) (int, error)     { return len(b), nil }
func (p *onePort) SetReadDeadline(time.Time) error { return nil }

// underTest is a device whose driver reads port and whose sink is s.
func underTest(t *testing.T, kind string, s Sink) *device {
	t.Helper()
	env := testEnv()
	set, err := New([]Config{testConfig(kind)}, func(string) (uint16, error) { return 1, nil }, s, env, Tuning{})
	if err != nil {
		t.Fatal(err)
	}
	return set.devices[0]
}

// play runs a fresh driver of the kind and gives the records and frames. No
// time passes: drivers look at pauses between bytes, and in real time a loaded
// machine makes some.
func play(t *testing.T, kind string, port Port) (records []string, d *device) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sink := newSink()
		d = underTest(t, kind, sink)
		drv, err := d.kind.New(d.cfg, d.env)
		if err != nil {
			t.Fatal(err)
		}
		if err := drv.Run(port, d); err == nil {
			t.Error("Run ended without an error")
		}
		records = sink.all()
	})
	return records, d
}

func TestKindsTable(t *testing.T) {
	names := Kinds().Names()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("not sorted and unique: %v", names)
	}
	for _, name := range names {
		k, ok := Kinds().Named(name)
		if !ok || k.Name != name {
			t.Errorf("%s is not found", name)
		}
		if k.New == nil || k.Baud == 0 || k.Silence == 0 {
			t.Errorf("%s lacks New, Baud or Silence", name)
		}
		if slices.Contains(Planned(), name) {
			t.Errorf("%s is planned and there", name)
		}
		if err := Kinds().Check(testConfig(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, ok := Kinds().Named("none"); ok {
		t.Error("a kind that is not there was found")
	}
}

// eachKind runs a test for every recording of every kind.
func eachKind(t *testing.T, test func(t *testing.T, kind, name string, in []byte)) {
	for _, kind := range Kinds().Names() {
		for name, in := range recordings(t, kind) {
			t.Run(kind+"/"+filepath.Base(name), func(t *testing.T) { test(t, kind, name, in) })
		}
	}
}

// TestKindsGolden holds what the sink gets against NAME.records, read in one
// piece and in small ones.
func TestKindsGolden(t *testing.T) {
	eachKind(t, func(t *testing.T, kind, name string, in []byte) {
		text := func(piece int) string {
			records, d := play(t, kind, &onePort{data: in, piece: piece})
			var b strings.Builder
			for _, r := range records {
				if !json.Valid([]byte(r)) {
					t.Errorf("not JSON: %s", r)
				}
				b.WriteString(r + "\n")
			}
			f := d.status().Frames
			fmt.Fprintf(&b, "# ok %d, unknown %d, checksum %d, too long %d, malformed %d, range %d\n", f[OK], f[Unknown], f[Checksum], f[TooLong], f[Malformed], f[Range])
			return b.String()
		}
		got := text(1024)
		testkit.Golden(t, strings.TrimSuffix(name, filepath.Ext(name))+".records", got)
		for _, piece := range []int{1, 7} {
			eq(t, fmt.Sprintf("in pieces of %d", piece), text(piece), got)
		}
	})
}

// TestKindsSurvive cuts every recording at every byte, and spoils, drops and
// doubles every byte: nothing may crash, and every record must be JSON.
func TestKindsSurvive(t *testing.T) {
	step := 1
	if testing.Short() || raceDetector {
		step = 13
	}
	eachKind(t, func(t *testing.T, kind, _ string, in []byte) {
		whole, _ := play(t, kind, &onePort{data: in, piece: 1024})
		for i := 0; i < len(in); i += step {
			head, rest := in[:i], in[i+1:]
			for what, bad := range map[string][]byte{
				"cut":     head,
				"spoiled": slices.Concat(head, []byte{in[i] ^ byte(1+i%255)}, rest),
				"dropped": slices.Concat(head, rest),
				"doubled": slices.Concat(head, []byte{in[i], in[i]}, rest),
			} {
				records, _ := play(t, kind, &onePort{data: bad, piece: 1024})
				if len(records) > len(whole)+8 {
					t.Fatalf("byte %d %s: %d records were made up", i, what, len(records)-len(whole))
				}
				for _, r := range records {
					if !json.Valid([]byte(r)) {
						t.Fatalf("byte %d %s: not JSON: %s", i, what, r)
					}
				}
			}
		}
	})
}

// TestKindsAllocate plays a recording once and many times: the difference
// may not allocate more than the kind's budget.
func TestKindsAllocate(t *testing.T) {
	eachKind(t, func(t *testing.T, kind, _ string, in []byte) {
		in = append(bytes.Clone(in), '\n')
		const times = 20
		run := func(again int) float64 {
			return testing.AllocsPerRun(1, func() {
				d := underTest(t, kind, nullSink{})
				drv, err := d.kind.New(d.cfg, d.env)
				if err != nil {
					t.Fatal(err)
				}
				_ = drv.Run(&onePort{data: in, piece: 1024, again: again}, d)
			})
		}
		budget := map[string]float64{"ble-bridge": 4, "gps": 8}[kind] // details for people, answers, log lines
		if per := (run(1+times) - run(1)) / times; per > budget+0.5 {
			t.Errorf("%.1f allocations each time it is played", per)
		}
	})
}
