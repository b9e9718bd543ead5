package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"portti/buffer"
	"portti/cmd/portti/carry"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// paged has a gateway of the site serve its page, with the support file that the program has.
func paged(s *rig.Site, o gateway.Options) *rig.Inside {
	s.More += "[web]\nlisten = \"127.0.0.1:0\"\n"
	o.Bundle = servedBundle(globals{config: s.ConfigFile(), timeout: testkit.Patience}, fstest.MapFS{"etc/resolv.conf": {Data: []byte("search site.example\n")}})
	return s.Run(o)
}

// visitor is a browser that may act.
type visitor struct {
	*http.Client
	base string
}

func visit(t *testing.T, s *rig.Site) visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var l gateway.PageLink
	testkit.Eventually(t, "a link is made", func() bool {
		code, text := said(t, "web", "link", "--act", "--json", "-c", s.ConfigFile())
		return code == exitOK && json.Unmarshal([]byte(text), &l) == nil
	})
	dial := net.Dialer{}
	v := visitor{&http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true, ReadBufferSize: 4 << 10, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial.DialContext(ctx, network, addr)
		if tcp, ok := c.(*net.TCPConn); ok { // so that who takes nothing is seen to
			_ = tcp.SetReadBuffer(32 << 10)
		}
		return c, err
	}}}, ""}
	resp, err := v.Post(l.URLs[0], "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	v.base = strings.TrimSuffix(resp.Request.URL.String(), "/")
	return v
}

// take asks for a file; its body is still to be read.
func (v visitor) take(t *testing.T, path string, form url.Values) *http.Response {
	t.Helper()
	resp, err := v.PostForm(v.base+path, form)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Disposition"), `attachment; filename="portti-`) {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: %s %.300s", path, resp.Status, text)
	}
	return resp
}

// TestNoCanaryGetsOutByThePage: the support file of the page has what the verb's has but for
// what it names, and neither a secret nor a reading.
func TestNoCanaryGetsOutByThePage(t *testing.T) {
	c := newCanaries()
	s := rig.New(t, testbed.Options{Auth: "header", Token: c["token"]})
	c.put(t, s)
	log := &lockedLog{}
	g := paged(s, gateway.Options{Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	s.Line().Feed(50)
	g.Until("the readings are delivered", s.Delivered)
	v := visit(t, s)
	for _, state := range []string{"running", "refused", "broken"} {
		switch state {
		case "refused":
			s.Down()
			g.Until("the link is down", func(st *status.Document) bool { return st.Link.State != status.LinkOnline })
		case "broken":
			c.breakConfig(t, s.ConfigFile())
		}
		for _, private := range []string{"", "yes"} {
			where := state + ", private: " + private
			resp := v.take(t, "/support/file", url.Values{"private": {private}})
			name := resp.Header.Get("Content-Disposition")
			if strings.Contains(name, s.ID) == (private != "") || !strings.HasSuffix(name, `.tar.gz"`) {
				t.Errorf("%s: it is called %s", where, name)
			}
			path := filepath.Join(t.TempDir(), "b.tar.gz")
			text, err := io.ReadAll(resp.Body)
			if err != nil || os.WriteFile(path, text, 0o600) != nil {
				t.Fatal(where, err)
			}
			files := unpacked(t, path)
			for name, text := range files {
				c.none(t, where+": "+name, text)
				for _, value := range []string{"60.1695", "24.9354", "A4:C1:38:8D:18:B2", "XXXX03GPS00000077", s.ID} {
					if private != "" && bytes.Contains(bytes.ToUpper(text), []byte(value)) {
						t.Errorf("%s: %s stands in %s", where, value, name)
					}
				}
				if strings.HasPrefix(name, "raw/") || bytes.Contains(text, []byte(`"last_line"`)) {
					t.Errorf("%s: readings stand in %s", where, name)
				}
			}
			servedWhole(t, where, files)
		}
	}
	c.none(t, "the log", log.text())
}

// servedWhole checks what is in a bundle that a gateway made of itself, and what it says is not.
func servedWhole(t *testing.T, where string, files map[string][]byte) {
	t.Helper()
	loadSchema(t, "manifest").validate(t, "manifest.json", files["manifest.json"])
	var m manifest
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil || !m.Running || m.Readings {
		t.Errorf("%s: %v %+v", where, err, m)
	}
	for _, name := range []string{"status.json", "problems.json", "config.toml", "config-problems.txt", "environment.txt", "buffer-stats.json", "history.json", "goroutines.txt", "system/interfaces.txt"} {
		if len(files[name]) == 0 {
			t.Errorf("%s: %s is not there: %+v", where, name, m.Missing)
		}
	}
	for _, name := range []string{"doctor.json", "log.txt", "system/timedatectl.txt", "system/unit.txt"} {
		if files[name] != nil || !slices.ContainsFunc(m.Missing, func(l manifestLack) bool { return l.Name == name && strings.Contains(l.Why, "sudo portti bundle") }) {
			t.Errorf("%s: %s is there, or nobody says how to have it: %+v", where, name, m.Missing)
		}
	}
}

// TestReadingsOfThePage: what a browser takes along is what queue export writes, another
// gateway takes it over whole, and a part of it is known for one.
func TestReadingsOfThePage(t *testing.T) {
	t.Chdir(t.TempDir())
	sc := script{t: t}
	sc.fill([]string{"a", "GATEWAYA", "0", "700"})
	sc.fill([]string{"b", "GATEWAYB", "0", "3"})
	s := rig.New(t, testbed.Options{})
	s.ID, s.State = "GATEWAYA", "a"
	s.Down()
	g := paged(s, gateway.Options{})
	before := g.Status()
	v := visit(t, s)
	taken, err := io.ReadAll(v.take(t, "/support/readings", nil).Body)
	if err != nil {
		t.Fatal(err)
	}
	if !sc.do("portti 0 queue export -c "+s.ConfigFile()) || !sc.do("save same.jsonl") {
		t.Fatal(sc.stderr)
	}
	plain := func(text string) string { // without the moment, and the sums in which it is
		return regexp.MustCompile(`"exported":"[^"]*"|"mono_ms":[0-9]+,"boots"|"boots":\[.*\]|"sha256":"[0-9a-f]*"|"crc":"[0-9a-f]*"`).ReplaceAllString(text, "")
	}
	if plain(string(taken)) != plain(sc.stdout) {
		t.Errorf("the page gives\n%.600s\nand queue export\n%.600s", taken, sc.stdout)
	}
	if sum, _, err := carry.Verify(bytes.NewReader(taken)); err != nil || sum.Records != before.Totals.Waiting || sum.Missing != 0 {
		t.Errorf("%+v, %v; %d wait", sum, err, before.Totals.Waiting)
	}
	if after := g.Status(); after.Totals.Waiting != before.Totals.Waiting || after.Totals.Lost.Sum() != 0 {
		t.Errorf("before %+v, after %+v", before.Totals, after.Totals)
	}
	g.Halt()
	for name, text := range map[string][]byte{"half.jsonl": taken[:len(taken)/2], "page.jsonl": taken} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	to := configFor(t, "b", "GATEWAYB")
	if !sc.do("portti 1 queue import -c "+to+" half.jsonl") || !sc.do("stderr cut off") {
		t.Error("half of it:", sc.stdout, sc.stderr)
	}
	if !sc.do("portti 0 queue import -c "+to+" page.jsonl same.jsonl") || !sc.do(fmt.Sprintf("same a b %d", before.Totals.Waiting)) {
		t.Error("all of it:", sc.stdout, sc.stderr)
	}
	if !sc.do("portti 0 queue stats --json -c " + to) {
		t.Fatal(sc.stderr)
	}
	var q status.Queue
	if err := json.Unmarshal([]byte(sc.stdout), &q); err != nil || q.Totals.Waiting != before.Totals.Waiting+3 || q.Totals.Lost.Sum() != 0 || q.Totals.Read != q.Totals.Acked+q.Totals.Waiting {
		t.Errorf("the ledger of the other: %+v %v", q.Totals, err)
	}
}

// TestBigBacklogIsTakenSlowly: a backlog of 30 MB goes out in 6 MB of memory, as one of 90 MB
// does, and who stops in the middle disturbs neither the readings nor the end of the gateway.
func TestBigBacklogIsTakenSlowly(t *testing.T) {
	const records, size = 24_000, 1 << 10
	s := rig.New(t, testbed.Options{})
	if err := os.MkdirAll(s.State, 0o700); err != nil {
		t.Fatal(err)
	}
	q, err := buffer.Open(buffer.Options{Dir: filepath.Join(s.State, "buffer.v2"), Gateway: s.ID, CommitEvery: time.Hour, BootID: [16]byte{7}, Mono: func() int64 { return 60_000 }})
	if err != nil {
		t.Fatal(err)
	}
	dev, err := q.Device("gps")
	filler := strings.Repeat("x", size)
	for i := 0; i < records && err == nil; i++ {
		if err = q.Append(0, dev, 5, fmt.Appendf(nil, `{"tsmId":1,"tsmEv":10,"tsmTs":%d,"tsmTuid":"T","tsmGw":%q,"x":%q}`, 1520416221+i, s.ID, filler)); i%2000 == 1999 {
			q.CommitNow()
			testkit.Eventually(t, "the disk has them", func() bool { return q.Stats().WaitingMemory == 0 })
		}
	}
	if err := errors.Join(err, q.Close()); err != nil {
		t.Fatal(err)
	}
	s.Down()
	g := paged(s, gateway.Options{})
	v := visit(t, s)
	live := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what the first one found to be pooled
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	begun := live()
	body := v.take(t, "/support/readings", nil).Body
	most, whole := int64(-1<<40), int64(0)
	for {
		n, err := io.CopyN(io.Discard, body, 4<<20)
		if whole += n; err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, live()-begun)
	}
	t.Logf("%d bytes went out, with %d more in use", whole, most)
	if whole < records*size || most > 12<<20 {
		t.Errorf("%d bytes went out, with %d more in use", whole, most)
	}

	stalled := v.take(t, "/support/readings", nil).Body
	if _, err := io.CopyN(io.Discard, stalled, 1<<20); err != nil {
		t.Fatal(err)
	}
	s.Up()
	s.Line().Feed(50)
	g.Until("what is read meanwhile, and all that waited, is delivered", func(st *status.Document) bool { return s.Arrived(st) && rig.Drained(st) })
	begin := time.Now()
	if st := g.Halt(); st.Totals.Lost.Sum() != 0 || st.Totals.Acked != records+50 {
		t.Errorf("%+v", st.Totals)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it waited %v for who takes nothing", took)
	} else {
		t.Logf("it ended in %v", took)
	}
	if _, err := io.Copy(io.Discard, stalled); err == nil {
		t.Error("a download that the end of the gateway broke off is taken for whole")
	}
}
