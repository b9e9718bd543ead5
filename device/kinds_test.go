package device

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"portti/device/clock"
)

func testEnv() Env {
	return Env{
		Gateway: "XXXX00GTW00000001", Log: slog.New(slog.DiscardHandler),
		Clock: clock.Fake(clock.Now{Mono: 100_000, Unix: 1_796_000_000_000, Trusted: true}, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)),
	}
}

func TestKindsTable(t *testing.T) {
	names := Kinds().Names()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("not sorted and unique: %v", names)
	}
	for _, name := range names {
		if k, ok := Kinds().Named(name); !ok || k.Name != name {
			t.Errorf("%s is not found", name)
		}
		if slices.Contains(Planned(), name) {
			t.Errorf("%s is planned and there", name)
		}
	}
	if _, ok := Kinds().Named("none"); ok {
		t.Error("a kind that is not there was found")
	}
}

// TestPortOfAService: where its kind has one, a device needs no port.
func TestPortOfAService(t *testing.T) {
	c := Config{Name: "g", Type: "gpsd", ID: "XXXX03GPS00000001"}
	if err := Kinds().Check(c); err != nil {
		t.Fatal(err)
	}
	if err := Kinds().Check(Config{Name: "g", Type: "gps", ID: "XXXX03GPS00000001"}); err == nil {
		t.Error("a receiver without a port is let pass")
	}
	set, err := New([]Config{c}, func(string) (uint16, error) { return 1, nil }, nil, testEnv(), Tuning{})
	if err != nil {
		t.Fatal(err)
	}
	if got := set.Status()[0].Port; got != gpsdPort {
		t.Errorf("it reads %q", got)
	}
	c.Port = "tcp://192.0.2.7:2947"
	if got := Kinds().Filled(c).Port; got != c.Port {
		t.Errorf("%s became %s", c.Port, got)
	}
}
