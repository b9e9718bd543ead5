//go:build peers

package device_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"portti/cross/testkit"
	"portti/device"
	"portti/device/clock"
)

// pymodbusServer is two units on a serial line: a meter as Eastron's SDM120 has its
// registers, and a sensor with two holding registers, a coil and a discrete input.
const pymodbusServer = `
import struct, sys
from pymodbus.server import StartSerialServer
from pymodbus.transaction import ModbusRtuFramer
from pymodbus.datastore import ModbusSparseDataBlock, ModbusSlaveContext, ModbusServerContext

meter = {a + 1: 0 for a in range(0, 80)}
for a, v in {0: 230.2, 6: 1.25, 12: -287.5, 18: 287.5, 24: 3.5, 30: -1.0, 70: 49.98, 72: 1234.567, 74: 0.01}.items():
    meter[a + 1], meter[a + 2] = struct.unpack(">HH", struct.pack(">f", v))
sensor = {101: 0xFF9C, 102: 480, 201: 0x5678, 202: 0x1234}
units = {
    1: ModbusSlaveContext(ir=ModbusSparseDataBlock(meter)),
    2: ModbusSlaveContext(hr=ModbusSparseDataBlock(sensor), co=ModbusSparseDataBlock({1: 1}), di=ModbusSparseDataBlock({8: 1})),
}
print("ready", flush=True)
StartSerialServer(context=ModbusServerContext(slaves=units, single=False), framer=ModbusRtuFramer,
    port=sys.argv[1], baudrate=19200, timeout=0.05, ignore_missing_slaves=True)
`

// joined makes two serial ports that are joined by a cable, and gives their paths.
func joined(t *testing.T) (a, b string) {
	t.Helper()
	var masters [2]*os.File
	var paths [2]string
	for i := range masters {
		master, slave, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		masters[i], paths[i] = master, slave.Name()
		t.Cleanup(func() { _, _ = master.Close(), slave.Close() })
	}
	go func() { _, _ = io.Copy(masters[0], masters[1]) }()
	go func() { _, _ = io.Copy(masters[1], masters[0]) }()
	return paths[0], paths[1]
}

// servePymodbus runs the two units until the test is over.
func servePymodbus(t *testing.T, path string) {
	t.Helper()
	const python = "/usr/bin/python3" // Debian's own, for which its packages are
	testkit.Need(t, "python3-pymodbus or python3-serial-asyncio", exec.Command(python, "-c", "import pymodbus, serial_asyncio").Run())
	script := filepath.Join(t.TempDir(), "units.py")
	if err := os.WriteFile(script, []byte(pymodbusServer), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, script, path)
	var said said
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	testkit.Eventually(t, "pymodbus serves", func() bool { return strings.Contains(said.String(), "ready") }, said.String)
}

// said is what a process wrote.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// keeper is a Sink that keeps records.
type keeper struct{ said }

func (k *keeper) Append(_ int64, _ byte, _ uint16, _ uint32, rec []byte) error {
	_, err := k.Write(append(rec, '\n'))
	return err
}
func (k *keeper) Lose(uint16, string, int) {}
func (k *keeper) Room() <-chan struct{}    { return nil }

// TestPymodbus reads two units that somebody else's program plays, over a line between
// two pseudo-terminals; a third one is not there.
func TestPymodbus(t *testing.T) {
	near, far := joined(t)
	servePymodbus(t, far)
	tenth := 0.1
	c := device.Config{Name: "meters", Type: "modbus", Port: near, Baud: 19200, Parity: "even", Options: &device.ModbusOptions{
		Timeout: "500ms",
		Units: map[string]device.ModbusUnit{
			"main": {Address: 1, ID: "XXXX03MTR00000001", Map: "sdm120", Every: "200ms"},
			"room": {Address: 2, ID: "XXXX03MTR00000002", Every: "200ms"},
			"lost": {Address: 9, ID: "XXXX03MTR00000009", Map: "sdm120", Every: "200ms"},
		},
		Registers: map[string]device.ModbusRegister{
			"temp":    {Address: 100, Type: "i16", Scale: &tenth},
			"humd":    {Address: 101, Scale: &tenth},
			"counter": {Address: 200, Type: "u32", WordOrder: "little"},
			"relay":   {Table: "coil"},
			"door":    {Table: "discrete", Address: 7},
			"beyond":  {Address: 300},
		},
	}}
	sink := &keeper{}
	env := device.Env{Gateway: "XXXX00GTW00000001", Log: slog.New(slog.DiscardHandler), Clock: clock.Fake(clock.Now{Mono: 1000, Unix: 1_796_000_000_000, Trusted: true}, time.Unix(0, 0))}
	set, err := device.New([]device.Config{c}, func(string) (uint16, error) { return 1, nil }, sink, env, device.Tuning{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); set.Run(ctx) }()
	defer func() { stop(); <-done }()
	look := func() string { return sink.String() + set.Status()[0].Detail + " " + set.Status()[0].LastErr }
	for what, want := range map[string]string{
		"the meter":           `"tsmTuid":"XXXX03MTR00000001","tsmGw":"XXXX00GTW00000001","voltage":230.2,"current":1.25,"power":-287.5,"apparentPower":287.5,"reactivePower":3.5,"powerFactor":-1,"frequency":49.98,"energyImport":1234.567,"energyExport":0.01}`,
		"the sensor's values": `"tsmTuid":"XXXX03MTR00000002","tsmGw":"XXXX00GTW00000001","humd":48,"temp":-10}`,
		"its counter":         `"counter":305419896,"door":1,"relay":1}`,
	} {
		testkit.Eventually(t, what+" is read three times", func() bool { return strings.Count(sink.String(), want) >= 3 }, look)
	}
	testkit.Eventually(t, "the third unit is missed, and the refused register named", func() bool {
		d := set.Status()[0].Detail
		return strings.Contains(d, "lost does not answer (") && strings.Contains(d, "room: exception 2, illegal data address (")
	}, look)
	st := set.Status()[0]
	if st.Bad != 0 || st.State != device.Fine || !strings.Contains(strings.Join(st.Flags, " "), "MOD-SILENT") {
		t.Errorf("%+v", st)
	}
	t.Logf("%d readings, frames %v; %s", st.Read, st.Frames, st.Detail)
}
