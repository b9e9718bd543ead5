package device

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/device/bluez"
)

// TestBLENotes: what the scan says of itself is shown, and the problem ends with it.
func TestBLENotes(t *testing.T) {
	d, err := newBLE(Config{ID: "XXXX03BLU00000001"}, Env{Gateway: "XXXX00GTW00000001"})
	if err != nil {
		t.Fatal(err)
	}
	out := &noteOut{on: map[string]bool{}}
	for _, step := range []struct {
		line, detail string
		stalled      bool
	}{
		{`{"mac":"CB:B8:33:4C:88:4F","rssi":-61,"adv":"1BFF99040512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F"}`, "1 tag heard", false},
		{`{"note":"restarted","seconds":30}`, "nothing heard for 30 s: the scan was begun again", false},
		{`{"note":"cycled","seconds":60,"why":"cannot switch the adapter \"hci0\" off"}`, `nothing heard for 60 s: the adapter was switched off and on (cannot switch the adapter "hci0" off)`, false},
		{`{"note":"stalled","seconds":90}`, "nothing heard for 90 s, whatever was done", true},
		{`{"note":"dropped","adverts":17}`, "17 advertisements could not be read in time", true},
		{`{"note":"heard"}`, "1 tag heard", false},
		{`{"note":"active","why":"odd"}`, "the scan is active: odd", false},
		{`{"mac":"CB:B8:33:4C:88:50","rssi":-61,"adv":"1BFF99040512FC5394C37C0004FFFC040CAC364200CDCBB8334C8850"}`, "2 tags heard; the scan is active: odd", false},
	} {
		d.(*ble).take([]byte(step.line), out)
		if out.detail != step.detail || out.on[codeBLEStalled] != step.stalled {
			t.Errorf("%s: %q %v", step.line, out.detail, out.on)
		}
	}
	if out.frames[OK] != 8 {
		t.Errorf("the frames are %v", out.frames)
	}
}

type noteOut struct {
	collect
	on map[string]bool
}

func (o *noteOut) Flag(code string, on bool) { o.on[code] = on }

// TestBLERefused: each reason has its code, and the end of a scan is that of a port.
func TestBLERefused(t *testing.T) {
	for reason, want := range map[bluez.Reason]OpenError{
		bluez.NoBlueZ: {State: Missing, Code: "BLE-NO-BLUEZ"}, bluez.NoAdapter: {State: Missing, Code: "BLE-NO-ADAPTER"},
		bluez.Blocked: {State: Busy, Code: "BLE-RFKILL"}, bluez.Forbidden: {State: Busy, Code: "BLE-RIGHTS"},
	} {
		got := bleRefused(fmt.Errorf("odd: %w", &bluez.Error{Reason: reason, Err: errors.New("odd")}))
		if got.State != want.State || got.Code != want.Code {
			t.Errorf("%d is %s %s", reason, got.State, got.Code)
		}
	}
	if got := bleRefused(errors.New("odd")); got.Code != "BLE-NO-BLUEZ" || got.Error() != "odd" {
		t.Errorf("another error is %s %s", got.Code, got)
	}
	for _, p := range scanProblems() {
		if len(p.Actions) == 0 {
			t.Errorf("%s says nothing to do", p.Code)
		}
	}
	for _, c := range []struct{ in, want error }{{bluez.ErrClosed, errInterrupted}, {os.ErrDeadlineExceeded, os.ErrDeadlineExceeded}, {errors.New("odd"), ErrGone}} {
		if got := bleEnd(c.in); !errors.Is(got, c.want) {
			t.Errorf("%v becomes %v", c.in, got)
		}
	}
}

// TestBLEOfNobody: phones and beacons around are no sign of another kind of device. A gateway
// that hears no tag is silent.
func TestBLEOfNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine()
		w := watchOne(t, Config{Name: "ble", Type: "ble"}, always(line))
		defer w.stop()
		phones := func(seconds int) {
			for range seconds {
				line.feed <- strings.Repeat(`{"mac":"60:87:57:4C:9B:C2","rssi":-78,"adv":"07FF4C0010020B00"}`+"\n", 3)
				time.Sleep(time.Second)
			}
		}
		phones(170)
		w.is("three minutes are not over", Silent, "")
		phones(20)
		w.is("no tag", Silent, codeBLESilent)
		line.feed <- `{"mac":"60:87:57:4C:9B:C2","rssi":-78,"adv":"?"}` + "\n"
		phones(200)
		w.is("one that is wrong makes it no garbage", Silent, codeBLESilent)
		line.feed <- `{"mac":"CB:B8:33:4C:88:4F","rssi":-61,"adv":"1BFF99040512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F"}` + "\n"
		phones(2)
		w.is("a tag", Fine, "")
	})
}
