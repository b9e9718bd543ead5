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
