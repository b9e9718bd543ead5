package doctor

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"portti/cmd/portti/status"
)

func TestExamine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan int)
		checks := []Check{
			{ID: "C01", Run: func(context.Context, *Host, *Report) {}},
			{ID: "C02", Run: func(_ context.Context, _ *Host, r *Report) { r.Warn("gps", "It hangs.", "Ask: `who`") }},
			{ID: "C03", Run: func(context.Context, *Host, *Report) { panic("oh") }},
			{ID: "C04", Run: func(context.Context, *Host, *Report) { <-hang }},
			{ID: "C05", Network: true, Run: func(ctx context.Context, _ *Host, r *Report) { <-ctx.Done(); r.Skip("no network") }},
			{ID: "C06", Run: func(_ context.Context, _ *Host, r *Report) { r.Fail("", "It is broken.", "Mend it"); r.Pass("x") }},
		}
		var got []string
		for _, res := range Examine(t.Context(), &Host{}, checks) {
			got = append(got, res.ID+" "+string(res.Verdict)+" "+res.Finding+strings.Join(res.Commands, ""))
		}
		close(hang)
		want := []string{"C06 fail It is broken.", "C02 warn It hangs.who", "C03 warn This check has a fault of its own and found nothing: oh.portti version",
			"C04 warn This check did not end within 3s.portti doctor --only C04",
			"C05 skip no network", "C01 pass in order", "C06 pass x"}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s", strings.Join(got, "\n"))
		}
	})
}

func TestChecksAreSound(t *testing.T) {
	var ids []string
	for _, c := range Checks() {
		ids = append(ids, c.ID)
		if c.Family == "" || c.Title == "" || c.Run == nil {
			t.Errorf("%s is not complete", c.ID)
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(ids)))) != len(ids) {
		t.Errorf("not unique: %v", ids)
	}
}

func TestSynchronised(t *testing.T) {
	for name, c := range map[string]struct {
		s    *status.Document
		want Verdict
	}{
		"pass": {&status.Document{Clock: status.Clock{Trusted: true, Source: "kernel"}}, Pass},
		"warn": {&status.Document{Clock: status.Clock{Reason: "no time server"}}, Warn},
		"skip": {nil, Skip},
	} {
		if got := Examine(t.Context(), &Host{Status: c.s}, clockChecks()[:1]); got[0].Verdict != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
