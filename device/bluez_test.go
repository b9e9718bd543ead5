package device_test

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"portti/device"
	"portti/device/clock"
)

// records is a sink that keeps what it gets.
type records struct {
	mu   sync.Mutex
	text []string
}

func (r *records) Append(_ int64, _ byte, _ uint16, _ uint32, rec []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, string(rec))
	return nil
}
func (r *records) Lose(uint16, string, int) {}
func (r *records) Room() <-chan struct{}    { return nil }

func (r *records) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text
}

func newBLEEnv() device.Env {
	return device.Env{Gateway: "XXXX00GTW00000001", Log: slog.New(slog.DiscardHandler),
		Clock: clock.Fake(clock.Now{Mono: 100_000, Unix: 1_796_000_000_000, Trusted: true}, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))}
}

// TestBlueZAway: without a system bus the device says what is missing, and stops at once.
func TestBlueZAway(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+t.TempDir()+"/none")
	_, err := named("ble").Open(t.Context(), device.Config{Type: "ble"})
	var oe *device.OpenError
	if !errors.As(err, &oe) || oe.State != device.Missing || oe.Code != "BLE-NO-BLUEZ" || !strings.Contains(err.Error(), "system bus") {
		t.Errorf("got: %v", err)
	}
}

// TestBlueZHasNoPort: keys of a serial port are refused, and the adapter is shown in its place.
func TestBlueZHasNoPort(t *testing.T) {
	yes := true
	for key, c := range map[string]device.Config{
		"port": {Port: "/dev/ttyUSB0"}, "match": {Match: &device.Match{VID: "0403"}}, "baud": {Baud: 9600}, "dtr": {DTR: &yes}, "rts": {RTS: &yes},
	} {
		c.Name, c.Type = "ble", "ble"
		var wrong *device.KeyError
		if err := device.Kinds().Check(c); !errors.As(err, &wrong) || wrong.Key != key {
			t.Errorf("%s: %v", key, err)
		}
	}
	set, err := device.New([]device.Config{{Name: "ble", Type: "ble", Options: &device.BLEOptions{Adapter: "hci1"}}},
		func(string) (uint16, error) { return 1, nil }, new(records), newBLEEnv(), device.Tuning{})
	if err != nil {
		t.Fatal(err)
	}
	if s := set.Status()[0]; s.Port != "Bluetooth adapter hci1" {
		t.Errorf("the status has %q", s.Port)
	}
}
