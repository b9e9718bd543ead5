package config

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"portti/cross/testkit"
	"portti/device"
)

// load writes files into a folder and loads portti.toml from it; a file
// vendor.toml is the layer below. Paths in errors are relative to the folder.
func load(t *testing.T, files map[string]string, environ ...string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return Load("portti.toml", LoadOptions{Environ: environ, Vendor: "vendor.toml"})
}

// good is the shortest valid configuration.
const good = "[uplink]\nurl = \"wss://example.net/in\"\nauth = \"none\"\n"

const goodDevice = "[[device]]\nname = \"p\"\ntype = \"lines\"\nport = \"/dev/ttyUSB1\"\nid = \"T1\"\n"

// TestBadConfigurations holds every file in testdata against the exact
// text a user would see. Each is a txtar archive: files, an "env" and "want".
func TestBadConfigurations(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) < 10 {
		t.Fatalf("found %d archives: %v", len(archives), err)
	}
	for _, path := range archives {
		a := readArchive(t, path)
		home, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			files := maps.Clone(a.files)
			delete(files, "want")
			delete(files, "env")
			cfg, err := load(t, files, strings.Fields(a.files["env"])...)
			got := ""
			if err != nil {
				got = err.Error() + "\n"
			} else {
				for _, w := range cfg.Unfit {
					got += "unfit: " + w.String() + "\n"
				}
				for _, w := range cfg.Warnings {
					got += "warning: " + w.String() + "\n"
				}
			}
			a.set("want", got)
			testkit.Golden(t, home, a.text())
		})
	}
}

// Row 101: the mark that some editors put before UTF-8 is read past, in every layer, and
// UTF-16 is named.
func TestEncodings(t *testing.T) {
	const more = "[uplink]\nping_interval = \"7s\"\n"
	cfg, err := load(t, map[string]string{"portti.toml": "\ufeff" + good, "conf.d/10.toml": "\ufeff" + more})
	if err != nil || cfg.Uplink.PingInterval.D() != 7*time.Second {
		t.Errorf("with a mark: %v", err)
	}
	wide := func(order binary.AppendByteOrder, text string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune(text)) {
			b = order.AppendUint16(b, u)
		}
		return string(b)
	}
	for name, text := range map[string]string{
		"little": wide(binary.LittleEndian, "\ufeff"+good), "big": wide(binary.BigEndian, "\ufeff"+good),
		"little without a mark": wide(binary.LittleEndian, good), "big without a mark": wide(binary.BigEndian, good),
	} {
		if _, err := load(t, map[string]string{"portti.toml": text}); err == nil || !strings.Contains(err.Error(), "UTF-16") || !strings.Contains(err.Error(), "1 problem") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "\ufeff", "a"} {
		if doc, err := plainText([]byte(text)); err != nil || strings.HasPrefix(string(doc), "\ufeff") {
			t.Errorf("%q: %q, %v", text, doc, err)
		}
	}
}

func TestDefaultsStand(t *testing.T) {
	cfg, err := load(t, map[string]string{"portti.toml": good})
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Uplink.URL, want.Uplink.Auth = "wss://example.net/in", "none"
	if !same(cfg, want) {
		t.Errorf("got %+v\nwant %+v", cfg, want)
	}
	if cfg.Uplink.PingInterval.D() != 20*time.Second || cfg.Buffer.MaxSize != 200_000_000 || cfg.Buffer.CommitEvery.D() != time.Second {
		t.Errorf("defaults moved: %+v", cfg)
	}
	if cfg.Paths.Socket() != "/run/portti/portti.sock" {
		t.Errorf("socket %s", cfg.Paths.Socket())
	}
}

// same compares the settings alone.
func same(a, b *Config) bool {
	x, y := *a, *b
	x.Files, y.Files, x.Warnings, y.Warnings, x.Unfit, y.Unfit, x.origins, y.origins = nil, nil, nil, nil, nil, nil, nil, nil
	return reflect.DeepEqual(x, y)
}

func TestLayersWinInOrder(t *testing.T) {
	table := func(more string) string { return "[[device]]\nname = \"p\"\n" + more }
	cfg, err := load(t, map[string]string{
		"vendor.toml":          "[log]\nlevel = \"debug\"\nformat = \"json\"\n[buffer]\nmax_size = \"50MB\"\n",
		"portti.toml":          good + "[buffer]\nmax_age = \"2d\"\n[log]\nlevel = \"warn\"\n" + table("type = \"lines\"\nport = \"/dev/a\"\nid = \"T1\"\nbaud = 9600\nmap = {t = \"temp\"}\n"),
		"conf.d/20-last.toml":  table("baud = 4800\n[device.map]\nh = \"humd\"\n"),
		"conf.d/10-first.toml": table("baud = 1200\nport = \"/dev/b\"\n") + "[[device]]\nname = \"q\"\nenabled = false\n",
		"conf.d/.hidden.toml":  "nonsense",
		"conf.d/notes.txt":     "nonsense",
	}, "PORTTI_LOG__FORMAT=text", "PORTTI_UPLINK__BATCH_MAX_MESSAGES=7", "PORTTI_UPLINK__INSECURE=true", "PORTTI_BUFFER__COMMIT_EVERY=5s", "OTHER=1")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Log.Level != "warn" || cfg.Log.Format != "text" || cfg.Buffer.MaxSize != 50_000_000 || cfg.Buffer.MaxAge.D() != 48*time.Hour {
		t.Errorf("settings: %+v %+v", cfg.Log, cfg.Buffer)
	}
	if cfg.Uplink.BatchMaxMessages != 7 || !cfg.Uplink.Insecure || cfg.Buffer.CommitEvery.D() != 5*time.Second {
		t.Errorf("environment: %+v", cfg.Uplink)
	}
	p := cfg.Devices[0]
	if len(cfg.Devices) != 2 || p.Baud != 4800 || p.Port != "/dev/b" || p.ID != "T1" || !reflect.DeepEqual(p.Options.(*device.LinesOptions).Map, map[string]string{"t": "temp", "h": "humd"}) {
		t.Errorf("devices: %+v", cfg.Devices)
	}
	if on := cfg.ActiveDevices(); len(on) != 1 || on[0].Name != "p" {
		t.Errorf("active: %+v", on)
	}
	for key, want := range map[string]string{
		"device.p.baud": "conf.d/20-last.toml:3", "device.p.port": "conf.d/10-first.toml:4", "device.p.id": "portti.toml:12",
		"log.format": "environment PORTTI_LOG__FORMAT", "buffer.max_size": "vendor.toml:5", "uplink.ack": "default",
		"device.p.map.h": "conf.d/20-last.toml:5",
	} {
		if got := cfg.Origin(key).String(); got != want {
			t.Errorf("origin of %s is %s, want %s", key, got, want)
		}
	}
	if want := []string{"vendor.toml", "portti.toml", "conf.d/10-first.toml", "conf.d/20-last.toml"}; !reflect.DeepEqual(cfg.Files, want) {
		t.Errorf("files %v", cfg.Files)
	}
}

func TestMissingIsNotWrong(t *testing.T) {
	_, err := load(t, nil)
	if !errors.Is(err, ErrNotConfigured) {
		t.Errorf("nothing there: %v", err)
	}
	if cfg, err := load(t, map[string]string{"portti.toml": ""}); err != nil || len(cfg.Uplink.Addresses()) != 0 || len(cfg.Warnings) != 2 {
		t.Errorf("an empty file, which has neither a device nor a server: %v", err)
	}
	if cfg, err := load(t, map[string]string{"conf.d/a.toml": good}); err != nil || cfg == nil {
		t.Errorf("conf.d alone: %v", err)
	}
}

// A folder that is there and cannot be listed is not an empty one.
func TestUnreadableFolderIsNamed(t *testing.T) {
	dir := t.TempDir()
	main, more := filepath.Join(dir, "portti.toml"), filepath.Join(dir, "conf.d")
	if err := errors.Join(os.WriteFile(main, []byte(good), 0o600), os.Symlink(more, more)); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(main, LoadOptions{}); err == nil || !strings.Contains(err.Error(), more+": cannot be read: ") {
		t.Errorf("a loop of links: %v", err)
	}
}

func TestUnreadableFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir, LoadOptions{}); err == nil || !strings.Contains(err.Error(), dir+": cannot be read: ") {
		t.Errorf("a folder: %v", err)
	}
	big := filepath.Join(dir, "big.toml")
	if err := os.WriteFile(big, bytes.Repeat([]byte("# padding\n"), maxFile/10+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big, LoadOptions{}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a huge file: %v", err)
	}
}

func TestSocketIsFoundInABrokenConfiguration(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.toml")
	text := "[uplink]\nbogus = 1\nurl = what\n[paths]\nrun = \"/tmp/r\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := SocketOf(path, LoadOptions{}); err != nil || got != "/tmp/r/portti.sock" {
		t.Errorf("%s %v", got, err)
	}
	if got, err := SocketOf(path, LoadOptions{Environ: []string{"PORTTI_PATHS__RUN=/e"}}); err != nil || got != "/e/portti.sock" {
		t.Errorf("%s %v", got, err)
	}
	if _, err := SocketOf(filepath.Join(dir, "none.toml"), LoadOptions{}); err == nil {
		t.Error("a file that was named and is not there must be an error")
	}
}

// TestSecretsStayHidden: what looks like a secret is in no error and in no
// output, wherever in the file it was put.
func TestSecretsStayHidden(t *testing.T) {
	const canary, hexCanary = "K4n4ry", "ca0a4f"
	const tag = "[[device]]\nname = \"t\"\ntype = \"ble-bridge\"\nport = \"/dev/ttyUSB1\"\n"
	for name, file := range map[string]string{
		"key":           good + "token = \"" + canary + "\"\n",
		"inline":        good + "backoff = { base = 1, password = \"" + canary + "\" }\n",
		"bare":          good + "token = " + canary + "\n",
		"fragment":      "[uplink]\nurl = \"wss://h/p#" + canary + "\"\n",
		"query":         "[uplink]\nurl = \"http://h/p?token=" + canary + "\"\n",
		"user":          "[uplink]\nurl = \"wss://u:" + canary + "@h/p\"\n",
		"not a url":     "[uplink]\nurl = \"wss://h:x/p?token=" + canary + "\"\n",
		"unfinished":    "[uplink]\nurl = \"wss://h/p?token=" + canary + "\n",
		"proxy":         good + "proxy = \"ftp://u:" + canary + "@h\"\n",
		"tag's key":     good + tag + "keys = { \"A4:C1:38:8D:18:B2\" = \"" + canary + "\", 'A4C1388D18B3' = '" + canary + "' }\n",
		"dotted":        good + tag + "keys.\"A4:C1:38:8D:18:B2\" = \"231d39c1d7cc1ab1aee224cd09" + canary + "\"\n",
		"tag's line":    good + tag + "[device.keys]\n\"A4:C1:38:8D:18:B2\" = \"231d39c1d7cc1ab1aee224cd09" + canary + "\"\n",
		"swapped":       good + tag + "keys = { \"231d39c1d7cc1ab1aee224cd0" + hexCanary + "\" = \"A4:C1:38:8D:18:B2\" }\n",
		"swapped, bare": good + tag + "[device.keys]\n231d39c1d7cc1ab1aee224cd0" + hexCanary + " = \"A4:C1:38:8D:18:B2\"\n",
		"twice":         good + "url = \"wss://h/p?a=" + canary + "\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, map[string]string{"portti.toml": file})
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), hexCanary) {
				t.Errorf("shown:\n%v", err)
			}
		})
	}
	cfg, err := load(t, map[string]string{"portti.toml": "[uplink]\nurl = \"wss://u:" + canary + "@h/p?token=" + canary + "\"\nauth = \"none\"\nproxy = \"http://u:" + canary + "@p\"\n"})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := cfg.Show(&out, true); err != nil || strings.Contains(out.String(), canary) || !strings.Contains(out.String(), "token=«set, 6 characters»") {
		t.Errorf("show: %v\n%s", err, out.String())
	}
	_, err = load(t, map[string]string{"portti.toml": good}, "PORTTI_UPLINK__URL=wss://h/?token="+canary, "PORTTI_UPLINK__TOKEN="+canary)
	if err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("environment: %v", err)
	}
}

// A device's own keys hold wherever its type stands.
func TestTypeInALaterFile(t *testing.T) {
	cfg, err := load(t, map[string]string{
		"portti.toml":      good + "[[device]]\nname = \"p\"\nport = \"/dev/ttyUSB1\"\nid = \"T1\"\nmessage = 12100\n",
		"conf.d/type.toml": "[[device]]\nname = \"p\"\ntype = \"lines\"\nextra = \"drop\"\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := cfg.Devices[0].Options.(*device.LinesOptions); !ok || o.Message != 12100 || o.Extra != "drop" {
		t.Errorf("%+v", cfg.Devices[0].Options)
	}
}

// A file that breaks off is one mistake: what may have stood behind is not missed.
func TestFileThatBreaksOff(t *testing.T) {
	_, err := load(t, map[string]string{"portti.toml": good + "[[device]]\nname = \"p\"\ntype = \"gps\"\nport = \"/dev/ttyUSB1\"\nid = "})
	var e *Error
	if !errors.As(err, &e) || len(e.Faults) != 1 {
		t.Errorf("%v", err)
	}
}

func TestSampleLoads(t *testing.T) {
	all := device.Kinds().Names()
	cases := [][]string{nil, slices.Concat(all, all)}
	for _, kind := range all {
		cases = append(cases, []string{kind})
	}
	for _, kinds := range cases {
		var out strings.Builder
		if err := Sample(&out, kinds); err != nil {
			t.Fatal(err)
		}
		cfg, err := load(t, map[string]string{"portti.toml": out.String()})
		if err != nil {
			t.Errorf("%v:\n%v", kinds, err)
			continue
		}
		if len(cfg.Devices) != len(kinds) {
			t.Errorf("%v: %d devices", kinds, len(cfg.Devices))
		}
		// Without its comments it says the same: what is commented out is the default.
		bare := strings.NewReplacer("\n# ", "\n").Replace(out.String())
		bare = strings.TrimPrefix(bare, strings.SplitAfterN(bare, "config_version", 2)[0])
		full, err := load(t, map[string]string{"portti.toml": "config_version" + dropProse(bare)})
		if err != nil {
			t.Errorf("%v with its comments taken away:\n%v\n%s", kinds, err, bare)
			continue
		}
		full.Gateway.Name = ""
		full.Devices, cfg.Devices = nil, nil
		if !same(cfg, full) {
			t.Errorf("the sample's comments are not the defaults:\n%+v\n%+v", cfg, full)
		}
	}
	if err := Sample(&strings.Builder{}, []string{"gsp"}); err == nil || !strings.Contains(err.Error(), `did you mean "gps"`) {
		t.Errorf("unknown kind: %v", err)
	}
}

// dropProse removes lines that are no settings and keys that need others.
func dropProse(text string) string {
	var keep []string
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "tags") || strings.HasPrefix(line, "only_tags") || strings.HasPrefix(line, "  ") {
			continue
		}
		keep = append(keep, line)
	}
	return strings.Join(keep, "\n")
}

// TestShowLoadsAgain: what config show prints is the same configuration.
func TestShowLoadsAgain(t *testing.T) {
	cfg, err := load(t, map[string]string{"portti.toml": `
[uplink]
url = "wss://example.net/in"
auth = "query"
token_file = "/t"
fence_hold = "90s"
max_message = "1000kB"
[uplink.backoff]
cap = "1h30m"
[gateway]
name = "Kuopio \"7\" \\ ääni"
[[device]]
name = "p.1"
type = "lines"
match = { vid = "0403", pid = "6001", serial = "A5" }
id = "T1"
dtr = false
rate_limit = 2.5
map = { "odd key" = "temp", t = "humd" }
scale = { t = 0.001, u = 2 }
[[device]]
name = "off"
enabled = false
`})
	if err != nil {
		t.Fatal(err)
	}
	for _, origins := range []bool{false, true} {
		var out strings.Builder
		if err := cfg.Show(&out, origins); err != nil {
			t.Fatal(err)
		}
		again, err := load(t, map[string]string{"portti.toml": out.String()})
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		if !same(cfg, again) {
			t.Errorf("changed:\n%+v\n%+v\n%s", cfg, again, out.String())
		}
	}
}

func TestTreeHasTheFilesForms(t *testing.T) {
	cfg, err := load(t, map[string]string{"portti.toml": good + "ping_interval = \"1m\"\n" + goodDevice})
	if err != nil {
		t.Fatal(err)
	}
	tree := cfg.Tree()
	up := tree["uplink"].(map[string]any)
	if up["ping_interval"] != "1m" || up["batch_max_bytes"] != "30kB" || tree["device"].([]any)[0].(map[string]any)["port"] != "/dev/ttyUSB1" {
		t.Errorf("%v", tree)
	}
	if o := cfg.Origins(); o["uplink.ping_interval"] != "portti.toml:4" {
		t.Errorf("%v", o)
	}
}

// TestSpeedToBeFound: the one speed that is no number is loaded, shown, and loaded again.
func TestSpeedToBeFound(t *testing.T) {
	text := good + "[[device]]\nname = \"g\"\ntype = \"gps\"\nport = \"/dev/ttyUSB1\"\nid = \"T1\"\nbaud = \"auto\"\n"
	for range 2 {
		cfg, err := load(t, map[string]string{"portti.toml": text})
		if err != nil || cfg.Devices[0].Baud != device.BaudAuto {
			t.Fatalf("%v, %+v", err, cfg)
		}
		text = cfg.Text()
		if !strings.Contains(text, "\nbaud = \"auto\"\n") {
			t.Fatal(text)
		}
	}
	for value, want := range map[string]string{`"fast"`: `must be a whole number, or "auto", found text`, "true": `must be a whole number, or "auto", found true`, `"9600"`: "remove the quotes"} {
		_, err := load(t, map[string]string{"portti.toml": strings.ReplaceAll(text, `"auto"`, value)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", value, err)
		}
	}
	_, err := load(t, map[string]string{"portti.toml": good + goodDevice + "baud = \"auto\"\n"})
	if err == nil || !strings.Contains(err.Error(), "cannot be found out for type lines") {
		t.Errorf("type lines: %v", err)
	}
}
