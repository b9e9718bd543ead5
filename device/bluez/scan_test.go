package bluez

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godbus/dbus/v5"
)

// switches makes a folder of rfkill with one entry each: type, name, soft, hard.
func switches(t *testing.T, entries ...[4]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for i, e := range entries {
		dir := filepath.Join(root, "sys/class/rfkill", fmt.Sprintf("rfkill%d", i))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for j, name := range []string{"type", "name", "soft", "hard"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(e[j]+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

// adapterAt adds an adapter.
func (f *fake) adapterAt(path dbus.ObjectPath, address string, powered bool) {
	f.objects[path] = map[string]map[string]dbus.Variant{adapter1: {"Address": dbus.MakeVariant(address), "Powered": dbus.MakeVariant(powered)}}
}

// TestOpen: the adapter, what is asked of BlueZ, and what is listened to.
func TestOpen(t *testing.T) {
	discovery := []string{"GetManagedObjects", "SetDiscoveryFilter", "StartDiscovery"}
	for name, c := range map[string]struct {
		prepare func(f *fake)
		o       Options
		adapter string
		calls   []string
		note    string
	}{
		"the only one": {nil, Options{}, "hci0 (B8:27:EB:00:00:01)", discovery, ""},
		"the first that is on": {func(f *fake) {
			f.adapterAt(hci0, "B8:27:EB:00:00:01", false)
			f.adapterAt("/org/bluez/hci1", "B8:27:EB:00:00:02", true)
		}, Options{}, "hci1 (B8:27:EB:00:00:02)", discovery, ""},
		"by name": {func(f *fake) { f.adapterAt("/org/bluez/hci1", "B8:27:EB:00:00:02", true) }, Options{Adapter: "hci1"}, "hci1 (B8:27:EB:00:00:02)", discovery, ""},
		"by address, off": {func(f *fake) { f.adapterAt("/org/bluez/hci1", "B8:27:EB:00:00:02", false) }, Options{Adapter: "b8:27:eb:00:00:02"}, "hci1 (B8:27:EB:00:00:02)",
			[]string{"GetManagedObjects", "Powered=true", "SetDiscoveryFilter", "StartDiscovery"}, ""},
		"it scans already": {func(f *fake) { f.fail["StartDiscovery"] = refusal("org.bluez.Error.InProgress") }, Options{}, "hci0 (B8:27:EB:00:00:01)", discovery, ""},
		"passive": {func(f *fake) {
			f.objects[hci0][manager1] = properties{"SupportedMonitorTypes": dbus.MakeVariant([]string{"or_patterns"})}
		}, Options{Passive: true}, "hci0 (B8:27:EB:00:00:01)", []string{"GetManagedObjects", "RegisterMonitor"}, ""},
		"passive where there is none": {nil, Options{Passive: true}, "hci0 (B8:27:EB:00:00:01)", discovery, `{"note":"active","why":"this BlueZ has no AdvertisementMonitorManager1"}` + "\n"},
	} {
		f := newFake(t)
		if c.prepare != nil {
			c.prepare(f)
		}
		l := f.scan(c.o)
		if got := l.Adapter(); got != c.adapter {
			t.Errorf("%s: %s, want %s", name, got, c.adapter)
		}
		if got := f.called(); !slices.Equal(got, c.calls) {
			t.Errorf("%s: %v, want %v", name, got, c.calls)
		}
		if got := waiting(t, l); got != c.note {
			t.Errorf("%s: %s, want %s", name, got, c.note)
		}
		if rules := strings.Join(f.rules, "\n"); strings.Count(rules, "path_namespace='"+string(l.path)+"'") != 2 || strings.Count(rules, "\n") != 3 {
			t.Errorf("%s: listened to are\n%s", name, rules)
		}
	}
}

// TestRefused: each thing that can be missing has its reason and its words, and the
// connection is closed.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(f *fake)
		o       Options
		reason  Reason
		says    string
	}{
		"no bus":              {func(f *fake) { f.fail["connect"] = os.ErrNotExist }, Options{}, NoBlueZ, "cannot reach bluetoothd: file does not exist"},
		"bus forbidden":       {func(f *fake) { f.fail["connect"] = os.ErrPermission }, Options{}, Forbidden, "permission"},
		"bluetoothd is away":  {func(f *fake) { f.away = true }, Options{}, NoBlueZ, "bluetoothd does not run"},
		"it goes meanwhile":   {func(f *fake) { f.fail["GetManagedObjects"] = refusal("org.freedesktop.DBus.Error.NameHasNoOwner") }, Options{}, NoBlueZ, "ask bluetoothd for its adapters"},
		"forbidden":           {func(f *fake) { f.fail["GetManagedObjects"] = refusal("org.freedesktop.DBus.Error.AccessDenied") }, Options{}, Forbidden, "ask bluetoothd for its adapters"},
		"no adapter":          {func(f *fake) { delete(f.objects, hci0) }, Options{}, NoAdapter, "bluetoothd has no adapter"},
		"no adapter, blocked": {func(f *fake) { delete(f.objects, hci0) }, Options{Root: switches(t, [4]string{"bluetooth", "thinkpad", "1", "0"})}, Blocked, "thinkpad is blocked by rfkill"},
		"another adapter":     {nil, Options{Adapter: "hci7"}, NoAdapter, "there is no adapter hci7, but hci0 (B8:27:EB:00:00:01)"},
		"another address":     {nil, Options{Adapter: "00:00:00:00:00:01"}, NoAdapter, "there is no adapter 00:00:00:00:00:01, but hci0"},
		"off, rfkill by BlueZ": {func(f *fake) {
			f.fail["Powered=true"] = refusal("org.bluez.Error.Blocked")
			f.adapterAt(hci0, "", false)
		}, Options{}, Blocked, "cannot switch the adapter hci0 on: blocked by rfkill"},
		"off, soft": {func(f *fake) {
			f.fail["Powered=true"] = refusal("org.bluez.Error.Failed")
			f.adapterAt(hci0, "", false)
		}, Options{Root: switches(t, [4]string{"wlan", "phy0", "1", "0"}, [4]string{"bluetooth", "hci0", "1", "0"})}, Blocked, "hci0 is blocked by rfkill (soft"},
		"off, hard": {func(f *fake) {
			f.fail["Powered=true"] = refusal("org.bluez.Error.Failed")
			f.adapterAt(hci0, "", false)
		}, Options{Root: switches(t, [4]string{"bluetooth", "hci0", "1", "1"})}, Blocked, "off by a switch of the machine"},
		"off, no reason": {func(f *fake) {
			f.fail["Powered=true"] = refusal("org.bluez.Error.Failed")
			f.adapterAt(hci0, "", false)
		}, Options{Root: switches(t, [4]string{"wlan", "phy0", "1", "1"})}, NoAdapter, "cannot switch the adapter hci0 on: no"},
		"off, not allowed": {func(f *fake) {
			f.fail["Powered=true"] = refusal("org.freedesktop.DBus.Error.AccessDenied")
			f.adapterAt(hci0, "", false)
		}, Options{Root: switches(t, [4]string{"bluetooth", "hci0", "1", "0"})}, Forbidden, "switch the adapter hci0 on"},
		"scan refused": {func(f *fake) { f.fail["StartDiscovery"] = refusal("org.bluez.Error.NotReady") }, Options{}, NoAdapter, "begin a scan with hci0"},
		"no words":     {func(f *fake) { f.fail["SetDiscoveryFilter"] = errors.New("odd") }, Options{}, NoBlueZ, "odd"},
	} {
		f := newFake(t)
		if c.prepare != nil {
			c.prepare(f)
		}
		c.o.Connect = f.connect
		if c.o.Root == "" {
			c.o.Root = t.TempDir()
		}
		l, err := Open(t.Context(), c.o)
		var why *Error
		if l != nil || !errors.As(err, &why) || why.Reason != c.reason || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if f.open {
			t.Errorf("%s: the connection is left open", name)
		}
	}
}

// TestHangs: a bluetoothd that does not answer is given up before the frame gives the
// opening up.
func TestHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fail["StartDiscovery"] = errHangs
		begin := time.Now()
		_, err := Open(t.Context(), Options{Connect: f.connect, Root: t.TempDir()})
		var why *Error
		if !errors.As(err, &why) || why.Reason != NoBlueZ || time.Since(begin) != openLimit || f.open {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

// TestEnds: whatever ends a scan, what was heard before is read first.
func TestEnds(t *testing.T) {
	for says, end := range map[string]func(f *fake){
		"bluetoothd ended": func(f *fake) { f.deliver(Signal{"/org/freedesktop/DBus", ownerIs, []any{"org.bluez", ":1.5", ""}}) },
		"adapter hci0 is gone": func(f *fake) {
			f.deliver(Signal{"/", removed, []any{hci0, []string{"org.freedesktop.DBus.Properties", adapter1}}})
		},
		"adapter hci0 was switched off": func(f *fake) {
			f.deliver(Signal{hci0, changed, []any{adapter1, properties{"Powered": dbus.MakeVariant(false)}, []string{}}})
		},
		"the system bus is gone": func(f *fake) { f.lost() },
	} {
		f := newFake(t)
		l := f.scan(Options{})
		f.hears(properties{"RSSI": rssi(-60)})
		f.deliver(Signal{"/", removed, []any{hci0 + "/dev_00_00_00_00_00_00", []string{device1}}})
		f.deliver(Signal{"/", removed, []any{dbus.ObjectPath("/org/bluez/hci1"), []string{adapter1}}})
		f.deliver(Signal{hci0, changed, []any{adapter1, properties{"Discovering": dbus.MakeVariant(false)}, []string{}}})
		end(f)
		buf := make([]byte, 1024)
		if n, err := l.Read(buf); err != nil || !strings.Contains(string(buf[:n]), "rssi") {
			t.Errorf("%s: %q, %v", says, buf[:n], err)
		}
		for range 2 {
			if n, err := l.Read(buf); n != 0 || err == nil || errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %q, %v", says, buf[:n], err)
			}
		}
		if err := l.Close(); err != nil || f.open {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// TestRead: what device.Port promises of Read, SetReadDeadline, Interrupt and Close.
func TestRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		l := f.scan(Options{})
		type got struct {
			text string
			err  error
			at   time.Duration
		}
		begin := time.Now()
		read := func(size int) chan got {
			c := make(chan got, 1)
			go func() {
				buf := make([]byte, size)
				n, err := l.Read(buf)
				c <- got{string(buf[:n]), err, time.Since(begin)}
			}()
			synctest.Wait()
			return c
		}
		c := read(10)
		time.Sleep(time.Minute)
		f.hears(properties{"RSSI": rssi(-60)})
		const line = `{"mac":"CB:B8:33:4C:88:4F","rssi":-60,"adv":""}` + "\n"
		if g := <-c; g.text != line[:10] || g.err != nil || g.at != time.Minute {
			t.Errorf("a line wakes the reader with %v", g)
		}
		f.hears(properties{"RSSI": rssi(-60)})
		if g := <-read(1000); g.text != line[10:]+line || g.err != nil {
			t.Errorf("the rest and the next line: %v", g)
		}
		for _, when := range []time.Duration{3 * time.Second, -time.Second, 5 * time.Second} { // the second is over already
			begin = time.Now()
			if err := l.SetReadDeadline(begin.Add(when)); err != nil {
				t.Fatal(err)
			}
			if g := <-read(10); !errors.Is(g.err, os.ErrDeadlineExceeded) || g.at != max(when, 0) {
				t.Errorf("a deadline in %v: %v", when, g)
			}
		}
		_ = l.SetReadDeadline(time.Time{})
		begin = time.Now()
		c = read(10)
		_ = l.SetReadDeadline(begin.Add(time.Hour)) // one that is moved under a Read
		_ = l.SetReadDeadline(begin.Add(time.Second))
		if g := <-c; !errors.Is(g.err, os.ErrDeadlineExceeded) || g.at != time.Second {
			t.Errorf("a deadline that is moved: %v", g)
		}
		_ = l.SetReadDeadline(time.Time{})
		begin = time.Now()
		c = read(10)
		_ = l.SetReadDeadline(begin.Add(-time.Second))
		if g := <-c; !errors.Is(g.err, os.ErrDeadlineExceeded) || g.at != 0 {
			t.Errorf("a deadline of the past: %v", g)
		}
		_ = l.SetReadDeadline(time.Time{})
		f.hears(properties{"RSSI": rssi(-60)})
		if g := <-read(10); g.err != nil {
			t.Errorf("a deadline that has passed leaves the line unusable: %v", g.err)
		}
		waiting(t, l)
		c = read(10)
		l.Interrupt()
		if g := <-c; !errors.Is(g.err, ErrClosed) {
			t.Errorf("interrupted: %v", g)
		}
		f.hears(properties{"RSSI": rssi(-60)})
		if g := <-read(10); !errors.Is(g.err, ErrClosed) {
			t.Errorf("read after that: %v", g)
		}
		if _, err := l.Write([]byte("x")); err == nil {
			t.Error("something was written to a radio")
		}
		l.Interrupt()
		if err := l.Close(); err != nil || f.open {
			t.Error(err)
		}
	})
}
