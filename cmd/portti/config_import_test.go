package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"portti/cmd/portti/config"
)

const (
	stickServer  = "\ufeff[uplink]\r\nurl = \"wss://ingest.acme.example.fi/ws\"\r\n"
	stickDevice  = "[[device]]\nname = \"panel\"\ntype = \"lines\"\nport = \"/dev/ttyUSB0\"\nid = \"XXXX03PNL00000001\"\n"
	movedServer  = "80-stick-Site.toml"
	movedDevices = "80-stick-devices.toml"
)

// stickSite is a gateway and a stick with a configuration on it.
func stickSite(t *testing.T, files map[string]string) (s *site, stickDir string) {
	t.Helper()
	s = &site{t: t, dir: t.TempDir()}
	s.main = filepath.Join(s.dir, "etc", "portti.toml")
	s.put(s.main, packaged)
	stickDir = filepath.Join(s.dir, "stick")
	if err := os.Mkdir(stickDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		s.put(filepath.Join(stickDir, "portti", name), text)
	}
	return s, stickDir
}

func wholeStick() map[string]string {
	return map[string]string{"Site.TOML": stickServer, "devices.toml": stickDevice, "uplink-token": "canary-stick\r\n", "._devices.toml": "\x00"}
}

func (s *site) take(stickDir string, flags ...string) (code int, out, errs string) {
	s.t.Helper()
	code, out, errs = portti(s.t, append(flags, "config", "import", stickDir, "-c", s.main)...)
	if strings.Contains(out+errs+s.read(filepath.Join(stickDir, "portti", stickAnswer)), "canary") {
		s.t.Errorf("the token is shown:\n%s%s", out, errs)
	}
	return code, out, errs
}

func (s *site) conf(name string) string {
	return s.read(filepath.Join(s.dir, "etc/conf.d", name))
}

// isTaken holds what is on the gateway and on the stick against what is to come of wholeStick.
func (s *site) isTaken(stickDir string) {
	s.t.Helper()
	cfg, err := config.Load(s.main, config.LoadOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	if cfg.Uplink.URL != "wss://ingest.acme.example.fi/ws" || len(cfg.Devices) != 1 || s.read(cfg.Uplink.TokenFile) != "canary-stick\n" {
		s.t.Errorf("%+v %+v %q", cfg.Uplink, cfg.Devices, s.read(cfg.Uplink.TokenFile))
	}
	if s.conf(movedServer) != "[uplink]\nurl = \"wss://ingest.acme.example.fi/ws\"\n" || s.conf(movedDevices) != stickDevice {
		s.t.Errorf("%q %q", s.conf(movedServer), s.conf(movedDevices))
	}
	if s.read(s.main) != strings.ReplaceAll(packaged, "DIR", s.dir) {
		s.t.Error("the main file was changed")
	}
	var left []string
	entries, _ := os.ReadDir(filepath.Join(stickDir, "portti"))
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if !slices.Equal(left, []string{"._devices.toml", stickAnswer}) {
		s.t.Errorf("on the stick there is %q", left)
	}
	for _, path := range glob(s.t, filepath.Join(s.dir, "etc/conf.d/*")) {
		if strings.HasSuffix(path, ".new") {
			s.t.Errorf("left behind: %s", path)
		}
	}
}

func TestStickIsTakenOnce(t *testing.T) {
	s, dir := stickSite(t, wholeStick())
	token, err := os.Open(filepath.Join(dir, "portti", stickToken))
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	code, out, errs := s.take(dir)
	if code != exitOK || !strings.Contains(out, "The gateway reads it when it starts") {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	s.isTaken(dir)
	if left, err := io.ReadAll(token); err != nil || len(bytes.Trim(left, "\x00")) > 0 {
		t.Errorf("the token was not overwritten: %v", err)
	}
	answer := s.read(filepath.Join(dir, "portti", stickAnswer))
	for _, want := range []string{"portti has taken over", "portti/Site.TOML is now " + filepath.Join(s.dir, "etc/conf.d", movedServer), "uplink-token is now", "1 device now, and server wss://ingest.acme.example.fi", "\r\n"} {
		if !strings.Contains(answer, want) {
			t.Errorf("it does not say %q:\n%s", want, answer)
		}
	}
	// Again: an empty stick, then the same files once more, while somebody has changed what came of them.
	s.put(filepath.Join(s.dir, "etc/conf.d", movedDevices), "")
	for range 2 {
		if code, out, errs = s.take(dir); code != exitOK || out != "" || s.conf(movedDevices) != "" {
			t.Errorf("%d\n%s%s", code, out, errs)
		}
		for name, text := range wholeStick() {
			s.put(filepath.Join(dir, "portti", name), text)
		}
	}
	// Another text is taken.
	s.put(filepath.Join(dir, "portti/devices.toml"), stickDevice+"baud = 9600\n")
	if code, out, errs = s.take(dir); code != exitOK || s.conf(movedDevices) != stickDevice+"baud = 9600\n" {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
}

// TestStickInJSON: what was taken, and that nothing was.
func TestStickInJSON(t *testing.T) {
	s, dir := stickSite(t, wholeStick())
	for i, want := range []stickView{{map[string]string{
		filepath.Join(s.dir, "etc/conf.d", movedServer): "portti/Site.TOML", filepath.Join(s.dir, "etc/conf.d", movedDevices): "portti/devices.toml"}, true}, {Taken: map[string]string{}}} {
		code, out, errs := s.take(dir, "--json")
		loadSchema(t, "config-import").validate(t, "what it printed", []byte(out))
		var got stickView
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitOK || !reflect.DeepEqual(got, want) {
			t.Errorf("%d: %d %v %+v, want %+v\n%s", i, code, err, got, want, errs)
		}
	}
}

// TestStickWithMistakes (row 246): all of them are told where they stand on the stick, and nothing is changed.
func TestStickWithMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		says  []string
	}{
		"a key":             {map[string]string{"a.toml": "[uplink]\nurl = \"wss://h/x\"\nulr = \"x\"\n", "uplink-token": "canary", "b.toml": "[log]\nlevel = \"loud\"\n"}, []string{"portti/a.toml:3:1", "portti/b.toml:2:9", "\r\n2 problems."}},
		"CRLF":              {map[string]string{"a.toml": "\ufeff[log]\r\n\r\nlevel = 7\r\n"}, []string{"portti/a.toml:3:9"}},
		"UTF-16":            {map[string]string{"a.toml": "\xff\xfe[\x00u\x00"}, []string{"portti/a.toml", "UTF-16"}},
		"token in quotes":   {map[string]string{"a.toml": stickServer, "uplink-token": "\"canary\""}, []string{"portti/uplink-token", "in quotes"}},
		"a token for none":  {map[string]string{"a.toml": "[uplink]\nurl = \"wss://h/x\"\nauth = \"none\"\n", "uplink-token": "canary"}, []string{"has no use for a token"}},
		"no token":          {map[string]string{"a.toml": "[uplink]\nurl = \"wss://h/x\"\n"}, []string{"needs a token"}},
		"a device twice":    {map[string]string{"a.toml": stickDevice, "b.toml": strings.Replace(stickDevice, "panel", "other", 1)}, []string{"portti/b.toml:4:8", "the same port"}},
		"not what it takes": {map[string]string{"a.toml": "[uplink]\nurl = 7\n", "uplink-token": "canary"}, []string{"portti/a.toml:2:7"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := stickSite(t, c.files)
			code, out, errs := s.take(dir)
			answer := s.read(filepath.Join(dir, "portti", stickAnswer))
			if code != exitFailed || out != "" || !strings.Contains(answer, "has taken nothing") {
				t.Errorf("%d\n%s%s\n%s", code, out, errs, answer)
			}
			for _, want := range c.says {
				if !strings.Contains(answer, want) {
					t.Errorf("it does not say %q:\n%s", want, answer)
				}
			}
			if len(glob(t, filepath.Join(s.dir, "etc/*"))) != 1 {
				t.Error("something was written")
			}
			for name, text := range c.files {
				if s.read(filepath.Join(dir, "portti", name)) != text {
					t.Errorf("%s was changed", name)
				}
			}
		})
	}
}

func TestNothingToTake(t *testing.T) {
	s, dir := stickSite(t, nil)
	if code, out, errs := s.take(dir); code != exitOK || out+errs != "" {
		t.Errorf("no folder: %d %s%s", code, out, errs)
	}
	s.put(filepath.Join(dir, "portti/._notes.txt"), "x")
	if code, out, errs := s.take(dir); code != exitOK || out+errs != "" || s.read(filepath.Join(dir, "portti", stickAnswer)) != "" {
		t.Errorf("no files: %d %s%s", code, out, errs)
	}
	if code, _, errs := s.take(filepath.Join(dir, "none")); code != exitFailed || !strings.Contains(errs, "cannot read what is on the stick") {
		t.Errorf("no stick: %d %s", code, errs)
	}
}

// TestStickLeadsNowhere (row 246): a link on a stick does not show or change a file of the machine.
func TestStickLeadsNowhere(t *testing.T) {
	s, dir := stickSite(t, map[string]string{"a.toml": stickDevice})
	outside := filepath.Join(s.dir, "shadow")
	s.put(outside, "canary\n")
	for _, name := range []string{"b.toml", stickToken, stickAnswer} {
		if err := os.Symlink(outside, filepath.Join(dir, "portti", name)); err != nil {
			t.Fatal(err)
		}
	}
	if code, out, errs := portti(t, "config", "import", dir, "-c", s.main); code != exitFailed || strings.Contains(out+errs, "canary") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if s.read(outside) != "canary\n" {
		t.Error("a file of the machine was changed")
	}
}

// brokenStick fails from an operation on, as one that is pulled out, or refuses writes.
type brokenStick struct {
	stick
	left     int
	readOnly bool
	cut      bool // the power fails instead
}

var errPulled = errors.New("input/output error")

func (b *brokenStick) step(writes bool) error {
	if b.readOnly {
		if writes {
			return errors.New("read-only file system")
		}
		return nil
	}
	if b.left--; b.left < 0 {
		if b.cut {
			panic(errPulled)
		}
		return errPulled
	}
	return nil
}

func (b *brokenStick) Files() (names, aside []string, err error) {
	if err := b.step(false); err != nil {
		return nil, nil, err
	}
	return b.stick.Files()
}

func (b *brokenStick) Read(name string) ([]byte, error) {
	if err := b.step(false); err != nil {
		return nil, err
	}
	return b.stick.Read(name)
}

func (b *brokenStick) Wipe(name string) error {
	if err := b.step(true); err != nil {
		return err
	}
	return b.stick.Wipe(name)
}

func (b *brokenStick) Remove(name string) error {
	if err := b.step(true); err != nil {
		return err
	}
	return b.stick.Remove(name)
}

func (b *brokenStick) Answer(text string) error {
	if err := b.step(true); err != nil {
		return err
	}
	return b.stick.Answer(text)
}

// takeBroken takes from a stick that fails.
func (s *site) takeBroken(dir string, b *brokenStick) (err error) {
	s.t.Helper()
	folder, err := openStick(dir)
	if err != nil || folder == nil {
		s.t.Fatal(folder, err)
	}
	defer folder.Close()
	b.stick = folder
	cmd := rootCmd(os.DirFS(s.dir))
	sub, _, _ := cmd.Find([]string{"config", "import"})
	sub.SetContext(s.t.Context())
	var out bytes.Buffer
	defer func() { s.said = out.String() }()
	sub.SetOut(&out)
	sub.SetErr(new(bytes.Buffer))
	if err := sub.ParseFlags([]string{"-c", s.main}); err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if recover() != nil {
			err = errPulled
		}
	}()
	return takeFrom(sub, b)
}

// TestStickPulledOut (row 245) at each of its operations, or the power cut there: either nothing was
// changed or all was taken, and the next time it is finished.
func TestStickPulledOut(t *testing.T) {
	for _, cut := range []bool{false, true} {
		for n := 0; ; n++ {
			s, dir := stickSite(t, wholeStick())
			err := s.takeBroken(dir, &brokenStick{left: n, cut: cut})
			taken := s.conf(movedServer) != ""
			if _, loads := config.Load(s.main, config.LoadOptions{}); loads != nil || taken != (s.conf(movedDevices) != "") {
				t.Fatalf("at %d: half of it was taken: %v", n, loads)
			}
			if err == nil {
				if n < 8 {
					t.Errorf("it was done after %d operations", n)
				}
				s.isTaken(dir)
				break
			}
			if code, out, errs := s.take(dir); code != exitOK {
				t.Fatalf("at %d, then: %d\n%s%s", n, code, out, errs)
			}
			if s.read(filepath.Join(dir, "portti", stickAnswer)) == "" { // all that can be missing then
				s.put(filepath.Join(dir, "portti", stickAnswer), "x")
			}
			s.isTaken(dir)
		}
	}
}

// TestReadOnlyStick (row 245): it is taken once, and says that the token is still there.
func TestReadOnlyStick(t *testing.T) {
	s, dir := stickSite(t, wholeStick())
	err := s.takeBroken(dir, &brokenStick{readOnly: true})
	if err == nil || !strings.Contains(err.Error(), "will not be taken again") || !strings.Contains(err.Error(), "token may still be on the stick") {
		t.Errorf("%v", err)
	}
	if out := s.said; !strings.Contains(out, "The gateway reads it when it starts") {
		t.Errorf("the gateway is not told:\n%s", out)
	}
	s.put(filepath.Join(s.dir, "etc/conf.d", movedDevices), "# by hand\n")
	if err := s.takeBroken(dir, &brokenStick{readOnly: true}); err != nil || s.conf(movedDevices) != "# by hand\n" {
		t.Errorf("the second start: %v %q", err, s.conf(movedDevices))
	}
}

// TestKilledWhileTaking (row 245) at each change of a file on the gateway: the next start finishes it.
func TestKilledWhileTaking(t *testing.T) {
	killed := 0
	for n := 1; ; n++ {
		s, dir := stickSite(t, wholeStick())
		folder := filepath.Join(s.dir, "etc/conf.d")
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		done := !killedAfter(t, n, folder, program(t, "config", "import", dir, "-c", s.main))
		if code, out, errs := s.take(dir); code != exitOK {
			t.Fatalf("killed at change %d, then: %d\n%s%s", n, code, out, errs)
		}
		if s.read(filepath.Join(dir, "portti", stickAnswer)) == "" {
			s.put(filepath.Join(dir, "portti", stickAnswer), "x")
		}
		s.isTaken(dir)
		if done {
			break
		}
		killed++
	}
	if killed == 0 {
		t.Error("none was killed: the test tested nothing")
	}
}

// TestStickThatCannotBePlaced (row 248): where the token or a file cannot be written, both stay as
// they were, and once it can be they are taken.
func TestStickThatCannotBePlaced(t *testing.T) {
	const old = "canary-before\n"
	for name, c := range map[string]struct {
		obstacle string // a folder with something in it, below the gateway's
		before   string // the token
	}{
		"the token":                     {"etc/credentials/uplink-token/in it", ""},
		"a file":                        {"etc/conf.d/" + movedServer + "/in it", ""},
		"a file, and there was a token": {"etc/conf.d/" + movedServer + "/in it", old},
		"the last of the files":         {"etc/conf.d/79-stick-token.toml/in it", old},
		"a file under its other name":   {"etc/conf.d/79-stick-token.toml.new/in it", old},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := stickSite(t, wholeStick())
			token, obstacle := filepath.Join(s.dir, "etc/credentials/uplink-token"), filepath.Join(s.dir, c.obstacle)
			if c.before != "" {
				s.put(token, c.before)
			}
			if err := os.MkdirAll(obstacle, 0o755); err != nil {
				t.Fatal(err)
			}
			code, out, errs := s.take(dir)
			answer := s.read(filepath.Join(dir, "portti", stickAnswer))
			if code != exitFailed || !strings.Contains(errs, "nothing was changed") || !strings.Contains(answer, "taken nothing") {
				t.Errorf("%d\n%s%s\n%s", code, out, errs, answer)
			}
			if s.conf(movedServer)+s.conf(movedDevices)+s.conf("79-stick-token.toml") != "" || s.read(token) != c.before {
				t.Errorf("half of it was taken: %q, token %q", glob(t, filepath.Join(s.dir, "etc/conf.d/*")), s.read(token))
			}
			if err := os.RemoveAll(filepath.Dir(obstacle)); err != nil {
				t.Fatal(err)
			}
			if code, out, errs = s.take(dir); code != exitOK {
				t.Fatalf("then: %d\n%s%s", code, out, errs)
			}
			s.isTaken(dir)
		})
	}
}

// TestPowerFailsInWipe (row 245): a token of zeros was taken before, and only has to be removed.
func TestPowerFailsInWipe(t *testing.T) {
	s, dir := stickSite(t, wholeStick())
	if code, out, errs := s.take(dir); code != exitOK {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	for _, left := range []map[string]string{{}, {"Site.TOML": stickServer, "devices.toml": stickDevice}} {
		left[stickToken] = strings.Repeat("\x00", 14)
		for name, text := range left {
			s.put(filepath.Join(dir, "portti", name), text)
		}
		if code, out, errs := s.take(dir); code != exitOK || out+errs != "" {
			t.Errorf("%d\n%s%s", code, out, errs)
		}
		s.isTaken(dir)
	}
	// Other settings next to it are taken.
	s.put(filepath.Join(dir, "portti", stickToken), "\x00\x00")
	s.put(filepath.Join(dir, "portti/log.toml"), "[log]\nlevel = \"warn\"\n")
	if code, out, errs := s.take(dir); code != exitOK || !strings.Contains(out, "portti/log.toml is now") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	s.isTaken(dir)
}
