//go:build peers

package bluez

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"portti/cross/testkit"
	"portti/device/bluez/mocktest"
)

// These tests run dbus-daemon and dbusmock's bluez5, which has BlueZ's interfaces and no
// radio. No test here or elsewhere has heard a radio.

const tag dbus.ObjectPath = hci0 + "/dev_CB_B8_33_4C_88_4F"

// says sets a property of the tag, which dbusmock signals.
func says(m *mocktest.Mock, name string, v dbus.Variant) { m.Do(tag, set, device1, name, v) }

// tape notes the signals that a scan gets, as testdata has them.
type tape struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *tape) connect(ctx context.Context, deliver func(Signal), lost func()) (Bus, error) {
	return SystemBus(ctx, func(s Signal) {
		p.mu.Lock()
		fmt.Fprintf(&p.text, "%s\t%s", s.Path, s.Name)
		for _, v := range s.Body {
			fmt.Fprintf(&p.text, "\t%s", dbus.MakeVariant(v))
		}
		p.text.WriteString("\n")
		p.mu.Unlock()
		deliver(s)
	}, lost)
}

// reads waits for a line that holds some text.
func reads(t *testing.T, l *Line, text string) (line string) {
	t.Helper()
	buf, got := make([]byte, 1), strings.Builder{}
	for !strings.HasSuffix(line, "\n") || !strings.Contains(line, text) {
		if strings.HasSuffix(line, "\n") {
			line = ""
		}
		n, err := l.Read(buf)
		if err != nil {
			t.Fatalf("no line with %s, but %s and %v", text, got.String(), err)
		}
		got.Write(buf[:n])
		line += string(buf[:n])
	}
	return line
}

var df5 = []byte{5, 0x12, 0xFC, 0x53, 0x94, 0xC3, 0x7C, 0, 4, 0xFF, 0xFC, 4, 0x0C, 0xAC, 0x36, 0x42, 0, 0xCD, 0xCB, 0xB8, 0x33, 0x4C, 0x88, 0x4F}

// TestMockBlueZ: adverts arrive from another program's objects, those of a wrong type too.
// With -update the signals are written to testdata.
func TestMockBlueZ(t *testing.T) {
	m := mocktest.New(t, "")
	m.Start("hci0")
	p := new(tape)
	l, err := Open(t.Context(), Options{Connect: p.connect})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	const name = "0B0952757576692038383446"
	// Its ManufacturerData is aa{qv}, and its RSSI -79.
	m.Do("/org/bluez", "org.bluez.Mock.AddDevice", "hci0", "CB:B8:33:4C:88:4F", "Ruuvi 884F")
	if got := reads(t, l, `"adv":"?"`); !strings.Contains(got, `"rssi":-79`) {
		t.Errorf("a new device gives %s", got)
	}
	says(m, "ManufacturerData", maker(map[uint16][]byte{0x0499: df5}))
	reads(t, l, `"rssi":-79,"adv":"1BFF99040512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F`+name+`"`)
	says(m, "RSSI", dbus.MakeVariant(int16(-61)))
	reads(t, l, `"rssi":-61,"adv":"`+name+`"`)
	says(m, "ServiceData", services(map[string][]byte{"0000fcd2-0000-1000-8000-00805f9b34fb": {0x40, 0, 1}}))
	reads(t, l, `"adv":"0616D2FC400001`+name+`"`)
	m.Do(tag, "org.freedesktop.DBus.Mock.EmitSignal", "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as", []dbus.Variant{
		dbus.MakeVariant(device1), dbus.MakeVariant(properties{"RSSI": rssi(-50), "ManufacturerData": maker(map[uint16][]byte{0x0499: {5}, 0x004C: {2}})}), dbus.MakeVariant([]string{})})
	reads(t, l, `"rssi":-50,"adv":"04FF4C000204FF990405`+name+`"`)
	m.Do(hci0, adapter1+".RemoveDevice", tag)
	m.Kill()
	buf := make([]byte, 1000)
	for err == nil {
		_, err = l.Read(buf)
	}
	if !strings.Contains(err.Error(), "bluetoothd ended") {
		t.Error(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if updating() {
		testkit.Golden(t, "testdata/dbusmock.signals", p.text.String())
	}
}

// TestMockRestart: after its end bluetoothd is not started by us, and found when it is back.
func TestMockRestart(t *testing.T) {
	m := mocktest.New(t, "")
	fails := func(reason Reason, o Options, says string) {
		t.Helper()
		_, err := Open(t.Context(), o)
		var why *Error
		if !errors.As(err, &why) || why.Reason != reason || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got: %v", says, err)
		}
	}
	fails(NoBlueZ, Options{}, "bluetoothd does not run")
	m.Start("")
	fails(NoAdapter, Options{Root: t.TempDir()}, "no adapter")
	m.Do("/org/bluez", "org.bluez.Mock.AddAdapter", "hci0", "gw")
	fails(NoAdapter, Options{Adapter: "hci7", Root: t.TempDir()}, "hci0 (00:01:02:03:04:05)")
	l, err := Open(t.Context(), Options{Adapter: "00:01:02:03:04:05"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if got := m.Do(hci0, "org.freedesktop.DBus.Properties.Get", adapter1, "Discovering"); got[0].(dbus.Variant).Value() != true {
		t.Error("no scan was begun")
	}
	m.Do("/org/bluez", "org.freedesktop.DBus.Mock.RemoveObject", hci0)
	m.Do("/", "org.freedesktop.DBus.Mock.EmitSignal", "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved", "oas", []dbus.Variant{dbus.MakeVariant(hci0), dbus.MakeVariant([]string{adapter1})})
	if _, err := l.Read(make([]byte, 1000)); err == nil || !strings.Contains(err.Error(), "hci0 is gone") {
		t.Error(err)
	}
	m.Kill()
	fails(NoBlueZ, Options{}, "bluetoothd does not run")
	m.KillBus()
	fails(NoBlueZ, Options{}, "cannot connect to the system bus")
}

// TestMockRights: a bus that does not let us talk to BlueZ, and the file of the package
// that makes it.
func TestMockRights(t *testing.T) {
	const denied = `<deny send_destination="org.bluez" send_interface="org.bluez.Adapter1"/>`
	m := mocktest.New(t, denied)
	m.Start("hci0")
	_, err := Open(t.Context(), Options{})
	var why *Error
	if !errors.As(err, &why) || why.Reason != Forbidden {
		t.Errorf("got: %v", err)
	}

	file, err := os.ReadFile("../../cross/package/files/dbus-portti.conf")
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	_, ours, _ := strings.Cut(string(file), "<busconfig>")
	ours, _, _ = strings.Cut(ours, "</busconfig>")
	ours = strings.Replace(ours, `user="portti"`, `user="`+me.Username+`"`, 1)
	m = mocktest.New(t, denied+"</policy>"+ours+`<policy context="default">`)
	m.Start("hci0")
	l, err := Open(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

// TestMockPassive: BlueZ can ask for the monitor, and give it up.
func TestMockPassive(t *testing.T) {
	m := mocktest.New(t, "")
	m.Start("hci0")
	m.Do(hci0, "org.freedesktop.DBus.Mock.AddProperty", manager1, "SupportedMonitorTypes", dbus.MakeVariant([]string{"or_patterns"}))
	m.Do(hci0, "org.freedesktop.DBus.Mock.AddMethod", manager1, "RegisterMonitor", "o", "", "")
	l, err := Open(t.Context(), Options{Passive: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if !l.isPassive() {
		t.Fatal(reads(t, l, "note"))
	}
	ours := l.bus.(systemBus).conn.Names()[0]
	call := m.Conn.Object(ours, monitorRoot).Call(managed, 0)
	if call.Err != nil {
		t.Fatal(call.Err)
	}
	objects := call.Body[0].(map[dbus.ObjectPath]map[string]map[string]dbus.Variant)
	props := objects[monitorPath][monitor1]
	if sig := props["Patterns"].Signature().String(); props["Type"].Value() != "or_patterns" || sig != "a(yyay)" {
		t.Errorf("the monitor is %v, its patterns %s", props, sig)
	}
	for _, method := range []string{"Activate", "DeviceFound", "DeviceLost"} {
		var args []any
		if method != "Activate" {
			args = append(args, tag)
		}
		if call := m.Conn.Object(ours, monitorPath).Call(monitor1+"."+method, 0, args...); call.Err != nil {
			t.Errorf("%s: %v", method, call.Err)
		}
	}
	for path, method := range map[dbus.ObjectPath]string{"/": managed, monitorRoot: monitor1 + ".Release", monitorPath: managed} {
		if call := m.Conn.Object(ours, path).Call(method, 0); call.Err == nil {
			t.Errorf("%s has %s", path, method)
		}
	}
	if call := m.Conn.Object(ours, monitorPath).Call(monitor1+".Release", 0); call.Err != nil {
		t.Error(call.Err)
	}
	reads(t, l, "BlueZ gave the passive scan up")
	testkit.Eventually(t, "the scan goes on as an active one", func() bool {
		return m.Do(hci0, "org.freedesktop.DBus.Properties.Get", adapter1, "Discovering")[0].(dbus.Variant).Value() == true
	})
}
