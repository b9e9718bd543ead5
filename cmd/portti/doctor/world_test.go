package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
)

// world is a machine made of files.
type world struct {
	*testing.T
	host *Host
	says map[string]string // what a program prints, by the begin of its command line
	ran  []string
}

func newWorld(t *testing.T) *world {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, says: map[string]string{}}
	w.host = &Host{Root: os.DirFS(dir), Path: dir, ConfigPath: "/srv/portti/portti.toml", Version: "1.2.0", Run: w.run,
		Now: func() time.Time { return time.Date(2027, 3, 4, 12, 0, 0, 0, time.UTC) }}
	return w
}

func (w *world) run(_ context.Context, name string, args ...string) (string, error) {
	line := strings.Join(append([]string{name}, args...), " ")
	w.ran = append(w.ran, line)
	for begin, out := range w.says {
		if strings.HasPrefix(line, begin) {
			return out, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (w *world) file(path, text string) {
	w.Helper()
	real := filepath.Join(w.host.Path, path)
	if err := os.MkdirAll(filepath.Dir(real), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(real, []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
	w.mode(path, 0o644) // whatever the umask
}

func (w *world) mode(path string, mode fs.FileMode) {
	w.Helper()
	if err := os.Chmod(filepath.Join(w.host.Path, path), mode); err != nil {
		w.Fatal(err)
	}
}

func (w *world) link(path, to string) {
	w.Helper()
	real := filepath.Join(w.host.Path, path)
	if err := os.MkdirAll(filepath.Dir(real), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.Symlink(to, real); err != nil {
		w.Fatal(err)
	}
}

// usb plugs an adapter in.
func (w *world) usb(tty, socket, vid, serial string) {
	top := "/sys/devices/usb1/" + socket
	w.file(top+"/idVendor", vid+"\n")
	w.file(top+"/idProduct", "6001\n")
	w.file(top+"/serial", serial+"\n")
	w.file(top+"/"+socket+":1.0/bInterfaceNumber", "00\n")
	w.file(top+"/"+socket+":1.0/"+tty+"/x", "")
	w.link("/sys/class/tty/"+tty+"/device", "../../../devices/usb1/"+socket+"/"+socket+":1.0/"+tty)
	w.file("/dev/"+tty, "")
	w.link("/dev/serial/by-id/usb-FTDI_"+serial+"-if00-port0", "../../"+tty)
}

const uplinkText = "[uplink]\nurl = \"wss://gw.acme.fi/ws\"\nauth = \"none\"\n"

// config gives the machine a configuration that ends with these lines.
func (w *world) config(text string) {
	w.Helper()
	w.file(w.host.ConfigPath, uplinkText+text)
	w.host.Config, w.host.ConfigErr = config.Load(w.host.ConfigPath, config.LoadOptions{Drafts: map[string][]byte{w.host.ConfigPath: []byte(uplinkText + text)}})
}

// devices are receivers at these ports, called d1, d2 and so on.
func (w *world) devices(ports ...string) {
	w.Helper()
	var b strings.Builder
	for i, p := range ports {
		fmt.Fprintf(&b, "[[device]]\nname = \"d%d\"\ntype = \"gps\"\nport = %q\nid = \"XXXX03GPS0000000%d\"\n", i+1, p, i+1)
	}
	w.config(b.String())
	if w.host.ConfigErr != nil {
		w.Fatal(w.host.ConfigErr)
	}
}

// service installs one whose user is in these groups: dialout is 20.
func (w *world) service(groups string) {
	w.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nportti:x:99990:99990::/:/bin/false\n")
	member := ""
	if groups != "" {
		member = "portti"
	}
	w.file("/etc/group", "root:x:0:\ndialout:x:20:"+member+"\nportti:x:99990:\n")
	w.file("/etc/systemd/system/portti.service", "[Service]\nUser=portti\nGroup=portti\nExecStart=/usr/bin/portti run -c /srv/portti/portti.toml\n")
	w.file("/usr/bin/portti", "")
}

// running has the gateway run for a day with these devices.
func (w *world) running(devices ...status.Device) *status.Document {
	w.host.Status = &status.Document{Running: true, Version: "1.2.0", UptimeS: 86400, Clock: status.Clock{Trusted: true, Source: "kernel"}, Devices: devices}
	return w.host.Status
}

func (w *world) problem(code string, severity status.Severity, subject, text string) {
	if w.host.Status == nil {
		w.running(status.Device{Name: "d1", Type: "gps", State: status.DeviceOK})
	}
	w.host.Status.Problems = append(w.host.Status.Problems, status.Problem{Code: code, Severity: severity, Subject: subject, Sentence: text,
		Actions: []string{"Do as the catalogue says"}, Commands: []string{""}})
}

// look runs one check.
func (w *world) look(id string) []Result {
	w.Helper()
	all := Checks()
	i := slices.IndexFunc(all, func(c Check) bool { return c.ID == id })
	if i < 0 {
		w.Fatalf("there is no check %s", id)
	}
	return Examine(w.Context(), w.host, all[i:i+1])
}

// row is one machine and what a check says of it first.
type row struct {
	id, name string
	make     func(w *world)
	want     Verdict
	says     string // in the sentence
	command  string // the first one advised
}

func try(t *testing.T, rows []row) {
	for _, c := range rows {
		t.Run(c.id+" "+c.name, func(t *testing.T) {
			w := newWorld(t)
			c.make(w)
			got := w.look(c.id)
			first := slices.DeleteFunc(slices.Concat(got[0].Commands), func(c string) bool { return c == "" })
			command := ""
			if len(first) > 0 {
				command = first[0]
			}
			if got[0].Verdict != c.want || !strings.Contains(got[0].Finding, c.says) || c.command != command {
				t.Errorf("got %s %q %q, wanted %s %q %q\nall: %+v", got[0].Verdict, got[0].Finding, command, c.want, c.says, c.command, got)
			}
			if c.want != Pass && len(got[0].Actions) == 0 && c.want != Skip {
				t.Error("no advice")
			}
		})
	}
}
