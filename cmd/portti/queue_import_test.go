package main

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"portti/cmd/portti/carry"
)

// TestGuessedTimes: a boot began no later than now less what passed since, and
// no earlier than the last time its gateway trusted.
func TestGuessedTimes(t *testing.T) {
	const now, hour = int64(1_800_000_000_000), int64(3600_000)
	h := &carry.Header{LastGood: now - 10*hour, Boot: 3, Mono: 2 * hour}
	for name, c := range map[string]struct {
		boot   carry.Boot
		offset int64
		err    int64
	}{
		"the boot of the export":       {carry.Boot{Boot: 3, Mono: hour}, now - 2*hour, 8*3600 + 1},
		"an earlier boot":              {carry.Boot{Boot: 2, Mono: 5 * hour}, now - 5*hour, 5*3600 + 1},
		"one that a clock was seen in": {carry.Boot{Boot: 2, Mono: 5 * hour, Seen: now - 7*hour}, now - 7*hour, 1},
		"longer than can be":           {carry.Boot{Boot: 2, Mono: 50 * hour}, now - 50*hour, 1},
	} {
		if at, worst := guessed(h, c.boot, now); *at != c.offset || worst != c.err {
			t.Errorf("%s: %d (%d s before now), error %d s", name, *at, (now-*at)/1000, worst)
		}
	}
	if _, worst := guessed(&carry.Header{}, carry.Boot{}, now); worst != (now-builtAt().UnixMilli()+1000+999)/1000 {
		t.Error("nothing is known but that this program was built before: ", worst)
	}
}

// TestMain lets the tests below run this program as a process of its own, and
// keeps settings out that the machine's environment may hold.
func TestMain(m *testing.M) {
	const program = "PORTTI_TEST_AS_PROGRAM"
	if os.Getenv(program) != "" {
		os.Unsetenv(program)
		main()
	}
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "PORTTI_") {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

// program is this program, as a process.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	// The race detector would let each process sleep for a second at its end.
	cmd.Env = append(os.Environ(), "PORTTI_TEST_AS_PROGRAM=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// unlessEmulated skips the test where the kernel cannot run this program by itself.
func unlessEmulated(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, syscall.ENOEXEC) {
		t.Skip("this program runs under emulation and cannot be started as a process: ", err)
	}
}

func configFor(t *testing.T, state, id string) string {
	t.Helper()
	path := state + ".toml"
	text := fmt.Sprintf(`config_version = 1
gateway.id = %q
paths.state = %q
paths.run = %q
uplink.url = "ws://127.0.0.1:9/x"
uplink.auth = "none"
device = [{name = "p", type = "lines", port = "tcp://127.0.0.1:9", id = "XXXX03PNL00000001", message = 12100}]
`, id, state, state+"-run")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// changes tells of every change of a file in dir, but that the kernel makes one
// of several that nobody has asked for yet.
func changes(t *testing.T, dir string) *os.File {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err == nil {
		_, err = unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY|unix.IN_CREATE|unix.IN_DELETE|unix.IN_MOVED_TO)
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "inotify")
}

// killedAfter runs cmd and kills it at the n-th change of a file in dir, if it
// has not ended before.
func killedAfter(t *testing.T, n int, dir string, cmd *exec.Cmd) (killed bool) {
	t.Helper()
	watch := changes(t, dir)
	if err := cmd.Start(); err != nil {
		watch.Close()
		unlessEmulated(t, err)
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, unix.SizeofInotifyEvent+unix.NAME_MAX+1) // one or a few
		for range n {
			if _, err := watch.Read(b); err != nil {
				return
			}
		}
		_ = cmd.Process.Kill()
	}()
	err := cmd.Wait()
	watch.Close()
	<-done
	return err != nil
}

// TestKilledImport (row 66): the process is killed at some moment of an import,
// again and again; then it is let through. Every reading is there once.
func TestKilledImport(t *testing.T) {
	t.Chdir(t.TempDir())
	s := script{t: t}
	const n = 2000
	s.fill([]string{"a", "GATEWAYA", "0", strconv.Itoa(n)})
	s.fill([]string{"b", "GATEWAYB", "0", "3"})
	from, to := configFor(t, "a", "GATEWAYA"), configFor(t, "b", "GATEWAYB")
	if !s.do("portti 0 queue export --out a.jsonl -c " + from) {
		t.Fatal(s.stderr)
	}
	// Each is let change more than the one before, until one comes to its end.
	killed := 0
	for killedAfter(t, 1+killed, "b/buffer.v2", program(t, "queue", "import", "-c", to, "a.jsonl")) {
		killed++
	}
	if killed == 0 {
		t.Error("none was killed: the test tested nothing")
	}
	if !s.do("portti 0 queue import -c "+to+" a.jsonl") || !s.do(fmt.Sprintf("stdout ^0 readings taken over, %d already here", n)) {
		t.Fatal(s.stdout, s.stderr)
	}
	if !s.do("portti 0 queue check -c "+to) || !s.do("same a b "+strconv.Itoa(n)) {
		t.Error(s.stdout, s.stderr)
	}
	t.Logf("%d were killed", killed)
}

// TestImportLeavesFilesToTheOwner: what root imports must be the service's to
// write afterwards.
func TestImportLeavesFilesToTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give it up")
	}
	dir, err := os.MkdirTemp("", "portti-owner-") // the owner must get there
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	s := script{t: t}
	s.fill([]string{"a", "GATEWAYA", "0", "40"})
	s.fill([]string{"b", "GATEWAYB", "0", "3"})
	from, to := configFor(t, "a", "GATEWAYA"), configFor(t, "b", "GATEWAYB")
	if !s.do("portti 0 queue export --out a.jsonl -c " + from) { // mode 0600: root's
		t.Fatal(s.stderr)
	}
	const owner = 12345
	for _, path := range append(glob(t, "b/*/*"), "b/buffer.v2", "b") {
		if err := os.Chown(path, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	out, err := program(t, "queue", "import", "-c", to, "a.jsonl").CombinedOutput()
	unlessEmulated(t, err)
	if err != nil || !strings.Contains(string(out), "40 readings taken over") {
		t.Fatalf("%v: %s", err, out)
	}
	for _, path := range append(glob(t, "b/*/*"), "b/lock") {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != owner {
			t.Errorf("%s belongs to %d", path, uid)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestImportOfTwoCopies: a card was copied, both gateways recorded on under the
// same numbers, and what waits in both is carried to a third: all of it comes there,
// and what was recorded before the copy comes once.
func TestImportOfTwoCopies(t *testing.T) {
	t.Chdir(t.TempDir())
	s := script{t: t}
	s.fill([]string{"a", "GATEWAYA", "0", "40"})
	if err := os.CopyFS("copy", os.DirFS("a")); err != nil {
		t.Fatal(err)
	}
	s.fill([]string{"a", "GATEWAYA", "100", "30"})
	s.fill([]string{"copy", "GATEWAYA", "200", "50"})
	s.fill([]string{"b", "GATEWAYB", "0", "3"})
	to := configFor(t, "b", "GATEWAYB")
	for _, from := range []string{"a", "copy"} {
		if !s.do("portti 0 queue export --out " + from + ".jsonl -c " + configFor(t, from, "GATEWAYA")) {
			t.Fatal(s.stderr)
		}
	}
	if !s.do("portti 1 queue import -c "+configFor(t, "copy", "GATEWAYA")+" a.jsonl") || !strings.Contains(s.stderr, "copy of its card") {
		t.Error("into the other copy:", s.stderr)
	}
	for _, f := range []struct{ file, says string }{
		{"a.jsonl", "70 readings taken over, 0 already here"}, {"copy.jsonl", "50 readings taken over, 40 already here"},
		{"a.jsonl", "0 readings taken over, 70 already here"}, {"copy.jsonl", "0 readings taken over, 90 already here"},
	} {
		if !s.do("portti 0 queue import -c "+to+" "+f.file) || !s.do("stdout ^"+f.says) {
			t.Fatal(s.stdout, s.stderr)
		}
	}
}

// TestALostLineIsNotTakenForAHole: a file that lacks a line, cleanly cut out, is
// not whole, and the whole one brings what was on it.
func TestALostLineIsNotTakenForAHole(t *testing.T) {
	t.Chdir(t.TempDir())
	s := script{t: t}
	s.fill([]string{"a", "GATEWAYA", "0", "40"})
	s.fill([]string{"b", "GATEWAYB", "0", "3"})
	from, to := configFor(t, "a", "GATEWAYA"), configFor(t, "b", "GATEWAYB")
	if !s.do("portti 0 queue export --out a.jsonl -c " + from) {
		t.Fatal(s.stderr)
	}
	text, err := os.ReadFile("a.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	if err := os.WriteFile("short.jsonl", []byte(strings.Join(append(lines[:20:20], lines[21:]...), "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if !s.do("portti 1 queue import -c "+to+" short.jsonl") || !s.do("stdout ^39 readings taken over") || !s.do("stderr not as it was written") {
		t.Error(s.stdout, s.stderr)
	}
	if !s.do("portti 0 queue import -c "+to+" a.jsonl") || !s.do("stdout ^1 reading taken over, 39 already") || !s.do("same a b 40") {
		t.Error(s.stdout, s.stderr)
	}
}

// sealed is an object without its last brace as a line of an export.
func sealed(object string) string {
	return fmt.Sprintf("%s,\"crc\":\"%08x\"}\n", object, crc32.Checksum([]byte(object), crc32.MakeTable(crc32.Castagnoli)))
}

// TestFalseLinesCostThemselves: a file with one line more whose number is false,
// and one whose header is, too. It is named, the others are taken over, and so is
// what the gateway exports later.
func TestFalseLinesCostThemselves(t *testing.T) {
	const far = `{"n":9223372036854775807,"after":40,"device":"gps","class":0,"stream":5,"boot":1,"mono_ms":1,"messages":[{"a":1}]`
	for name, c := range map[string]struct {
		change func(lines []string)
		status int
		taken  int
		stderr string
	}{
		"beyond the header": {func(l []string) { l[40] += sealed(far) }, 1, 40, `line 42: number 9223372036854775807 is beyond`},
		"in the middle": {func(l []string) {
			l[20] += sealed(strings.Replace(far, "9223372036854775807,\"after\":40", "40,\"after\":20", 1))
		}, 1, 40,
			`line 22: number 40 is out of order: lower ones follow`},
		"the header allows it": {func(l []string) {
			h := regexp.MustCompile(`"next":[0-9]+`).ReplaceAllString(l[0][:strings.Index(l[0], `,"crc"`)], `"next":9223372036854775808`)
			l[0], l[40] = sealed(h), l[40]+sealed(far)
		}, 1, 41, "not as it was written"},
		"zero, negative, no number": {func(l []string) { l[1] = sealed(`{"n":0`) + sealed(`{"n":-1`) + sealed(`{"n":"1"`) + l[1] }, 1, 40, "3 lines could not be used .first line 2:"},
		"another file behind it":    {func(l []string) { l[41] += l[0] + l[1] }, 1, 40, "another export begins in line 43"},
		"another header within":     {func(l []string) { l[30] += l[0] }, 1, 30, "another export begins in line 32"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			s := script{t: t}
			s.fill([]string{"a", "GATEWAYA", "0", "40"})
			s.fill([]string{"b", "GATEWAYB", "0", "3"})
			from, to := configFor(t, "a", "GATEWAYA"), configFor(t, "b", "GATEWAYB")
			if !s.do("portti 0 queue export --out a.jsonl -c " + from) {
				t.Fatal(s.stderr)
			}
			text, err := os.ReadFile("a.jsonl")
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(string(text), "\n")
			c.change(lines)
			if err := os.WriteFile("false.jsonl", []byte(strings.Join(lines, "")), 0o600); err != nil {
				t.Fatal(err)
			}
			if !s.do(fmt.Sprintf("portti %d queue import -c %s false.jsonl", c.status, to)) ||
				!s.do(fmt.Sprintf("stdout ^%d readings taken over", c.taken)) || !s.do("stderr false.jsonl: .*"+c.stderr) {
				t.Error(s.stdout, s.stderr)
			}
			s.fill([]string{"a", "GATEWAYA", "40", "25"})
			if !s.do("portti 0 queue export --out later.jsonl -c "+from) || !s.do("portti 0 queue import -c "+to+" later.jsonl") ||
				!s.do(fmt.Sprintf("stdout ^%d readings taken over", 65-min(c.taken, 40))) || c.taken <= 40 && !s.do("same a b 65") {
				t.Error(s.stdout, s.stderr)
			}
		})
	}
}

// TestOneBadFileLeavesTheOthers: what is no export is named, and the rest of the
// stick is taken over.
func TestOneBadFileLeavesTheOthers(t *testing.T) {
	t.Chdir(t.TempDir())
	s := script{t: t}
	s.fill([]string{"a", "GATEWAYA", "0", "40"})
	s.fill([]string{"b", "GATEWAYB", "0", "3"})
	from, to := configFor(t, "a", "GATEWAYA"), configFor(t, "b", "GATEWAYB")
	if err := errors.Join(os.WriteFile("a.jsonl.gz", []byte("\x1f\x8b\b\x00"), 0o600), os.Mkdir("folder", 0o700)); err != nil {
		t.Fatal(err)
	}
	if !s.do("portti 0 queue export --out a.jsonl -c "+from) || !s.do("portti 1 queue import -c "+to+" a.jsonl.gz folder a.jsonl") ||
		!s.do("stdout ^40 readings taken over") || !s.do("stderr a.jsonl.gz: nothing of it was taken over: .*gunzip") || !s.do("stderr folder: nothing .* name the files in it") {
		t.Error(s.stdout, s.stderr)
	}
}
