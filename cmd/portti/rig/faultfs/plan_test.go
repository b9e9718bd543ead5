package faultfs

import (
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// decisions are those about the first n calls of a kind.
func decisions(p Plan, op Op, n uint64) (out []bool) {
	for k := range n {
		out = append(out, p.fails(op, k))
	}
	return out
}

func TestSeedDecides(t *testing.T) {
	p := Plan{Share: 5, Seed: 7}
	opens := decisions(p, Open, 5000)
	if !slices.Equal(opens, decisions(p, Open, 5000)) {
		t.Error("the same seed decides otherwise")
	}
	if slices.Equal(opens, decisions(p, Read, 5000)) || slices.Equal(opens, decisions(Plan{Share: 5, Seed: 8}, Open, 5000)) {
		t.Error("another kind of call or another seed decides the same")
	}
	failed := 0
	for _, f := range opens {
		if f {
			failed++
		}
	}
	if failed != 1000 {
		t.Errorf("%d of 5000 fail, one in five should", failed)
	}
	if all := decisions(Plan{}, Open, 100); slices.Contains(all, false) {
		t.Error("a plan without a share lets a call pass")
	}
}

func TestPlanIsAbout(t *testing.T) {
	c := &course{ready: true, plan: Plan{Calls: []Op{Open, Read}, Suffix: ".seg", Errno: syscall.EIO}}
	for _, call := range []struct {
		op   Op
		name string
		want syscall.Errno
	}{
		{Open, "a.seg", syscall.EIO},
		{Read, "a.seg", syscall.EIO},
		{Open, "a.seg.tmp", 0},
		{Open, "", 0},
		{Stat, "a.seg", 0},
	} {
		if got := c.answer(call.op, time.Now(), call.name); got != call.want {
			t.Errorf("%v of %q is answered with %d", call.op, call.name, got)
		}
	}
	if got := c.answer(Open, time.Now(), "b.tmp", "b.seg"); got != syscall.EIO {
		t.Errorf("a call with two names is answered with %d", got)
	}
	if got, want := c.String(), "input/output error: open 2 of 2, read 1 of 1"; got != want || c.struck() != 3 {
		t.Errorf("it counted %q", got)
	}
	c.off = true
	if got := c.answer(Open, time.Now(), "a.seg"); got != 0 {
		t.Errorf("a plan that is off answers with %d", got)
	}
}

func TestPlanBeginsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &course{plan: Plan{Calls: []Op{Read}, Errno: syscall.EIO, Trigger: Write, TriggerSuffix: ".seg", Lasts: 2 * time.Second}}
		ask := func(op Op, name string, want syscall.Errno) {
			t.Helper()
			if got := c.answer(op, time.Now(), name); got != want {
				t.Errorf("%v of %q is answered with %d", op, name, got)
			}
		}
		ask(Read, "a.seg", 0)
		ask(Write, "state", 0)
		ask(Read, "a.seg", 0)
		ask(Write, "a.seg", 0)
		time.Sleep(time.Hour) // it lasts from the first call that it answers
		ask(Read, "state", syscall.EIO)
		time.Sleep(time.Second)
		ask(Read, "a.seg", syscall.EIO)
		time.Sleep(time.Second)
		ask(Read, "a.seg", 0)
		if c.struck() != 2 {
			t.Error(c)
		}
	})
}
