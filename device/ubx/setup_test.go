package ubx

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// talk is a setup with a receiver that answers as told, in made-up time.
type talk struct {
	s    *Setup
	now  int64
	sent []string
	ask  func(f Frame) []Frame // what the receiver answers
}

// run lets time pass.
func (k *talk) run(ms int64) {
	for end := k.now + ms; k.now < end; k.now += 50 {
		b := k.s.Next(k.now)
		if b == nil {
			continue
		}
		_, f, _ := Next(b, true)
		k.sent = append(k.sent, fmt.Sprintf("%04x %x", f.ID, f.Payload))
		for _, a := range k.ask(f) {
			k.s.Hear(a, k.now+100)
		}
	}
}

func answer(id ID, payload ...byte) Frame { return Frame{Form: UBX, ID: id, Payload: payload} }

func versionOf(protocol string) Frame {
	p := make([]byte, 70)
	copy(p, "ROM")
	copy(p[40:], "PROTVER="+protocol)
	return answer(MonVER, p...)
}

// obeying acknowledges all but what refuse takes.
func obeying(protocol string, refuse func(f Frame) bool) func(f Frame) []Frame {
	return func(f Frame) []Frame {
		switch {
		case f.ID == MonVER:
			return []Frame{versionOf(protocol)}
		case f.ID == CfgGNSS && len(f.Payload) == 0:
			return []Frame{answer(CfgGNSS, 0, 32, 32, 2, 0, 8, 16, 0, 1, 0, 1, 0, 6, 8, 14, 0, 1, 0, 1, 0)}
		case refuse != nil && refuse(f):
			return []Frame{answer(AckNAK, byte(f.ID>>8), byte(f.ID))}
		}
		return []Frame{answer(AckACK, byte(f.ID>>8), byte(f.ID))}
	}
}

// TestSetupSends: what is sent to an old receiver and to a new one, byte for byte.
func TestSetupSends(t *testing.T) {
	plan := Plan{Interval: 200, Systems: []string{"gps"}, Messages: []string{"NAV-PVT", "-GSV"}}
	saved := plan
	saved.Save = true
	for name, row := range map[string]struct {
		plan     Plan
		protocol string
		want     []string
	}{
		"M8": {plan, "18.00", []string{"0a04 ", "063e ", "0608 c80001000100", "0601 010701", "0601 f00300",
			"063e 00202002000810000100010006080e0000000100"}},
		"M8, nothing to change in its constellations": {Plan{Systems: []string{"gps", "glonass"}}, "18.00", []string{"0a04 ", "063e "}},
		"u-blox 7, whose version stands apart":        {Plan{Interval: 1000}, " 14.00", []string{"0a04 ", "0608 e80301000100"}},
		"M8, saved":                                   {Plan{Messages: []string{"GGA"}, Save: true}, "18.00", []string{"0a04 ", "0601 f00001", "0609 000000001a0000000000000017"}},
		"M10": {plan, "34.10", []string{"0a04 ", "068a 0001000001002130c800020021300100",
			"068a 000100000700912001", "068a 000100000900912001", "068a 00010000c500912000", "068a 00010000c700912000",
			"068a 000100001f00311001", "068a 000100002000311000", "068a 000100002100311000", "068a 000100002200311000", "068a 000100002400311000", "068a 000100002500311000"}},
		"M10, saved": {Plan{Interval: 100, Save: true}, "34.10", []string{"0a04 ", "068a 000100000100213064000200213001" + "00", "068a 000600000100213064000200213001" + "00"}},
	} {
		k := &talk{s: NewSetup(row.plan), ask: obeying(row.protocol, nil)}
		k.run(60_000)
		if p, refused := k.s.Progress(); p != Done || len(refused) > 0 || !slices.Equal(k.sent, row.want) {
			t.Errorf("%s: progress %d, refused %v, sent\n%s\nwant\n%s", name, p, refused, strings.Join(k.sent, "\n"), strings.Join(row.want, "\n"))
		}
	}
}

// TestSetupRefused: one port, or one memory, is enough; what all refuse is said.
func TestSetupRefused(t *testing.T) {
	flash := func(f Frame) bool { return len(f.Payload) > 1 && f.Payload[1]&4 != 0 }
	usb := func(f Frame) bool { return bytes.HasPrefix(f.Payload[4:], []byte{9, 0, 0x91, 0x20}) }
	secure := func(f Frame) bool { return f.Payload[4] >= 0x35 && f.Payload[5] == 6 }
	for name, row := range map[string]struct {
		plan   Plan
		refuse func(Frame) bool
		want   string
	}{
		"no flash":    {Plan{Interval: 200, Save: true}, flash, ""},
		"no USB":      {Plan{Messages: []string{"NAV-PVT"}}, usb, ""},
		"no such one": {Plan{Messages: []string{"NAV-PVT", "SEC-SIG"}}, secure, "SEC-SIG"},
		"all of it":   {Plan{Interval: 25, Systems: []string{"gps"}}, func(Frame) bool { return true }, "rate, gps, sbas, galileo, beidou, qzss, glonass"},
	} {
		k := &talk{s: NewSetup(row.plan), ask: obeying("34.10", row.refuse)}
		k.run(60_000)
		p, refused := k.s.Progress()
		if got := strings.Join(refused, ", "); got != row.want || (p == Partly) != (row.want != "") {
			t.Errorf("%s: progress %d, refused %q", name, p, got)
		}
	}
}

// TestSetupDeaf: what is not answered is sent three times, and a receiver that never does is
// asked again later, ever more rarely.
func TestSetupDeaf(t *testing.T) {
	k := &talk{s: NewSetup(Plan{Interval: 200}), ask: func(Frame) []Frame { return nil }}
	k.run(20_000)
	if p, _ := k.s.Progress(); p != Unanswered || len(k.sent) != 3 {
		t.Errorf("progress %d after %v", p, k.sent)
	}
	k.run(3600_000)
	if n := len(k.sent); n < 20 || n > 40 {
		t.Errorf("asked %d times in an hour", n)
	}
	lost := 0
	k = &talk{s: NewSetup(Plan{Interval: 200, Messages: []string{"NAV-PVT"}}), ask: func(f Frame) []Frame {
		if lost++; lost%2 == 1 { // every other frame is lost on the way
			return nil
		}
		return obeying("18.00", nil)(f)
	}}
	k.run(60_000)
	if p, refused := k.s.Progress(); p != Done || len(refused) > 0 || len(k.sent) != 6 {
		t.Errorf("progress %d, refused %v, sent %v", p, refused, k.sent)
	}
}

// TestSetupLateAnswer: the second answer to what was sent twice is not taken for that to
// what is sent next.
func TestSetupLateAnswer(t *testing.T) {
	var held []Frame
	k := &talk{s: NewSetup(Plan{Messages: []string{"NAV-PVT", "NAV-DOP"}})}
	k.ask = func(f Frame) []Frame {
		switch {
		case f.ID == MonVER:
			return []Frame{versionOf("18.00")}
		case f.Payload[1] == 0x07 && held == nil: // the first time it answers late
			held = []Frame{answer(AckACK, 6, 1)}
			return nil
		case f.Payload[1] == 0x07:
			return append(held, answer(AckACK, 6, 1))
		}
		return []Frame{answer(AckNAK, 6, 1)}
	}
	k.run(30_000)
	if p, refused := k.s.Progress(); p != Partly || len(refused) != 1 || refused[0] != "NAV-DOP" {
		t.Errorf("progress %d, refused %v", p, refused)
	}
}

// TestSetupOfConstellations: a receiver before F9 acknowledges the question for its
// constellations too, which is no word on what it is told then; and one that it does not
// have is named.
func TestSetupOfConstellations(t *testing.T) {
	for _, refuses := range []bool{false, true} {
		s := NewSetup(Plan{Systems: []string{"gps"}})
		ask := obeying("18.00", func(f Frame) bool { return refuses && f.ID == CfgGNSS })
		for now := int64(0); now < 30_000; now += 50 {
			b := s.Next(now)
			if b == nil {
				continue
			}
			_, f, _ := Next(b, true)
			for _, a := range ask(f) {
				s.Hear(a, now)
			}
			if f.ID == CfgGNSS && len(f.Payload) == 0 { // which a slow line brings with the next bytes
				if s.Next(now+10) != nil {
					t.Error("it is told before it has acknowledged the question")
				}
				s.Hear(answer(AckACK, 6, 0x3E), now+20)
			}
		}
		p, refused := s.Progress()
		if refuses != (p == Partly) || refuses != slices.Equal(refused, []string{"constellations"}) {
			t.Errorf("refuses %v: progress %d, refused %v", refuses, p, refused)
		}
	}
	k := &talk{s: NewSetup(Plan{Systems: []string{"gps", "galileo"}}), ask: obeying("14.00", nil)}
	k.run(30_000)
	if p, refused := k.s.Progress(); p != Partly || !slices.Equal(refused, []string{"galileo"}) {
		t.Errorf("one that it does not have: progress %d, refused %v", p, refused)
	}
}

// TestSetupSavesOnce: a receiver that restarts again and again is set up each time, and its
// flash written once.
func TestSetupSavesOnce(t *testing.T) {
	k := &talk{s: NewSetup(Plan{Interval: 200, Save: true}), ask: obeying("34.10", nil)}
	for range 5 {
		k.run(30_000)
		k.s.Restarted(k.now)
	}
	k.run(30_000)
	saved, set := 0, 0
	for _, b := range k.sent {
		saved += strings.Count(b, "068a 0006")
		set += strings.Count(b, "068a 0001")
	}
	if saved != 1 || set != 6 {
		t.Errorf("set %d times, saved %d times:\n%s", set, saved, strings.Join(k.sent, "\n"))
	}
}

// TestSetupAgain: a receiver that has restarted is set up again, by whatever that shows.
func TestSetupAgain(t *testing.T) {
	pvt := answer(NavPVT, make([]byte, 92)...)
	alive := func(k *talk, f Frame) { // for a minute it sends f each second
		for range 60 {
			k.s.Came(k.now)
			k.s.Hear(f, k.now)
			k.run(1000)
		}
	}
	for name, row := range map[string]struct {
		restart func(k *talk)
		again   bool
	}{
		"nothing":       {func(*talk) {}, false},
		"its text":      {func(k *talk) { k.s.Hear(answer(InfNotice, []byte("u-blox AG - www.u-blox.com")...), k.now) }, true},
		"another text":  {func(k *talk) { k.s.Hear(answer(InfNotice, []byte("ANTSTATUS=OK")...), k.now) }, false},
		"its version":   {func(k *talk) { k.s.Hear(versionOf("18.00"), k.now) }, true},
		"what is lost":  {func(k *talk) { alive(k, answer(NavDOP, make([]byte, 18)...)) }, true},
		"silence alone": {func(k *talk) { k.run(60_000) }, false},
	} {
		k := &talk{s: NewSetup(Plan{Messages: []string{"NAV-PVT"}}), ask: obeying("18.00", nil)}
		k.run(10_000)
		before := len(k.sent)
		alive(k, pvt)
		row.restart(k)
		k.run(5000)
		if got := len(k.sent) > before; got != row.again {
			t.Errorf("%s: set up again %v, sent %v", name, got, k.sent[before:])
		}
	}
	// Where it does not help, it is tried ever more rarely.
	k := &talk{s: NewSetup(Plan{Messages: []string{"NAV-PVT"}}), ask: obeying("18.00", nil)}
	for range 60 {
		alive(k, answer(NavDOP, make([]byte, 18)...))
	}
	if n := len(k.sent) / 2; n < 5 || n > 12 {
		t.Errorf("set up %d times in an hour", n)
	}
}

func TestPlanCheck(t *testing.T) {
	for field, p := range map[string]Plan{
		"":               {Interval: 200, Systems: SystemNames(), Messages: append(MessageNames(), "-GSV")},
		"rate":           {Interval: 10},
		"constellations": {Systems: []string{"GPS"}},
		"messages":       {Messages: []string{"NAV-PVT", "+GSV"}},
	} {
		if got, err := p.Check(); got != field || (err == nil) != (field == "") {
			t.Errorf("%+v: %q %v", p, got, err)
		}
	}
	if !(Plan{Save: true}).Empty() || (Plan{Interval: 1}).Empty() {
		t.Error("empty")
	}
}
