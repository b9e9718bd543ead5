package device

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

// dongle is a BleuIO dongle on a port with a clock of its own. It answers as the
// maker's page shows, once it is verbose, and scans when it is told to.
type dongle struct {
	now      time.Time
	deadline time.Time
	pending  []byte
	verbose  bool
	scanning bool
	mute     bool // it has been restarted and says nothing
	wrote    []string
	waits    int
	scan     func(d *dongle) (line string, more bool) // what a scan brings
}

func (d *dongle) Read(b []byte) (int, error) {
	if len(d.pending) == 0 && d.scanning && !d.mute {
		line, more := d.scan(d)
		if !more {
			return 0, io.EOF
		}
		d.pending = []byte(line)
	}
	if len(d.pending) == 0 {
		d.waits++
		if d.waits > 100 {
			return 0, io.EOF
		}
		d.now = d.deadline
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(b, d.pending)
	d.pending = d.pending[n:]
	return n, nil
}

func (d *dongle) Write(b []byte) (int, error) {
	d.wrote = append(d.wrote, string(b))
	switch string(b) {
	case "\x03":
		d.scanning, d.mute = false, false
	case "ATV1\r":
		d.verbose = true
		d.pending = append(d.pending, "VERBOSE ON\r\n"...)
	case "AT+FINDSCANDATA\r":
		d.scanning = true
		d.pending = append(d.pending, "{\"C\":6,\"cmd\":\"AT+FINDSCANDATA\"}\r\n{\"A\":6,\"err\":0,\"errMsg\":\"ok\"}\r\n{\"R\":6,\"action\":\"scanning\"}\r\n{\"E\":6,\"nol\":4}\r\n"...)
	default:
		if d.verbose {
			d.pending = append(d.pending, "{\"C\":5,\"cmd\":\"AT\"}\r\n{\"A\":5,\"err\":0,\"errMsg\":\"ok\"}\r\n{\"E\":5,\"nol\":3}\r\n"...)
		}
	}
	return len(b), nil
}

func (d *dongle) SetReadDeadline(t time.Time) error { d.deadline = t; return nil }

func runDongle(t *testing.T, d *dongle) *bleOut {
	t.Helper()
	c := bleConfig()
	own[BridgeOptions](&c).Dialect = bleuioDialect
	driver, err := bleBridgeKind().New(c, Env{Gateway: "XXXX00GTW00000001", Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return d.now }})
	if err != nil {
		t.Fatal(err)
	}
	out := &bleOut{}
	if err := driver.Run(d, out); !errors.Is(err, io.EOF) {
		t.Fatalf("Run ended with %v", err)
	}
	return out
}

// TestBleuIO: it is told to scan; and again when the scan ends, or nothing comes
// any more.
func TestBleuIO(t *testing.T) {
	lines := []string{
		`{"SF":6,"rssi":-61,"addr":"[1]CB:B8:33:4C:88:4F","data":"0201061BFF99040512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F"}`,
		`{"SF":6,"rssi":-62,"addr":"[0]A4:C1:38:00:00:01","data":"0716D2FC4002C409"}`,
		`{"SE":6,"action":"scan completed"}`,
		`{"SF":6,"addr":"[0]A4:C1:38:00:00:01","data":"0716D2FC4002C509"}`,
		"restart",
		`{"SF":6,"addr":"[0]A4:C1:38:00:00:01","data":"0716D2FC4002C609"}`,
	}
	d := &dongle{now: time.Unix(1e9, 0)}
	d.scan = func(d *dongle) (string, bool) {
		if len(lines) == 0 {
			return "", false
		}
		line := lines[0]
		lines = lines[1:]
		if line == "restart" { // within the dongle, the port stays
			d.mute, d.scanning, d.verbose = true, false, false
			return "\r\n", true
		}
		return line + "\r\n", true
	}
	start := d.now
	out := runDongle(t, d)
	all := commands()
	want := strings.Join([]string{all, all, all}, "")
	if got := strings.Join(d.wrote, ""); got != want {
		t.Errorf("wrote %q\nwant  %q", got, want)
	}
	text := strings.Join(out.messages, "\n")
	for _, part := range []string{`"temp":24.3`, `"temp":25}`, `"temp":25.01}`, `"temp":25.02}`, `"rssiDbm":-61`} {
		if !strings.Contains(text, part) {
			t.Errorf("%s is missing in\n%s", part, text)
		}
	}
	if passed := d.now.Sub(start); passed < bleuioSilence || passed > bleuioSilence+time.Minute {
		t.Errorf("it took %v", passed)
	}
}

func commands() string {
	all := bleuioCommands()
	return strings.Join(all[:], "")
}

// TestBleuIODeaf: a dongle that never answers is told again and again, half a
// second between commands, and each time after bleuioSilence.
func TestBleuIODeaf(t *testing.T) {
	d := &dongle{now: time.Unix(1e9, 0), scan: func(*dongle) (string, bool) { return "", true }}
	deaf := &deafDongle{dongle: d}
	c := bleConfig()
	own[BridgeOptions](&c).Dialect = bleuioDialect
	driver, _ := bleBridgeKind().New(c, Env{Gateway: "XXXX00GTW00000001", Now: func() time.Time { return d.now }})
	if err := driver.Run(deaf, &bleOut{}); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if rounds := strings.Count(strings.Join(d.wrote, ""), "AT+FINDSCANDATA"); rounds < 5 || rounds > 30 {
		t.Errorf("told %d times in %v", rounds, d.now.Sub(time.Unix(1e9, 0)))
	}
	if d.now.Sub(time.Unix(1e9, 0)) < 5*bleuioSilence {
		t.Error("it is told without a pause")
	}
}

type deafDongle struct{ *dongle }

func (d *deafDongle) Write(b []byte) (int, error) {
	d.wrote = append(d.wrote, string(b))
	return len(b), nil
}

// TestBridgeIsNotWrittenTo: without the dialect nothing is ever said to a bridge
// but the answer to its heartbeat.
func TestBridgeIsNotWrittenTo(t *testing.T) {
	_, port := bleRun(t, bleConfig(), []byte(`{"SF":6,"addr":"[0]A4:C1:38:00:00:01","data":"0716D2FC4002C409"}`+"\n"+`{"SE":6}`+"\n"), 99)
	if port.wrote.Len() > 0 {
		t.Errorf("wrote %q", port.wrote.String())
	}
}
