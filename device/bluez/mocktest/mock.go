// Package mocktest is a system bus of a test's own, on which dbusmock serves BlueZ's
// interfaces, without a radio. Only tests import it.
package mocktest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/godbus/dbus/v5"

	"portti/cross/testkit"
)

// Mock is a bus of its own, on which dbusmock may be bluetoothd.
type Mock struct {
	Conn *dbus.Conn // of the test

	t   *testing.T
	bus *exec.Cmd
	cmd *exec.Cmd
}

// New starts a bus with a policy: elements of a busconfig.
func New(t *testing.T, policy string) *Mock {
	t.Helper()
	testkit.NeedTool(t, "dbus-daemon")
	testkit.Need(t, "python3-dbusmock", exec.Command("/usr/bin/python3", "-c", "import dbusmock").Run())
	dir := t.TempDir()
	socket := filepath.Join(dir, "bus")
	config := `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=` + socket + `</listen><policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow send_type="signal"/><allow receive_sender="*"/>` + policy + `</policy></busconfig>`
	if err := os.WriteFile(filepath.Join(dir, "bus.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+socket)
	m := &Mock{t: t, bus: exec.Command("dbus-daemon", "--nofork", "--config-file="+filepath.Join(dir, "bus.conf"))}
	if err := m.bus.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.bus.Process.Kill(); _ = m.bus.Wait() })
	testkit.Eventually(t, "the bus listens", func() bool {
		var err error
		m.Conn, err = dbus.ConnectSystemBus()
		return err == nil
	})
	t.Cleanup(func() { _ = m.Conn.Close() })
	return m
}

// Start starts dbusmock with an adapter, none where that is "".
func (m *Mock) Start(adapter string) {
	m.t.Helper()
	m.cmd = exec.Command("/usr/bin/python3", "-m", "dbusmock", "--system", "--template", "bluez5")
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	cmd := m.cmd
	m.t.Cleanup(func() { _ = cmd.Process.Kill(); _, _ = cmd.Process.Wait() })
	testkit.Eventually(m.t, "dbusmock serves org.bluez", func() bool {
		return m.Conn.Object("org.bluez", "/org/bluez").Call("org.freedesktop.DBus.Introspectable.Introspect", 0).Err == nil
	})
	if adapter != "" {
		m.Do("/org/bluez", "org.bluez.Mock.AddAdapter", adapter, "gw")
	}
}

// Kill ends dbusmock as a crash does.
func (m *Mock) Kill() {
	_ = m.cmd.Process.Kill()
	_, _ = m.cmd.Process.Wait()
}

// Do calls a method of BlueZ, or of dbusmock behind it, which must succeed.
func (m *Mock) Do(path dbus.ObjectPath, method string, args ...any) []any {
	m.t.Helper()
	call := m.Conn.Object("org.bluez", path).Call(method, 0, args...)
	if call.Err != nil {
		m.t.Fatalf("%s: %v", method, call.Err)
	}
	return call.Body
}

// KillBus ends the bus.
func (m *Mock) KillBus() {
	_ = m.bus.Process.Kill()
	_ = m.bus.Wait()
}
