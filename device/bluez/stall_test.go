package bluez

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// ladder runs a test with a scan in which something was heard at the beginning, and
// steps: it looks at what was called and said a moment after a time.
func ladder(t *testing.T, prepare func(f *fake), test func(f *fake, hears func(), at func(after time.Duration, note string, calls ...string))) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		if prepare != nil {
			prepare(f)
		}
		l := f.scan(Options{})
		f.called()
		begin := time.Now()
		hears := func() { f.hears(properties{"RSSI": rssi(-60)}) }
		at := func(after time.Duration, note string, calls ...string) {
			t.Helper()
			time.Sleep(time.Until(begin.Add(after + time.Millisecond)))
			synctest.Wait()
			if note != "" {
				note += "\n"
			}
			if got := waiting(t, l); got != note {
				t.Errorf("after %v it says %q, want %q", after, got, note)
			}
			l.mu.Lock()
			if l.err != nil {
				t.Errorf("after %v the scan has ended: %v", after, l.err)
			}
			l.mu.Unlock()
			if got := f.called(); !slices.Equal(got, calls) {
				t.Errorf("after %v it calls %v, want %v", after, got, calls)
			}
		}
		test(f, hears, at)
	})
}

const heardLine = `{"mac":"CB:B8:33:4C:88:4F","rssi":-60,"adv":""}`

// TestStall: each step at its time, the last one again and again, and an end of it all.
func TestStall(t *testing.T) {
	again := []string{"StopDiscovery", "SetDiscoveryFilter", "StartDiscovery"}
	ladder(t, nil, func(_ *fake, hears func(), at func(time.Duration, string, ...string)) {
		hears()
		at(0, heardLine)
		at(29*time.Second, "")
		at(30*time.Second, `{"note":"restarted","seconds":30}`, again...)
		at(59*time.Second, "")
		at(60*time.Second, `{"note":"cycled","seconds":60}`, "StopDiscovery", "Powered=false", "Powered=true", "SetDiscoveryFilter", "StartDiscovery")
		at(89*time.Second, "")
		at(90*time.Second, `{"note":"stalled","seconds":90}`)
		at(389*time.Second, "")
		at(390*time.Second, "", again...)
		hears()
		at(391*time.Second, `{"note":"heard"}`+"\n"+heardLine)
		at(419*time.Second, "")
		at(421*time.Second, `{"note":"restarted","seconds":30}`, again...)
	})
}

// TestNoStall: a scan in which nothing was ever heard is a quiet place.
func TestNoStall(t *testing.T) {
	ladder(t, nil, func(_ *fake, _ func(), at func(time.Duration, string, ...string)) { at(time.Hour, "") })
}

// TestRareTag: a tag that speaks once a minute costs one needless step and no more.
func TestRareTag(t *testing.T) {
	ladder(t, nil, func(_ *fake, hears func(), at func(time.Duration, string, ...string)) {
		hears()
		at(0, heardLine)
		at(55*time.Second, `{"note":"restarted","seconds":30}`, "StopDiscovery", "SetDiscoveryFilter", "StartDiscovery")
		hears()
		at(55*time.Second+time.Millisecond, `{"note":"heard"}`+"\n"+heardLine)
		for n := range 20 {
			after := time.Duration(n+2) * 55 * time.Second
			at(after, "")
			hears()
			at(after+time.Millisecond, heardLine)
		}
		last := 21*55*time.Second + time.Millisecond
		at(last+109*time.Second, "")
		at(last+111*time.Second, `{"note":"restarted","seconds":110}`, "StopDiscovery", "SetDiscoveryFilter", "StartDiscovery")
	})
}

// TestStallFails: why a step failed is said with the next, and an adapter that stays off
// ends the scan.
func TestStallFails(t *testing.T) {
	ladder(t, func(f *fake) { f.fail["Powered=false"] = refusal("org.freedesktop.DBus.Error.AccessDenied") },
		func(_ *fake, hears func(), at func(time.Duration, string, ...string)) {
			hears()
			at(0, heardLine)
			at(30*time.Second, `{"note":"restarted","seconds":30}`, "StopDiscovery", "SetDiscoveryFilter", "StartDiscovery")
			const why = `,"why":"cannot switch the adapter hci0 off: no"}`
			at(60*time.Second, `{"note":"cycled","seconds":60`+why, "StopDiscovery", "Powered=false")
			at(90*time.Second, `{"note":"stalled","seconds":90`+why)
		})
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		l := f.scan(Options{})
		f.hears(properties{"RSSI": rssi(-60)})
		f.mu.Lock()
		f.fail["Powered=true"] = refusal("org.bluez.Error.Blocked")
		f.mu.Unlock()
		time.Sleep(61 * time.Second)
		waiting(t, l)
		if n, err := l.Read(make([]byte, 100)); err == nil {
			t.Errorf("%d bytes of an adapter that stays off", n)
		}
	})
}

// TestStallHangs: a bluetoothd that answers no more holds nothing up, not even Close.
func TestStallHangs(t *testing.T) {
	ladder(t, func(f *fake) { f.fail["StopDiscovery"] = errHangs },
		func(_ *fake, hears func(), at func(time.Duration, string, ...string)) {
			hears()
			at(0, heardLine)
			at(32*time.Second, "", "StopDiscovery")
			hears() // and what is heard meanwhile takes the step back
			at(33*time.Second, `{"note":"heard"}`+"\n"+heardLine, "SetDiscoveryFilter", "StartDiscovery")
			at(63*time.Second, "", "StopDiscovery")
		})
}

// TestCloseWhileOff: who ends the scan while the adapter is switched off and on leaves it on,
// and waits no longer than an answer may take.
func TestCloseWhileOff(t *testing.T) {
	for _, c := range []struct{ slow, most time.Duration }{{time.Second, 3 * time.Second}, {time.Minute, backLimit}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			l := f.scan(Options{})
			f.hears(properties{"RSSI": rssi(-60)})
			time.Sleep(59 * time.Second)
			f.mu.Lock()
			f.slow = c.slow
			f.mu.Unlock()
			time.Sleep(5*time.Second/2 + pauseLimit*time.Duration(c.slow/time.Minute)) // "off" was said, and is not answered yet
			begin := time.Now()
			_ = l.Close()
			if took := time.Since(begin); took > c.most {
				t.Errorf("closing takes %v", took)
			}
			calls := f.called()
			if !slices.Contains(calls, "Powered=false") || slices.Contains(calls, "Powered=true") != (c.slow == time.Second) {
				t.Errorf("it calls %v", calls)
			}
		})
	}
}

// TestMonitorReleased: BlueZ may give a passive scan up, and the scan goes on.
func TestMonitorReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.objects[hci0][manager1] = properties{"SupportedMonitorTypes": orPatterns()}
		l := f.scan(Options{Passive: true})
		f.called()
		f.deliver(Signal{monitorPath, monitorEnd, nil})
		synctest.Wait()
		if got := f.called(); !slices.Equal(got, []string{"SetDiscoveryFilter", "StartDiscovery"}) {
			t.Errorf("it calls %v", got)
		}
		if got := waiting(t, l); got != `{"note":"active","why":"BlueZ gave the passive scan up"}`+"\n" {
			t.Errorf("it says %s", got)
		}
	})
}
