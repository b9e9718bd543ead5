package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/cmd/portti/status"
)

// sampleDay is the last day of sample: it began 15 hours ago, and has each state of the link.
func sampleDay() status.History {
	now := sample().Time
	at := func(h, m int) time.Time { return time.Date(2026, 3, 4, h, m, 0, 0, time.UTC) }
	began := now.Add(-15 * time.Hour)
	h := status.History{Schema: 1, Time: now, Began: began.Unix(), Clock: true,
		Seconds: status.Series{At: []int64{}, Waiting: []uint64{}, Bytes: []int64{}, In: []uint64{}, Out: []uint64{}, Lost: []uint64{}, Online: []int{}}}
	span := func(state, code string, from, to time.Time) {
		h.Links = append(h.Links, status.LinkSpan{State: state, Code: code, From: from.Unix(), To: to.Unix(), Planned: code == "hours"})
	}
	span(status.LinkConnecting, "", began, began.Add(20*time.Minute))
	span(status.LinkOnline, "", began.Add(20*time.Minute), at(2, 10))
	span(status.LinkWaiting, "NET-DNS", at(2, 10), at(2, 40))
	span(status.LinkOnline, "", at(2, 40), at(5, 0))
	span(status.LinkWaiting, "hours", at(5, 0), at(6, 0))
	span(status.LinkOnline, "", at(6, 0), at(8, 0))
	span(status.LinkParked, "UP-AUTH-REJECTED", at(8, 0), at(8, 50))
	span(status.LinkStopped, "", at(8, 50), at(9, 30))
	span(status.LinkOnline, "", at(9, 30), at(11, 0))
	span(status.LinkWaiting, "UP-NO-PONG", at(11, 0), at(11, 4))
	span(status.LinkOnline, "", at(11, 4), now)
	outage := func(code string, from, to time.Time, waited uint64) *status.Outage {
		done := to.Add(12 * time.Minute)
		h.Outages = append(h.Outages, status.Outage{Began: from, BeganS: now.Sub(from).Seconds(), Ended: &to, EndedS: now.Sub(to).Seconds(), Done: &done, DoneS: now.Sub(done).Seconds(),
			Trusted: true, Code: code, Waited: waited, Delivered: waited})
		return &h.Outages[len(h.Outages)-1]
	}
	outage("", began, began.Add(20*time.Minute), 30).FromStart = true
	outage("NET-DNS", at(2, 10), at(2, 40), 1812)
	outage("", at(5, 0), at(6, 0), 3600).Planned = true
	outage("NET-DNS", at(7, 0), at(7, 0).Add(20*time.Second), 20)
	o := outage("UP-AUTH-REJECTED", at(8, 0), at(8, 50), 3000)
	o.Lost, o.Delivered = status.Losses{status.LossFull: 40}, 2960
	outage("UP-NO-PONG", at(11, 0), at(11, 4), 240)
	for i := range 15 * 60 {
		t := began.Add(time.Duration(i+1) * time.Minute)
		waiting, out, lost := uint64(i%7), uint64(60), uint64(0)
		for j := range h.Outages {
			if o := &h.Outages[j]; t.After(o.Began) && !t.After(*o.Ended) {
				waiting, out = uint64(60*t.Sub(o.Began).Minutes()), 0
			} else if t.After(*o.Ended) && t.Before(*o.Done) {
				waiting, out = uint64(float64(o.Waited)*o.Done.Sub(t).Minutes()/12), 60+o.Waited/12
			}
		}
		if i == 700 {
			lost = 40
		}
		m := &h.Minutes
		m.At, m.Waiting, m.Bytes = append(m.At, t.Unix()), append(m.Waiting, waiting), append(m.Bytes, 1_000_000+int64(waiting)*200)
		m.In, m.Out, m.Lost, m.Online = append(m.In, uint64(55+i%9)), append(m.Out, out), append(m.Lost, lost), append(m.Online, 100)
	}
	d := status.DeviceHour{Name: "gps"}
	for i := range 60 {
		d.In = append(d.In, uint64(58+i%4*i%5))
	}
	h.Devices = []status.DeviceHour{d, {Name: "panel", In: make([]uint64, 60)}}
	return h
}

// poisonedDay has a payload in every text that comes from somewhere else.
func poisonedDay(text string) status.History {
	h := sampleDay()
	for i := range h.Links {
		h.Links[i].State, h.Links[i].Code, h.Links[i].Why = text, text, text
	}
	for i := range h.Outages {
		o := &h.Outages[i]
		o.Code, o.Why, o.Lost = text, text, status.Losses{text: 3}
	}
	for i := range h.Devices {
		h.Devices[i].Name, h.Devices[i].In = text, sampleDay().Devices[0].In
	}
	return h
}

// inUTC has the page say the hours of UTC.
func inUTC(t *testing.T) {
	t.Helper()
	was := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = was })
}

// outageForms are outages of every form that a sentence about one can have: it began at
// 02:10 and ended at 02:40, and it is 03:00.
func outageForms() map[string]*status.Outage {
	all := map[string]*status.Outage{}
	form := func(name string, change func(o *status.Outage)) {
		at := func(h, m int) *time.Time { t := time.Date(2026, 11, 22, h, m, 0, 0, time.UTC); return &t }
		all[name] = &status.Outage{Began: *at(2, 10), BeganS: 3000, Ended: at(2, 40), EndedS: 1200, Done: at(2, 52), DoneS: 480, Trusted: true, Code: "NET-DNS", Waited: 1812, Delivered: 1812}
		change(all[name])
	}
	lasts := func(o *status.Outage) { o.Ended, o.EndedS, o.Done, o.DoneS, o.Delivered = nil, 0, nil, 0, 0 }
	earlier := func(o *status.Outage, d time.Duration) {
		o.Began, o.BeganS = o.Began.Add(-d), o.BeganS+d.Seconds()
		end, done := o.Ended.Add(-d), o.Done.Add(-d)
		o.Ended, o.EndedS, o.Done, o.DoneS = &end, o.EndedS+d.Seconds(), &done, o.DoneS+d.Seconds()
	}
	form("over", func(*status.Outage) {})
	form("one", func(o *status.Outage) { o.Waited, o.Delivered = 1, 1 })
	form("still", lasts)
	form("still, one", func(o *status.Outage) { lasts(o); o.Waited = 1 })
	form("still, lost", func(o *status.Outage) { lasts(o); o.Lost = status.Losses{"full": 40} })
	form("not yet all", func(o *status.Outage) { o.Done, o.Delivered, o.Left = nil, 1000, 812 })
	form("being delivered", func(o *status.Outage) { o.Done = nil })
	form("lost", func(o *status.Outage) { o.Lost, o.Delivered = status.Losses{"full": 1200, "age": 12}, 600 })
	form("lost, unknown", func(o *status.Outage) { o.LostMore = true })
	form("lost, at least", func(o *status.Outage) { o.LostMore, o.Lost = true, status.Losses{"corrupt": 3} })
	form("all lost", func(o *status.Outage) { o.Delivered, o.Lost = 0, status.Losses{"io": 1812} })
	form("nothing waited", func(o *status.Outage) { o.Waited, o.Delivered = 0, 0 })
	form("across midnight", func(o *status.Outage) { o.Began, o.BeganS = o.Began.Add(-3*time.Hour), o.BeganS+3*3600 })
	form("yesterday", func(o *status.Outage) { earlier(o, 6*time.Hour) })
	form("days", func(o *status.Outage) { o.Began, o.BeganS = o.Began.AddDate(0, 0, -3), o.BeganS+3*86400 })
	form("no clock", func(o *status.Outage) { o.Trusted = false })
	form("no clock, still", func(o *status.Outage) { lasts(o); o.Trusted = false })
	form("no clock, start", func(o *status.Outage) { o.Trusted, o.FromStart = false, true })
	form("start", func(o *status.Outage) { o.FromStart = true })
	form("start, still", func(o *status.Outage) { lasts(o); o.FromStart = true })
	form("hours", func(o *status.Outage) { o.Planned, o.Code = true, "" })
	form("foreign code", func(o *status.Outage) { o.Code = "NET-\x1b[2J" })
	return all
}

// TestOutageInBothLanguages: English written with the words of this package is what status
// writes, so that a form that is new there is seen here; and Finnish has a sentence for each.
func TestOutageInBothLanguages(t *testing.T) {
	inUTC(t)
	n := func(s string) string { return strings.ReplaceAll(s, "'", narrow) }
	finnishSays := map[string]string{
		"over":            "Yhteys poikki klo 02:10–02:40 (DNS). 1'812 lukemaa odotti, kaikki perillä klo 02:52 mennessä, mitään ei kadonnut.",
		"one":             "Yhteys poikki klo 02:10–02:40 (DNS). 1 lukema odotti, perillä klo 02:52 mennessä, mitään ei kadonnut.",
		"still":           "Yhteys poikki klo 02:10 alkaen, kestänyt 50 min (DNS). 1'812 lukemaa odottaa, toistaiseksi mitään ei ole kadonnut.",
		"still, one":      "Yhteys poikki klo 02:10 alkaen, kestänyt 50 min (DNS). 1 lukema odottaa, toistaiseksi mitään ei ole kadonnut.",
		"still, lost":     "Yhteys poikki klo 02:10 alkaen, kestänyt 50 min (DNS). 1'812 lukemaa odottaa, kadonneita 40 (puskuri täynnä).",
		"not yet all":     "Yhteys poikki klo 02:10–02:40 (DNS). 1'812 lukemaa odotti, tähän mennessä perillä 1'000, matkalla vielä 812, mitään ei kadonnut.",
		"being delivered": "Yhteys poikki klo 02:10–02:40 (DNS). 1'812 lukemaa odotti, toimitus on kesken, mitään ei kadonnut.",
		"lost":            "Yhteys poikki klo 02:10–02:40 (DNS). 1'812 lukemaa odotti, muut perillä klo 02:52 mennessä, kadonneita 1'212 (puskuri täynnä 1'200, liian vanhoja 12).",
		"lost, unknown":   "Yhteys poikki klo 02:10–02:40 (DNS). 1'812 lukemaa odotti, muut perillä klo 02:52 mennessä, kadonneiden määrä ei ole tiedossa.",
		"lost, at least":  "Yhteys poikki klo 02:10–02:40 (DNS). 1'812 lukemaa odotti, muut perillä klo 02:52 mennessä, kadonneita ainakin 3 (vioittunut tiedosto).",
		"all lost":        "Yhteys poikki klo 02:10–02:40 (DNS). 1'812 lukemaa odotti, yksikään niistä ei ole perillä, kadonneita 1'812 (levyvika).",
		"nothing waited":  "Yhteys poikki klo 02:10–02:40 (DNS). Yhtään lukemaa ei odottanut, mitään ei kadonnut.",
		"across midnight": "Yhteys poikki eilen klo 23:10 – klo 02:40 (DNS). 1'812 lukemaa odotti, kaikki perillä klo 02:52 mennessä, mitään ei kadonnut.",
		"yesterday":       "Yhteys poikki eilen klo 20:10 – klo 20:40 (DNS). 1'812 lukemaa odotti, kaikki perillä klo 20:52 mennessä, mitään ei kadonnut.",
		"days":            "Yhteys poikki 19.11. klo 02:10 – klo 02:40 (DNS). 1'812 lukemaa odotti, kaikki perillä klo 02:52 mennessä, mitään ei kadonnut.",
		"no clock":        "Yhteys poikki, kesto 30 min, päättyi 20 min sitten (DNS). 1'812 lukemaa odotti, kaikki perillä 8 min sitten, mitään ei kadonnut.",
		"no clock, still": "Yhteys poikki, kestänyt 50 min (DNS). 1'812 lukemaa odottaa, toistaiseksi mitään ei ole kadonnut.",
		"no clock, start": "Yhteys poikki käynnistyksestä alkaen, kesto 30 min, päättyi 20 min sitten (DNS). 1'812 lukemaa odotti, kaikki perillä 8 min sitten, mitään ei kadonnut.",
		"start":           "Yhteys poikki käynnistyksestä (klo 02:10) alkaen, päättyi klo 02:40 (DNS). 1'812 lukemaa odotti, kaikki perillä klo 02:52 mennessä, mitään ei kadonnut.",
		"start, still":    "Yhteys poikki käynnistyksestä (klo 02:10) alkaen, kestänyt 50 min (DNS). 1'812 lukemaa odottaa, toistaiseksi mitään ei ole kadonnut.",
		"hours":           "Lähetysajan ulkopuolella klo 02:10–02:40. 1'812 lukemaa odotti, kaikki perillä klo 02:52 mennessä, mitään ei kadonnut.",
		"foreign code":    `Yhteys poikki klo 02:10–02:40 (NET-\x1b[2J). 1'812 lukemaa odotti, kaikki perillä klo 02:52 mennessä, mitään ei kadonnut.`,
	}
	en, fi := english(), finnish()
	for name, o := range outageForms() {
		want := o.Statement(status.Wording{Zone: time.UTC, Group: narrow})
		if got := en.outageWhen(o) + " " + en.outageReadings(o); got != want || en.outage(o) != want {
			t.Errorf("%s: with the words of the page\n%s, status says\n%s", name, got, want)
		}
		if got := fi.outage(o); got != n(finnishSays[name]) {
			t.Errorf("%s: got\n%s, want\n%s", name, got, n(finnishSays[name]))
		}
	}
}

// TestReasonsAreFinnishToo: each word that status has for a reason.
func TestReasonsAreFinnishToo(t *testing.T) {
	fi, n := finnish(), 0
	for _, e := range status.Catalogue() {
		if word := status.ReasonWord(e.Code); word != e.Code {
			n++
			if finnishReasons()[e.Code] == "" {
				t.Errorf("%s (%s) has no Finnish", e.Code, word)
			}
		}
	}
	if n < 30 || n != len(finnishReasons()) {
		t.Errorf("status has words for %d codes, here are %d", n, len(finnishReasons()))
	}
	for _, r := range status.LossReasons() {
		if got := fi.lossReason(r); got == status.LossWord(r) && r != status.LossRate {
			t.Errorf("%s: %s", r, got)
		}
	}
}

// markup is a node as HTML.
func markup(n *node) string {
	var b strings.Builder
	n.html(&b)
	return b.String()
}

func TestTimeline(t *testing.T) {
	inUTC(t)
	v := &view{w: english()}
	h := sampleDay()
	got := markup(v.timeline(&h))
	for _, want := range []string{
		"aria-label=\"The link over the last 24 hours: online for 11\u00a0h 36\u00a0min, 5 times without a connection.\"", // the short one counts, the planned rest does not
		`<rect class="t-nothing" x="0.00%" y="40" width="37.50%"`,
		`<rect class="t-waiting" x="59.03%" y="0" width="2.08%" height="44" fill="url(#p-waiting)">`,
		`<rect class="t-rest" x="70.83%"`, `<rect class="t-parked"`, `<rect class="t-stopped"`, `<rect class="t-connecting"`,
		`<text x="50.00%" y="64">00:00</text>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks %s:\n%s", want, readable(got))
		}
	}
	if n := strings.Count(got, "<rect class=\"t-"); n != len(h.Links)+1+7 {
		t.Errorf("%d rectangles of %d states, with the key", n, len(h.Links))
	}
	h.Clock = false
	if got := markup(v.timeline(&h)); !strings.Contains(got, ">−20 h</text>") || strings.Contains(got, ":00</text>") {
		t.Errorf("without a clock:\n%s", readable(got))
	}
	empty := status.History{Time: h.Time, Began: h.Time.Unix()}
	if got := markup(v.timeline(&empty)); !strings.Contains(got, "never without a connection") || strings.Count(got, "<rect class=\"t-nothing\"") != 2 {
		t.Errorf("at the start:\n%s", readable(got))
	}
}

// TestOutagesAreTold: the latest first, old ones folded, short ones counted, planned ones none.
func TestOutagesAreTold(t *testing.T) {
	inUTC(t)
	h := sampleDay()
	got := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(strings.ReplaceAll(markup((&view{w: english()}).outages(&h)), "</", "\n</"), "")
	got = regexp.MustCompile(`\n+`).ReplaceAllString(strings.ReplaceAll(got, narrow, ","), "\n")
	want := `Without a connection
Link down 11:00-11:04 (server stopped answering). 240 readings waited, all delivered by 11:16, none lost.
Link down 08:00-08:50 (token refused). 3,000 readings waited, the others delivered by 09:02, 40 lost (buffer full).
Link down 02:10-02:40 (DNS). 1,812 readings waited, all delivered by 02:52, none lost.
1 earlier
Link down from the start at yesterday 21:00 to 21:20. 30 readings waited, all delivered by 21:32, none lost.
Once for less than a minute, nothing lost.
`
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPlotInWords(t *testing.T) {
	inUTC(t)
	h := sampleDay()
	say := func(w *words) string { return strings.ReplaceAll((&view{w: w}).plotText(&h), narrow, ",") }
	if got, want := say(english()), "At the most 3,600 waited, at 06:00. Now 3 readings wait. 40 were lost."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := say(finnish()), "Enimmillään odotti 3,600, klo 06:00. Nyt odottaa 3 lukemaa. Kadonneita 40."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	h.Clock = false
	if got, want := say(english()), "At the most 3,600 waited, 6 h 0 min ago. Now 3 readings wait. 40 were lost."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPolyline(t *testing.T) {
	for _, c := range []struct {
		values []uint64
		want   string
	}{
		{[]uint64{0, 0, 0, 0}, "10,19 13,19"},
		{[]uint64{60, 60, 60, 0, 0, 60}, "10,1 12,1 13,19 14,19 15,1"},
		{[]uint64{30}, "10,10"},
	} {
		if got := polyline(10, c.values, 60, 20).attribute("points"); got != c.want {
			t.Errorf("%v: got %s, want %s", c.values, got, c.want)
		}
	}
}

// patched is what a browser has of an element, as JSON, after a change: as live.js does it.
func patched(is, change any) any {
	c, ok := change.([]any)
	if !ok {
		return change
	}
	old, _ := is.([]any)
	if len(old) == 0 || old[0] != c[0] {
		old = nil
	}
	fresh := []any{c[0], c[1]}
	for i, kid := range c[2:] {
		switch {
		case kid == float64(0):
			fresh = append(fresh, old[i+2])
		case i+2 < len(old):
			fresh = append(fresh, patched(old[i+2], kid))
		default:
			fresh = append(fresh, patched(nil, kid))
		}
	}
	return fresh
}

// TestChangesMakeThePage: from whatever the page was to whatever it is, the changes lead to
// what it looks like when drawn anew, and hold nothing that stays.
func TestChangesMakeThePage(t *testing.T) {
	p := New(Options{})
	var looks [][]*node
	for _, doc := range []status.Document{sample(), {}, poisoned("x"), sample()} {
		v := &view{page: p, w: english(), s: &doc}
		h := sampleDay()
		if doc.Running {
			v.plots = v.draw(&h)
		}
		looks = append(looks, v.sections())
	}
	value := func(v any) (x any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &x); err != nil {
			t.Fatal(err)
		}
		return x
	}
	for i, from := range looks {
		for j, to := range looks {
			for n := range to {
				c := &change{to[n], from[n]}
				if got, _ := json.Marshal(patched(value(from[n]), value(c))); !c.none() && string(got) != string(must(json.Marshal(value(to[n])))) {
					t.Errorf("%d to %d: %s", i, j, got)
				}
				if same := slices.Contains([]int{0, 3}, i) && slices.Contains([]int{0, 3}, j) || i == j; same && !c.none() {
					t.Errorf("%d to %d: section %d differs from itself", i, j, n)
				}
			}
		}
	}
	doc := sample()
	before := (&view{page: p, w: english(), s: &doc}).devices()
	doc.Devices[0].Read++
	text := string(must(json.Marshal(&change{(&view{page: p, w: english(), s: &doc}).devices(), before})))
	if len(text) > 400 || !strings.Contains(text, number(doc.Devices[0].Read)) || strings.Contains(text, "ttyUSB1") {
		t.Errorf("a change of one number: %s", text)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// TestStreamOfManyDevices: what a second costs on the wire with 64 devices that all read.
// The plots are in it when they look otherwise, once a minute.
func TestStreamOfManyDevices(t *testing.T) {
	doc, h := sample(), sampleDay()
	doc.Devices, h.Devices = nil, nil
	for i := range 64 {
		d := sample().Devices[0]
		d.Name = fmt.Sprintf("sensor-%d", i)
		doc.Devices = append(doc.Devices, d)
		h.Devices = append(h.Devices, status.DeviceHour{Name: d.Name, In: sampleDay().Devices[0].In})
	}
	p := New(Options{Status: func() status.Document {
		doc.UptimeS++
		doc.Time = doc.Time.Add(time.Second)
		doc.Devices = slices.Clone(doc.Devices)
		for i := range doc.Devices {
			doc.Devices[i].Read += uint64(i % 3)
			doc.Devices[i].LastAgeS = float64(i%2) + 0.3
		}
		doc.Totals.Read += 64
		doc.Totals.Acked += 64
		return doc
	}, History: func() status.History { // as it is a minute later
		h.Devices = slices.Clone(h.Devices)
		for i, d := range h.Devices {
			h.Devices[i].In = append(slices.Clone(d.In[1:]), d.In[0])
		}
		h.Time = h.Time.Add(time.Minute)
		return h
	}})
	s := stream{rarely: "devices"}
	next := func() (all, drawn int) {
		now := p.feed.frame()
		s.b.Reset()
		s.compose(now, s.view(&view{page: p, w: english(), s: &now.doc}, now).sections())
		_, after, _ := bytes.Cut(s.b.Bytes(), []byte("event: view\n"))
		return s.b.Len(), len(after)
	}
	first, firstView := next()
	all, later := next()
	t.Logf("at first %d bytes, %d of them to be drawn; then %d and %d a second", first, firstView, all, later)
	if all > 8000 {
		t.Errorf("a second brings %d bytes", all)
	}
	minute, most := 0, 0
	for range 60 {
		n, drawn := next()
		minute, most = minute+n, max(most, drawn)
	}
	t.Logf("a minute brings %d bytes, the new plots %d of them", minute, most-later)
	if most < later+1000 || minute > 500_000 {
		t.Errorf("a minute brings %d bytes, the plots %d of them", minute, most-later)
	}
}

// TestHistoryIsAskedForOnceAMinute, and when the link does otherwise.
func TestHistoryIsAskedForOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		doc, asked := sample(), 0
		started := time.Now()
		f := feed{status: func() status.Document {
			doc.UptimeS = time.Since(started).Seconds()
			return doc
		}, history: func() status.History { asked++; return sampleDay() }}
		run := func(seconds int) (last *frame) {
			for range seconds {
				last = f.frame()
				time.Sleep(time.Second)
			}
			return last
		}
		a := run(1)
		if b := run(50); asked != 1 || a.day != b.day {
			t.Errorf("asked %d times in less than a minute", asked)
		}
		if run(120); asked != 3 {
			t.Errorf("asked %d times in two minutes more", asked)
		}
		doc.Link.State = status.LinkWaiting
		if run(2); asked != 4 {
			t.Errorf("asked %d times when the link broke", asked)
		}
	})
}
