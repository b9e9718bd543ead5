package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cross/testkit"
	"portti/device"
)

// doQueue are the commands of a script about buffers:
//
//	buffer STATE GATEWAY FROM N [undated|dated]   append N readings to the buffer of a state
//	                     folder; undated ones know their boot only, dated tells its time
//	sum STATE            remember every byte of a folder
//	sumsame STATE        it must be as it was
//	same STATE STATE N   the second has the messages of the first, N in all, byte for byte
//	cut FILE N TO        the first N bytes of a file
//	flip FILE N TO       a file with one bit of byte N changed; "record" is one in a value
//	newer STATE          its state file says a format of later
func (s *script) doQueue(verb string, args []string) bool {
	s.t.Helper()
	switch verb {
	case "exists":
		_, err := os.Lstat(args[0])
		return err == nil
	case "buffer":
		s.fill(args)
		return true
	case "sum":
		if s.sums == nil {
			s.sums = map[string]string{}
		}
		s.sums[args[0]] = folderSum(s.t, args[0])
		return true
	case "sumsame":
		return s.sums[args[0]] == folderSum(s.t, args[0])
	case "same":
		a, b := messages(s.t, args[0], ""), messages(s.t, args[1], "import:")
		return strconv.Itoa(len(a)) == args[2] && maps.Equal(a, b)
	case "cut", "flip":
		text, err := os.ReadFile(args[0])
		at, _ := strconv.Atoi(args[1])
		if args[1] == "record" {
			at = bytes.Index(text, []byte(`"temp":`)) + 7
		}
		if verb == "cut" {
			text = text[:at]
		} else {
			text[at] ^= 1
		}
		return err == nil && os.WriteFile(args[2], text, 0o600) == nil
	case "newer":
		return laterFormat(filepath.Join(args[0], "buffer.v2", "state")) == nil
	}
	s.t.Fatalf("unknown command %q", verb)
	return false
}

// fill appends readings, as a daemon would.
func (s *script) fill(args []string) {
	s.t.Helper()
	from, _ := strconv.Atoi(args[2])
	n, _ := strconv.Atoi(args[3])
	dir := filepath.Join(args[0], "buffer.v2")
	if err := os.MkdirAll(args[0], 0o700); err != nil {
		s.t.Fatal(err)
	}
	q, err := buffer.Open(buffer.Options{Dir: dir, Gateway: args[1], CommitEvery: time.Hour, BootID: [16]byte{7}, Mono: func() int64 { return 60_000 }})
	if err != nil {
		s.t.Fatal(err)
	}
	if len(args) > 4 && args[4] == "dated" {
		if err := q.SetOffset(q.Boot(), buffer.Offset{Unix: 1_700_000_000_000}); err != nil {
			s.t.Fatal(err)
		}
	}
	dev, err := q.Device("gps")
	for i := from; i < from+n && err == nil; i++ {
		at, class := fmt.Sprintf("%d.123", 1520416221+i), byte(0)
		if len(args) > 4 {
			at, class = fmt.Sprintf("@%d", i*1000), device.ClassProvisional
		}
		err = q.Append(class, dev, 5, fmt.Appendf(nil, `{"tsmId":12100,"tsmEv":10,"tsmTs":%s,"tsmTuid":"T","tsmGw":%q,"temp":%d.50}`, at, args[1], i))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if err := q.Close(); err != nil {
		s.t.Fatal(err)
	}
}

func folderSum(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			fmt.Fprintln(h, path)
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		info, _ := d.Info()
		fmt.Fprintln(h, path, len(text), info.ModTime().UnixNano(), info.Mode())
		h.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// messages counts what is in a buffer, of devices whose name begins so.
func messages(t *testing.T, state, prefix string) map[string]int {
	t.Helper()
	l, err := buffer.Inspect(filepath.Join(state, "buffer.v2"))
	if err != nil || len(l.Faults) > 0 {
		t.Fatal(err, l.Faults)
	}
	got := map[string]int{}
	err = l.Each(func(r buffer.Record) error {
		if strings.HasPrefix(r.Name, prefix) {
			got[fmt.Sprint(r.Class, r.Stream, string(r.Rec))]++
		}
		return nil
	}, func(first, last uint64, why string) error { return fmt.Errorf("%d missing: %s", first, why) })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// laterFormat raises the version in all slots of a state file.
func laterFormat(path string) error {
	b, err := os.ReadFile(path)
	for at := 0; at < len(b); at += 4096 {
		slot := b[at:]
		if slot[8]++; slot[8] == 1 {
			continue // never written
		}
		n := 14 + int(binary.LittleEndian.Uint32(slot[10:]))
		binary.LittleEndian.PutUint32(slot[n:], crc32.Checksum(slot[:n], crc32.MakeTable(crc32.Castagnoli)))
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

// TestExportOntoAFullStick: the error says so, and nothing of it stays.
func TestExportOntoAFullStick(t *testing.T) {
	t.Chdir(t.TempDir())
	s := script{t: t}
	s.fill([]string{"a", "GATEWAYA", "0", "500"})
	stick := t.TempDir()
	if err := syscall.Mount("tmpfs", stick, "tmpfs", 0, "size=16k"); err != nil {
		t.Skip("needs root to mount a small file system: ", err)
	}
	defer syscall.Unmount(stick, 0)
	t.Setenv("PORTTI_GATEWAY__ID", "GATEWAYA")
	t.Setenv("PORTTI_PATHS__STATE", "a")
	t.Setenv("PORTTI_PATHS__RUN", "none")
	if !s.do("portti 1 queue export --out "+stick+"/x.jsonl") || !strings.Contains(s.stderr, "there is no room on it") {
		t.Errorf("%s%s", s.stdout, s.stderr)
	}
	if left, _ := os.ReadDir(stick); len(left) > 0 {
		t.Error("left behind: ", left)
	}
}

// A card of a broken gateway in a reader of the new one, as docs/fleet.md has it: the
// files tell, and the configuration is the new gateway's.
func TestReadingsFromTheOldCard(t *testing.T) {
	page, err := os.ReadFile("../../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	const typed = "PORTTI_PATHS__STATE=/mnt/var/lib/portti portti queue export --files --out ."
	if !strings.Contains(string(page), typed) {
		t.Errorf("docs/fleet.md does not have %s", typed)
	}
	t.Chdir(t.TempDir())
	s := script{t: t}
	s.fill([]string{"old", "GATEWAYA", "0", "5"})
	s.fill([]string{"new", "GATEWAYB", "0", "3"})
	text := "config_version = 1\ngateway.id = \"GATEWAYB\"\npaths.state = \"new\"\npaths.run = \"none\"\n"
	if err := os.WriteFile("new.toml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PORTTI_PATHS__STATE", "old")
	if !s.do("portti 0 queue export --files -c new.toml --out old.jsonl") {
		t.Fatal(s.stderr)
	}
	t.Setenv("PORTTI_PATHS__STATE", "new")
	if !s.do("portti 0 queue import -c new.toml old.jsonl") || !strings.Contains(s.stdout, "5 readings taken over") {
		t.Errorf("%s%s", s.stdout, s.stderr)
	}
	if !s.do("portti 0 queue import -c new.toml old.jsonl") || !strings.Contains(s.stdout, "0 readings taken over, 5 already here") {
		t.Errorf("%s%s", s.stdout, s.stderr)
	}
}

// TestImportWhileTheGatewayRuns (row 18): the lock is the gateway's, and the
// words say what to do.
func TestImportWhileTheGatewayRuns(t *testing.T) {
	t.Chdir(t.TempDir())
	s := script{t: t}
	s.fill([]string{"a", "GATEWAYA", "0", "5"})
	s.fill([]string{"b", "GATEWAYB", "0", "5"})
	conf := func(g string) {
		text := `config_version = 1
gateway.id = "GATEWAY` + strings.ToUpper(g) + `"
paths.state = "` + g + `"
paths.run = "` + g + `-run"
uplink.url = "ws://127.0.0.1:9/x"
uplink.auth = "none"
device = [{name = "p", type = "lines", port = "tcp://127.0.0.1:9", id = "XXXX03PNL00000001", message = 12100}]
`
		if err := os.WriteFile(g+".toml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	conf("a")
	conf("b")
	if !s.do("portti 0 queue export -c a.toml --out a.jsonl") {
		t.Fatal(s.stderr)
	}
	cfg, err := config.Load("b.toml", config.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	q, closeIt, err := gateway.OpenBuffer(cfg, builtAt(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !s.do("portti 1 queue import -c b.toml a.jsonl") || !strings.Contains(s.stderr, "sudo portti service stop") ||
		!strings.Contains(s.stderr, fmt.Sprintf("process %d", os.Getpid())) {
		t.Error(s.stderr)
	}
	// Looking is possible meanwhile.
	if !s.do("portti 0 queue check -c b.toml") || !s.do("portti 0 queue export --files -c b.toml") {
		t.Error(s.stderr)
	}
	if c, _ := q.Ledger(); c.Waiting != 5 {
		t.Errorf("%+v", c)
	}
	if err := closeIt(); err != nil {
		t.Fatal(err)
	}
	if !s.do("portti 0 queue import -c b.toml a.jsonl") {
		t.Error(s.stderr)
	}
}

// TestRunningGatewayTellsOfItsQueue: stats and export of a gateway at work come
// from itself and hold what only its memory has.
func TestRunningGatewayTellsOfItsQueue(t *testing.T) {
	t.Chdir(t.TempDir())
	s := script{t: t}
	s.fill([]string{"a", "GATEWAYA", "0", "50"})
	conf := `config_version = 1
gateway.id = "GATEWAYA"
gateway.report_interval = "0s"
paths.state = "a"
paths.run = "run"
uplink.url = "ws://127.0.0.1:9/x"
uplink.auth = "none"
device = [{name = "p", type = "lines", port = "tcp://127.0.0.1:9", id = "XXXX03PNL00000001", message = 12100}]
`
	if err := os.WriteFile("a.toml", []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load("a.toml", config.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- gateway.Run(ctx, cfg, gateway.Options{Built: builtAt()}) }()
	testkit.Eventually(t, "the gateway answers", func() bool {
		select {
		case err := <-done:
			t.Fatal("ended: ", err)
		default:
		}
		return s.do("portti 0 status -c a.toml")
	})
	if !s.do("portti 0 queue stats -c a.toml") || !s.do(`stdout ^Waiting +50 readings.* 0 in memory, 50 on disk`) || !s.do("! stdout does not run") {
		t.Error(s.stdout, s.stderr)
	}
	if !s.do("portti 0 queue export -c a.toml --out x.jsonl") || !s.do("stdout ^50 readings copied") {
		t.Error(s.stdout, s.stderr)
	}
	if !s.do("portti 0 queue export --socket run/portti.sock") || !s.do(`stdout "records":50`) {
		t.Error(s.stderr)
	}
	if !s.do("portti 0 queue stats --json -c a.toml") || !s.do(`stdout "running": true`) {
		t.Error(s.stdout, s.stderr)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !s.do("portti 3 queue stats --socket run/portti.sock") {
		t.Error(s.stderr)
	}
	text, err := os.ReadFile("x.jsonl")
	if lines := slices.Collect(strings.Lines(string(text))); err != nil || len(lines) != 52 {
		t.Error(err, len(lines))
	}
}
