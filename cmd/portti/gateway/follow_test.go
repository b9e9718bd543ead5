package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
	"portti/device/recording"
)

// dialFollow asks for what happens on a device and reads nothing of the answer yet.
func dialFollow(t *testing.T, s *rig.Site, name, view string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(s.Dir, "run", "portti.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /api/v1/devices/%s/follow?%s HTTP/1.1\r\nHost: portti\r\n\r\n", name, view)
	return conn
}

func answered(t *testing.T, conn net.Conn) (*recording.Reader, recording.Header) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(testkit.Patience))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	r, h, err := recording.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, h
}

// Row 193: a viewer on the control socket that takes nothing while 10,000 lines pass
// keeps none of them from the server, and hears afterwards what it missed.
func TestViewerThatHangs(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	hung := dialFollow(t, s, "panel", "raw=1&readings=1")
	g.Until("it follows", func(st *status.Document) bool { return st.Devices[0].Followers == 1 })
	s.Line().Feed(10_000)
	// What was sent to it is read before its connection is closed, 10 s after it was full.
	g.Until("it was dropped", func(st *status.Document) bool { return st.Devices[0].FollowersDropped == 1 })
	r, h := answered(t, hung)
	if h.Name != "panel" || h.Type != "lines" || h.Gateway != s.ID || string(h.Keys["id"]) != fmt.Sprintf("%q", s.Line().Tuid) {
		t.Errorf("%+v", h)
	}
	readings, bytes := 0, 0
	var last recording.Record
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch last = rec; rec.What {
		case recording.Reading:
			readings++
		case recording.In:
			bytes += len(rec.Data)
		}
	}
	if readings == 0 || readings == 10_000 || last.What != recording.Stopped || !strings.Contains(string(last.Data), "bytes in") {
		t.Errorf("%d readings, %d bytes, then %s", readings, bytes, last.Data)
	}
	hung.Close()
	if st := g.Until("all are delivered", s.Delivered); st.Totals.Read != 10_000 {
		t.Errorf("%+v", st.Totals)
	}
	g.Until("its place is free", func(st *status.Document) bool { return st.Devices[0].Followers == 0 })
	s.Settled(g.Halt())
}

// A viewer sees what is sent, and the end of the gateway.
func TestViewerSeesWhatIsSent(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{Version: "1.2.3"})
	conn := dialFollow(t, s, "panel", "readings=1")
	r, h := answered(t, conn)
	if h.Portti != "1.2.3" {
		t.Errorf("%+v", h)
	}
	if rec, err := r.Next(); err != nil || rec.What != recording.Opened {
		t.Fatal(rec, err)
	}
	s.Line().Feed(3)
	for n := 1; n <= 3; n++ {
		rec, err := r.Next()
		if err != nil || rec.What != recording.Reading || !strings.HasSuffix(string(rec.Data), fmt.Sprintf(`"n":%d}`, n)) {
			t.Fatal(string(rec.Data), err)
		}
	}
	g.Until("they are delivered", s.Delivered)
	began := time.Now()
	s.Settled(g.Halt())
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a viewer held the stop up for %v", took)
	}
	if rec, err := r.Next(); err != nil || rec.What != recording.Stopped || !strings.Contains(string(rec.Data), "the gateway stops") {
		t.Errorf("%+v %s %v", rec, rec.Data, err)
	}
}

func TestFollowRefusals(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	ask := func(name string) (int, string) {
		conn := dialFollow(t, s, name, "raw=1")
		_ = conn.SetReadDeadline(time.Now().Add(testkit.Patience))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusOK {
			return resp.StatusCode, ""
		}
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	if code, text := ask("pump"); code != http.StatusUnprocessableEntity || text != "there is no device \"pump\": the running gateway has panel\n" {
		t.Errorf("%d %s", code, text)
	}
	for code := http.StatusOK; code == http.StatusOK; {
		var text string
		if code, text = ask("panel"); code != http.StatusOK && (code != http.StatusTooManyRequests || !strings.Contains(text, "16 already follow")) {
			t.Errorf("%d %s", code, text)
		}
	}
	g.Halt()
}

// Row 195: an address for sharing that is taken is a problem, and the device is read.
func TestShareAddressIsTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := rig.New(t, testbed.Options{})
	s.Device = fmt.Sprintf("share = %q", taken.Addr())
	g := s.Run(gateway.Options{})
	s.Line().Feed(10)
	g.Until("they are delivered", s.Delivered)
	st := g.Until("it is shown", func(st *status.Document) bool {
		for _, p := range st.Problems {
			if p.Code == "DEV-SHARE" && p.Subject == "panel" && strings.Contains(p.Sentence, taken.Addr().String()) {
				return true
			}
		}
		return false
	})
	if sh := st.Devices[0].Share; sh == nil || !strings.Contains(sh.Error, "in use") {
		t.Errorf("%+v", sh)
	}
	g.Halt()
}
