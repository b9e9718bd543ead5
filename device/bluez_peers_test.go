//go:build peers

package device_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"portti/cross/testkit"
	"portti/device"
	"portti/device/bluez/mocktest"
)

// TestBlueZInAGateway: a device of type ble follows bluetoothd's life, and reads what
// dbusmock says. There is no radio behind it.
func TestBlueZInAGateway(t *testing.T) {
	m := mocktest.New(t, "")
	sink := new(records)
	set, err := device.New([]device.Config{{Name: "ble", Type: "ble"}}, func(string) (uint16, error) { return 1, nil }, sink, newBLEEnv(), device.Tuning{Pause: device.Pause / 20})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { set.Run(ctx); close(ended) }()
	defer func() { stop(); testkit.Receive(t, "the end of Run", ended) }()

	becomes := func(what string, ok func(s device.Status) bool) {
		t.Helper()
		testkit.Eventually(t, what, func() bool { return ok(set.Status()[0]) }, func() string {
			s := set.Status()[0]
			return string(s.State) + " " + s.Code + " " + s.LastErr
		})
	}
	missing := func(code string) func(s device.Status) bool {
		return func(s device.Status) bool { return s.State == device.Missing && s.Code == code }
	}
	becomes("no bluetoothd", missing("BLE-NO-BLUEZ"))
	m.Start("")
	becomes("no adapter", missing("BLE-NO-ADAPTER"))
	const tag = "/org/bluez/hci0/dev_CB_B8_33_4C_88_4F"
	for round := range 2 {
		if round > 0 {
			m.Start("")
		}
		m.Do("/org/bluez", "org.bluez.Mock.AddAdapter", "hci0", "gw")
		becomes("a scan", func(s device.Status) bool {
			return s.Resolved == "hci0 (00:01:02:03:04:05)" && s.State == device.Silent && s.Opened == uint64(round+1)
		})
		m.Do("/org/bluez", "org.bluez.Mock.AddDevice", "hci0", "CB:B8:33:4C:88:4F", "Ruuvi 884F")
		m.Do(tag, "org.freedesktop.DBus.Properties.Set", "org.bluez.Device1", "ManufacturerData", dbus.MakeVariant(map[uint16]dbus.Variant{0x0499: dbus.MakeVariant(
			[]byte{5, 0x12, 0xFC, 0x53, 0x94, 0xC3, 0x7C, 0, 4, 0xFF, 0xFC, 4, 0x0C, 0xAC, 0x36, 0x42, 0, 0xCD, 0xCB, 0xB8, 0x33, 0x4C, 0x88, 0x4F})}))
		becomes("readings", func(s device.Status) bool {
			return s.State == device.Fine && s.Read == uint64(4*(round+1)) && s.Frames[device.Malformed] == uint64(round+1) && s.Detail == "1 tag heard" && s.Port == "Bluetooth adapter"
		})
		m.Kill()
		becomes("no bluetoothd", missing("BLE-NO-BLUEZ"))
	}
	if got := sink.all(); !slices.ContainsFunc(got, func(r string) bool { return strings.Contains(r, `"temp":24.3,"humd":53.49,"airp":100044`) }) {
		t.Errorf("the readings are %s", strings.Join(got, "\n"))
	}
}
