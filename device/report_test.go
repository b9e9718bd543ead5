package device

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/device/clock"
	"portti/device/thingsee"
)

// reported plays readings through a reporter: "at:temp" or "at:temp,humd", in seconds,
// "-" for a field that is not there, "e" behind for an event. It gives what was sent.
func reported(t *testing.T, c Report, readings string) string {
	t.Helper()
	if errs := c.check(); errs != nil {
		t.Fatal(errs)
	}
	r := newReporter(&c)
	var sent []string
	var m thingsee.Message
	for _, text := range strings.Fields(readings) {
		at, values, _ := strings.Cut(text, ":")
		var seconds int64
		_, _ = fmt.Sscan(at, &seconds)
		m.Reset(thingsee.WeatherInfo, thingsee.EventTimed)
		if v, event := strings.CutSuffix(values, "e"); event {
			values, m.Event = v, thingsee.EventPowerOn
		}
		for i, v := range strings.Split(values, ",") {
			if v != "-" {
				m.Digits([]string{"temp", "humd"}[i], []byte(v))
			}
		}
		if out := r.pass(&m, tuid, 1000*seconds); out != nil {
			var got []string
			for f := out.Fields(); f.Next(); {
				got = append(got, string(f.Value))
			}
			sent = append(sent, at+":"+strings.Join(got, ","))
		}
	}
	return strings.Join(sent, " ")
}

func TestReport(t *testing.T) {
	temp := map[string]float64{"temp": 0.2}
	for _, row := range []struct {
		what     string
		c        Report
		readings string
		want     string
	}{
		{"inside the band, at its edge, outside", Report{Band: temp}, "0:0.6 1:0.7 2:0.8 3:0.81 4:0.7 5:0.60", "0:0.6 3:0.81 5:0.60"},
		{"slowly, each step inside", Report{Band: temp}, "0:20 1:20.1 2:20.2 3:20.3 4:20.4", "0:20 3:20.3"},
		{"any change", Report{Band: map[string]float64{"temp": 0}}, "0:1 1:1 2:1.0 3:1.1 4:1.1", "0:1 3:1.1"},
		{"another field than those with a band", Report{Band: temp}, "0:20,40 1:20,50 2:20.5,50", "0:20,40 2:20.5,50"},
		{"two bands", Report{Band: map[string]float64{"temp": 1, "humd": 5}}, "0:20,40 1:20,44 2:20,46 3:21.5,46", "0:20,40 2:20,46 3:21.5,46"},
		{"a field goes and comes", Report{Band: temp}, "0:20,40 1:-,40 2:-,40 3:20,40 4:20,40", "0:20,40 1:40 2:40 3:20,40"},
		{"no field with a band", Report{Band: temp}, "0:-,40 1:-,40", "0:40 1:40"},
		{"an event", Report{Band: temp}, "0:20 1:20e 2:20", "0:20 1:20"},
		{"at least", Report{Band: temp, AtLeast: "10s"}, "0:20 5:20 9:20 10:20 15:20 20:20", "0:20 10:20 20:20"},
		{"at most", Report{AtMost: "10s"}, "0:20 5:30 9:40 10:50 11:60", "0:20 10:50"},
		{"at most, and a change that waits for it", Report{Band: temp, AtMost: "10s"}, "0:20 5:30 9:30 10:30 12:40 20:30 21:30", "0:20 10:30"},
		{"once a minute", Report{Every: "1m"}, "0:1 20:2 40:3 60:4 80:5 121:6 190:7", "0:1 60:4 121:6 190:7"},
		{"the mean", Report{Every: "1m", Value: "mean"}, "0:10.0 20:20.0 40:30.0,40 60:41.0,41 80:0.0 120:1.0", "0:10.0 60:30.33,40.5 120:0.5"},
		{"the least", Report{Every: "1m", Value: "min"}, "0:10 20:-5 40:30 60:41", "0:10 60:-5"},
		{"the greatest", Report{Every: "1m", Value: "max"}, "0:10 20:-5.25 40:30 60:4", "0:10 60:30"},
		{"fields in turns", Report{Every: "1m", Value: "mean"}, "0:10 20:-,40 40:20 50:-,50 60:30 80:-,60 120:-,70", "0:10 60:25,45 120:65"},
		{"a long silence", Report{Every: "1m", Value: "mean"}, "0:10 20:20 500:2 510:3 560:4", "0:10 500:2 560:3.5"},
		{"a period without readings", Report{Every: "1m"}, "0:1 500:2 510:3 560:4", "0:1 500:2 560:4"},
	} {
		if got := reported(t, row.c, row.readings); got != row.want {
			t.Errorf("%s: %s\n got %s\nwant %s", row.what, row.readings, got, row.want)
		}
	}
}

// TestReportStreams: things and messages do not know of each other, and what gives way
// in the table is sent when it comes again.
func TestReportStreams(t *testing.T) {
	r := newReporter(&Report{Band: map[string]float64{"x": 1}})
	send := func(thing, id int) bool {
		return r.pass(message(id, thingsee.EventTimed), fmt.Sprint(thing), 1) != nil
	}
	for i := range maxReported {
		if !send(i, 1) {
			t.Fatalf("the first reading of %d was held back", i)
		}
	}
	if send(0, 1) || send(1, 1) || !send(0, 2) { // which takes the place of 2
		t.Error("held back what has not changed; another message is another stream")
	}
	if send(3, 1) || !send(2, 1) || send(0, 1) {
		t.Error("the one that was used least recently gives way, and no other")
	}
	if len(r.streams) != maxReported {
		t.Errorf("%d streams", len(r.streams))
	}
	n := 0
	for s := r.newest; s != nil; s = s.older {
		n++
	}
	for s := r.oldest; s != nil; s = s.newer {
		n++
	}
	if n != 2*maxReported {
		t.Errorf("%d links both ways", n)
	}
}

// TestReportInASet: what is held back is counted as that and nothing else, and its device
// lives; a silent one does not look like an unchanged one.
func TestReportInASet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine()
		c := linesConfig("panel", "/dev/fake")
		c.ExpectEvery = "10s"
		c.Report = &Report{Band: map[string]float64{"temp": 0.2}}
		w := watchOne(t, c, always(line))
		defer w.stop()
		for i := range 100 {
			line.feed <- fmt.Sprintf("temp=21.%d\n", i%2)
			time.Sleep(time.Second)
		}
		st := w.set.Status()[0]
		if st.Read != 1 || st.Withheld != 99 || st.Lost != 0 || st.Bad != 0 || st.LastAge > 2*time.Second {
			t.Errorf("%+v", st)
		}
		w.is("unchanged", Fine, "")
		time.Sleep(40 * time.Second)
		w.is("silent", Silent, CodeSilent)
		line.feed <- "temp=25\n"
		time.Sleep(time.Second)
		if st := w.set.Status()[0]; st.Read != 2 || st.Withheld != 99 {
			t.Errorf("%+v", st)
		}
	})
}

// TestReportKeepsTheMessage: the driver's message is its own again, and what was gathered
// has the thing, the gateway and the time of the last reading.
func TestReportKeepsTheMessage(t *testing.T) {
	sink := newSink()
	s, c := newStamp(sink, clock.Now{Mono: 1, Unix: floor, Trusted: true})
	s.report = newReporter(&Report{Every: "1m", Value: "mean"})
	m := &thingsee.Message{}
	for i := range 7 {
		m.Reset(thingsee.WeatherInfo, thingsee.EventTimed)
		m.Tuid = "TAG"
		m.Decimal("temp", int64(i), 1)
		before := string(m.Append(nil))
		o := s.put(m)
		if string(m.Append(nil)) != before || o.held != (i > 0 && i < 6) {
			t.Errorf("reading %d: %s became %s, %+v", i, before, m.Append(nil), o)
		}
		now := c.Now()
		now.Mono += 10_000
		now.Unix += 10_000
		c.Set(now)
	}
	want := fmt.Sprintf(`{"tsmId":12100,"tsmEv":10,"tsmTs":%d,"tsmTuid":"TAG","tsmGw":"GW","temp":0.35}`, (floor+60_000)/1000)
	if got := sink.all(); len(got) != 2 || got[1] != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// TestReportGathersManyNames: a stream whose fields have ever other names loses none.
func TestReportGathersManyNames(t *testing.T) {
	r := newReporter(&Report{Every: "1m", Value: "max"})
	var m thingsee.Message
	for i := range 4 * thingsee.MaxFields {
		m.Reset(thingsee.Generic, thingsee.EventTimed)
		name := fmt.Sprint("x", i)
		m.Int(name, int64(i))
		out := r.pass(&m, tuid, int64(i)*60_000)
		if out == nil || string(out.Append(nil)) != string(m.Append(nil)) {
			t.Fatalf("%s: %v", name, out)
		}
	}
}

// TestReportGathersNoAngles: of directions and places there is a last one, and no mean.
func TestReportGathersNoAngles(t *testing.T) {
	r := newReporter(&Report{Every: "1m", Value: "mean"})
	var m, out *thingsee.Message = &thingsee.Message{}, nil
	for i, heading := range []int64{0, 359, 1} {
		m.Reset(thingsee.GNSSDetail, thingsee.EventTimed)
		m.Int("lon", heading-180)
		m.Int("heading", heading)
		m.Int("speed", heading)
		out = r.pass(m, tuid, int64(i)*30_000)
	}
	if got := string(out.Append(nil)); !strings.HasSuffix(got, `"lon":-179,"heading":1,"speed":180}`) {
		t.Error(got)
	}
}

// TestReportOfWhatIsLost: a change that was lost has not been sent, so the next reading
// says it, though by then it is none.
func TestReportOfWhatIsLost(t *testing.T) {
	for reason, lose := range map[string]func(s *stamp, sink *memorySink, on bool){
		LostRate: func(s *stamp, _ *memorySink, on bool) {
			if s.rate = (bucket{}); on {
				s.rate = bucket{perSecond: 1, begun: true, last: 1 << 40}
			}
		},
		LostMemory: func(_ *stamp, sink *memorySink, on bool) { sink.full = on },
		LostIO: func(_ *stamp, sink *memorySink, on bool) {
			if sink.broken = nil; on {
				sink.broken = errors.New("broken")
			}
		},
	} {
		sink := newSink()
		s, _ := newStamp(sink, clock.Now{Mono: 1000, Unix: floor, Trusted: true})
		s.report = newReporter(&Report{Band: map[string]float64{"temp": 1}})
		m := &thingsee.Message{}
		put := func(temp int64) outcome {
			m.Reset(thingsee.WeatherInfo, thingsee.EventTimed)
			m.Int("temp", temp)
			return s.put(m)
		}
		put(20)
		lose(s, sink, true)
		if o := put(80); o.lost != reason {
			t.Fatalf("%s: %+v", reason, o)
		}
		lose(s, sink, false)
		if o := put(80); o.held || o.lost != "" {
			t.Errorf("%s: the change was never sent: %+v", reason, o)
		}
		if o := put(80); !o.held {
			t.Errorf("%s: and then it is one no more: %+v", reason, o)
		}
	}
}

func TestReportKeys(t *testing.T) {
	temp := map[string]float64{"temp": 1}
	for key, c := range map[string]Report{
		"report":            {},
		"report.at_least":   {Band: map[string]float64{}, AtLeast: "1m"},
		"report.band.temp":  {Band: map[string]float64{"temp": math.NaN()}},
		"report.band.tsmId": {Band: map[string]float64{"tsmId": 1}},
		"report.at_most":    {AtMost: "1"},
		"report.every":      {Every: "1m", Band: temp},
		"report.value":      {Every: "1m", Value: "median"},
	} {
		config := linesConfig("p", "/dev/ttyX")
		config.Report = &c
		var wrong *KeyError
		if err := Kinds().Check(config); !errors.As(err, &wrong) || wrong.Key != key {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestReportTimesThatContradict(t *testing.T) {
	c := Report{Band: map[string]float64{"temp": 1}, AtLeast: "5s", AtMost: "10s"}
	if errs := c.check(); len(errs) != 1 || !strings.Contains(errs[0].Error(), "shorter than at_most") {
		t.Error(errs)
	}
}

func TestReportAllocations(t *testing.T) {
	for _, c := range []*Report{nil, {Band: map[string]float64{"temp": 0.2}}, {Every: "1s", Value: "mean"}} {
		s, fake := newStamp(nullSink{}, clock.Now{Mono: 1, Unix: floor, Trusted: true})
		s.report = newReporter(c)
		m := &thingsee.Message{}
		i := int64(0)
		put := func() {
			i++
			fake.Set(clock.Now{Mono: 100 * i, Unix: floor + 100*i, Trusted: true})
			m.Reset(thingsee.WeatherInfo, thingsee.EventTimed)
			m.Decimal("temp", 215+i%9, 1)
			s.put(m)
		}
		for range 20 {
			put()
		}
		if n := testing.AllocsPerRun(1000, put); n != 0 {
			t.Errorf("%+v: %v allocations", c, n)
		}
	}
}

func BenchmarkStampReport(b *testing.B) {
	for name, c := range map[string]*Report{"held": {Band: map[string]float64{"temp": 0.2}}, "mean": {Every: "1h", Value: "mean"}} {
		b.Run(name, func(b *testing.B) {
			s, _ := newStamp(nullSink{}, clock.Now{Mono: 1, Unix: floor, Trusted: true})
			s.report = newReporter(c)
			m := message(12100, 10)
			m.Decimal("temp", 213, 1)
			b.ReportAllocs()
			for b.Loop() {
				s.put(m)
			}
		})
	}
}

// TestReportIsReloaded: another band begins the device anew, the same one leaves it be.
func TestReportIsReloaded(t *testing.T) {
	with := func(width float64) Config {
		c := linesConfig("a", "/p1")
		c.Report = &Report{Band: map[string]float64{"temp": width}}
		return c
	}
	onBench(t, []Config{with(0.2)}, func(t *testing.T, ports *bench, s *Set, _ *logText) {
		ports.feed("/p1")
		ports.feed("/p1")
		if got := become(t, s, with(0.2)).inWords(); got != "[] [] [] [a]" || s.Status()[0].Withheld != 1 {
			t.Errorf("%s, %+v", got, s.Status()[0])
		}
		if got := become(t, s, with(0.5)).inWords(); got != "[] [] [a] []" {
			t.Errorf("another band: %s", got)
		}
		ports.feed("/p1")
		ports.feed("/p1")
		if st := s.Status()[0]; st.Read != 1 || st.Withheld != 1 {
			t.Errorf("%+v", st)
		}
	})
}
