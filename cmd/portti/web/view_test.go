package web

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// drawn draws a document and a day for somebody who may look.
func drawn(doc status.Document, day status.History, lang string) string {
	p := New(Options{Status: func() status.Document { return doc }})
	v := p.view(httptest.NewRequest("GET", "/?lang="+lang, nil), &doc)
	v.plots = v.draw(&day)
	var b strings.Builder
	v.who = &session{role: View}
	v.frame(tabs()[0]).html(&b)
	return regexp.MustCompile(`\.[0-9a-f]{12}\.`).ReplaceAllString(b.String(), ".")
}

// readable puts each element on a line, for eyes and diffs.
func readable(html string) string { return strings.ReplaceAll(html, "><", ">\n<") + "\n" }

func TestPage(t *testing.T) {
	inUTC(t)
	for _, lang := range []string{"en", "fi"} {
		testkit.Golden(t, "testdata/page."+lang+".html", readable(drawn(sample(), sampleDay(), lang)))
	}
}

func TestNoWordIsMissing(t *testing.T) {
	en, fi := reflect.ValueOf(*english()), reflect.ValueOf(*finnish())
	for _, f := range reflect.VisibleFields(en.Type()) {
		if f.Type.Kind() != reflect.String {
			continue // the words of a part of the page, whose fields follow
		}
		name, a, b := f.Name, en.FieldByIndex(f.Index).String(), fi.FieldByIndex(f.Index).String()
		if a == "" || b == "" {
			t.Errorf("%s: English %q, Finnish %q", name, a, b)
		}
		if !slices.Equal(placesOf(a), placesOf(b)) {
			t.Errorf("%s: places %v in English, %v in Finnish", name, placesOf(a), placesOf(b))
		}
	}
}

// TestGlance: in each state the page says what the status says, in both languages.
func TestGlance(t *testing.T) {
	room, none := int64(1e6), int64(0)
	for _, c := range []struct {
		s        status.Document
		fi, mark string
	}{
		{status.Document{Running: true, Link: status.Link{State: status.LinkOnline}}, "Lukemat menevät perille palvelimelle, mitään ei ole kadonnut.", "good"},
		{status.Document{Running: true, Link: status.Link{State: status.LinkOnline}, Totals: status.Totals{Ledger: status.Ledger{Lost: status.Losses{"rate": 3}}}, Problems: []status.Problem{{Severity: status.Error}}}, "Lukemat menevät perille palvelimelle, kadonneita 3.", "warn"},
		{status.Document{Running: true, Link: status.Link{State: status.LinkOnline}, Devices: []status.Device{{State: status.DeviceMissing}}, Problems: []status.Problem{{Severity: status.Error}}}, "Lukemat menevät perille palvelimelle, mitään ei ole kadonnut.", "bad"},
		{status.Document{Running: true, Link: status.Link{State: status.LinkConnecting}, Buffer: status.Buffer{Waiting: 1}}, "Yhteyttä muodostetaan; 1 lukema odottaa, mitään ei ole kadonnut.", "unsure"},
		{status.Document{Link: status.Link{State: status.LinkStopped}, Buffer: status.Buffer{Waiting: 2}}, "Pysäytetty; 2 lukemaa odottaa, mitään ei ole kadonnut.", "bad"},
		{status.Document{Running: true, Link: status.Link{State: status.LinkStopped, Problem: "CFG-NO-SERVER"}}, "Ei tehtävää: laitteita ja palvelinta ei ole määritetty; 0 lukemaa odottaa, mitään ei ole kadonnut.", "bad"},
		{status.Document{Running: true, Link: status.Link{State: status.LinkStopped, Problem: "CFG-NO-SERVER"}, Devices: []status.Device{{State: status.DeviceOK}}}, "Palvelinta ei ole määritetty; 0 lukemaa odottaa, mitään ei ole kadonnut.", "bad"},
		{status.Document{Running: true, Link: status.Link{State: status.LinkWaiting, OpensS: 7200}}, "Lähetysaika alkaa vasta 2 t 0 min kuluttua; 0 lukemaa odottaa, mitään ei ole kadonnut.", "good"},
		{status.Document{Running: true, Link: status.Link{State: status.LinkWaiting}, Buffer: status.Buffer{RoomBytes: &none}}, "Ei yhteyttä, 0 lukemaa odottaa, mitään ei ole kadonnut; lisää ei mahdu.", "bad"},
		{status.Document{Running: true, Link: status.Link{State: status.LinkParked}, Buffer: status.Buffer{RoomBytes: &room, HeadroomS: 3 * 86400}}, "Ei yhteyttä, 0 lukemaa odottaa, mitään ei ole kadonnut; tilaa riittää noin 3 vrk.", "bad"},
		{status.Document{Running: true, Link: status.Link{State: status.LinkWaiting}}, "Ei yhteyttä, 0 lukemaa odottaa, mitään ei ole kadonnut.", "bad"},
	} {
		if got := finnish().glance(&c.s); got != c.fi {
			t.Errorf("%s: got %q, want %q", c.s.Glance(), got, c.fi)
		}
		if got := english().glance(&c.s); got != c.s.Glance() {
			t.Errorf("in English %q, and status says %q", got, c.s.Glance())
		}
		if _, got := english().verdict(&c.s); got != c.mark {
			t.Errorf("%s: marked %s, want %s", c.s.Glance(), got, c.mark)
		}
	}
}

// TestWordsOfTheGlanceFollowStatus: English written with the words of this package is what
// status writes, so that a change there is seen here.
func TestWordsOfTheGlanceFollowStatus(t *testing.T) {
	for _, state := range []string{status.LinkOnline, status.LinkConnecting, status.LinkStopped, status.LinkWaiting} {
		s := status.Document{Running: true, Link: status.Link{State: state}, Buffer: status.Buffer{Waiting: 2}}
		w := english()
		got := fill(w.sentence(&s), "wait", fill(w.WaitMany, "n", "2"), "lost", w.LostNone)
		if got != s.Glance() {
			t.Errorf("%s: got %q, status says %q", state, got, s.Glance())
		}
	}
}

func TestLanguage(t *testing.T) {
	for accept, want := range map[string]string{"": "en", "fi": "fi", "fi-FI,fi;q=0.9,en;q=0.8": "fi", "en-GB,fi;q=0.5": "en", "sv,fi;q=0.7,en;q=0.3": "fi", "de": "en", "fi;q=0": "en", "en;q=0.1,FI": "fi", ";;q=,": "en"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", accept)
		if got := languageOf(r).Lang; got != want {
			t.Errorf("%q: got %s", accept, got)
		}
	}
}

// payloads are what somebody might call a tag to be taken for a page.
func payloads() []string {
	return []string{
		`<script>alert(1)</script>`, `"><script>alert(1)</script>`, `'><img src=x onerror=alert(1)>`, `<img src=x onerror=alert(1)>`, `<svg onload=alert(1)>`,
		`</title><script>alert(1)</script>`, `</style><script>alert(1)</script>`, `--><script>alert(1)</script>`, `<iframe src=javascript:alert(1)>`, `javascript:alert(1)`,
		`<a href="javascript:alert(1)">x</a>`, `<body onload=alert(1)>`, `<math><mtext></mtext><script>alert(1)</script>`, `<object data="data:text/html,<script>alert(1)</script>">`, `<embed src=//evil.example>`,
		`<base href=//evil.example/>`, `<meta http-equiv=refresh content="0;url=//evil.example">`, `<form action=//evil.example><button>`, `<input onfocus=alert(1) autofocus>`, `<details open ontoggle=alert(1)>`,
		`<video><source onerror=alert(1)>`, `<style>@import '//evil.example'</style>`, `<link rel=stylesheet href=//evil.example>`, `&lt;script&gt;alert(1)&lt;/script&gt;`, `\u003cscript\u003ealert(1)\u003c/script\u003e`,
		"<scr\x00ipt>alert(1)</scr\x00ipt>", "\u202e<script>alert(1)</script>", `{{constructor.constructor('alert(1)')()}}`, "`${alert(1)}`", `' onmouseover='alert(1)`,
	}
}

// poisoned has a payload in every text that comes from somewhere else.
func poisoned(text string) status.Document {
	doc := sample()
	doc.Version, doc.Gateway.ID, doc.Gateway.Name, doc.Clock.Source = text, text, text, text
	doc.Link.State, doc.Link.URL, doc.Link.URLHost, doc.Link.LastError, doc.Link.Ack = text, text, text, text, text
	doc.Totals.Lost = status.Losses{text: 3}
	for i := range doc.Devices {
		d := &doc.Devices[i]
		d.Name, d.Type, d.Port, d.Detail, d.LastLine, d.LastError = text, text, text, text, text, text
	}
	unknown := status.Problem{Code: text, Title: text, Sentence: text, Actions: []string{text}, Commands: []string{text}, Severity: status.Severity(text)}
	doc.Problems[0].Subject, doc.Problems[0].Args, doc.Problems[0].Commands = text, map[string]string{"port": text}, []string{text, text}
	doc.Problems = append(doc.Problems, unknown)
	return doc
}

// TestPayloadsAreText: row L4. No foreign text adds an element or an attribute to the page.
func TestPayloadsAreText(t *testing.T) {
	markup := regexp.MustCompile(`<[^>]*>`)
	for _, lang := range []string{"en", "fi"} {
		want := markup.FindAllString(drawn(poisoned("harmless"), poisonedDay("harmless"), lang), -1)
		for _, text := range payloads() {
			got := markup.FindAllString(drawn(poisoned(text), poisonedDay(text), lang), -1)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q changes the markup", lang, text)
			}
		}
	}
	if len(payloads()) != 30 {
		t.Errorf("%d payloads", len(payloads()))
	}
}

func TestNodeIsTheSameAsJSON(t *testing.T) {
	n := el("p", class("a"), at("data-x", `"<`), "one ", "text", (*node)(nil), "", el("b", "bold"), []*node{el("i"), nil}[0:1])
	text, err := json.Marshal(n)
	if want := `["p",{"class":"a","data-x":"\"\u003c"},"one text",["b",{},"bold"],["i",{}]]`; err != nil || string(text) != want {
		t.Errorf("got %s, %v; want %s", text, err, want)
	}
	var b strings.Builder
	n.html(&b)
	if want := `<p class="a" data-x="&#34;&lt;">one text<b>bold</b><i></i></p>`; b.String() != want {
		t.Errorf("got %s, want %s", b.String(), want)
	}
}

// TestAssets: they are small, and nothing in the script makes markup of a string.
func TestAssets(t *testing.T) {
	sum := 0
	for name, a := range loadAssets() {
		sum += len(a.packed)
		for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "createContextualFragment", "eval(", "new Function", "srcdoc", "http:", "https:", "@import", "url("} {
			text := string(a.plain)
			if strings.HasPrefix(name, "uPlot.") {
				text = strings.ReplaceAll(text, "/*! https://github.com/leeoniya/uPlot", "") // where it is from
			}
			if strings.Contains(text, word) && !(strings.HasSuffix(name, ".svg") && word == "http:") {
				t.Errorf("%s has %s", name, word)
			}
		}
	}
	t.Logf("%d bytes compressed", sum)
	if sum > 60_000 {
		t.Errorf("the assets are %d bytes, compressed", sum)
	}
}

func TestAssetIsServedPackedOrNot(t *testing.T) {
	s := newSite(t, false)
	r, plain := s.do("GET", s.page.url("live.js"), "Accept-Encoding", "identity")
	if r.StatusCode != 200 || r.Header.Get("Content-Encoding") != "" || !strings.Contains(plain, "EventSource") {
		t.Errorf("plain: %s %s", r.Status, r.Header)
	}
	r, packed := s.do("GET", s.page.url("live.js"), "Accept-Encoding", "gzip")
	if r.Header.Get("Content-Encoding") != "gzip" || len(packed) >= len(plain) {
		t.Errorf("packed: %d bytes of %d, %s", len(packed), len(plain), r.Header)
	}
	if r, _ := s.do("GET", "/assets/live.js"); r.StatusCode != 404 {
		t.Errorf("a name without what is in it: %s", r.Status)
	}
}

func TestHealth(t *testing.T) {
	s := newSite(t, false)
	look := s.signIn(View)
	if resp, text := s.do("GET", "/healthz/live"); resp.StatusCode != 200 || text != "ok\n" {
		t.Errorf("live: %s %q", resp.Status, text)
	}
	if resp, text := s.do("GET", "/healthz/ready"); resp.StatusCode != 200 || text != "ok\n" {
		t.Errorf("ready: %s %q", resp.Status, text)
	}
	if resp, text := s.do("GET", "/healthz/status", "Cookie", look); resp.StatusCode != 503 || text != "[\"DEV-GONE\"]\n" {
		t.Errorf("status: %s %q", resp.Status, text)
	}
	s.page.opt.Stuck = func() string { return "link" }
	if resp, text := s.do("GET", "/healthz/live"); resp.StatusCode != 503 || strings.Contains(text, "link") {
		t.Errorf("stuck: %s %q", resp.Status, text)
	}
}

func TestCertificate(t *testing.T) {
	text, err := SelfSigned("portti x", []string{"gw", "gw.local"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Certificate(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range []time.Time{time.Unix(0, 0).AddDate(50, 0, 1), time.Now(), time.Date(2048, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if day.Before(c.Leaf.NotBefore) || day.After(c.Leaf.NotAfter) {
			t.Errorf("it is not good on %s", day)
		}
	}
	if err := c.Leaf.VerifyHostname("gw.local"); err != nil {
		t.Error(err)
	}
	if f := Fingerprint(c); !regexp.MustCompile(`^([0-9A-F]{2}:){31}[0-9A-F]{2}$`).MatchString(f) {
		t.Errorf("fingerprint %q", f)
	}
}

func TestQR(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		text, err := QR("https://192.0.2.7:8470/signin/vCxFjqClK4M_Q7NP0qgyag", ascii, false)
		if err != nil {
			t.Fatal(err)
		}
		testkit.Golden(t, fmt.Sprintf("testdata/qr.%v.txt", ascii), text)
	}
}
