package console

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// outage is one of the last night, from 02:10 to 02:40, seen at 16:13:11 less ago.
func outage(s *status.Document, change func(*status.Outage)) {
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	end, done := day.Add(8*time.Hour+40*time.Minute), day.Add(8*time.Hour+52*time.Minute)
	o := &status.Outage{Began: day.Add(8*time.Hour + 10*time.Minute), Ended: &end, Done: &done, Trusted: true, Code: "NET-DNS",
		Why: "the name ingest.example.net could not be resolved", Waited: 1812, Delivered: 1812}
	o.BeganS, o.EndedS, o.DoneS = s.Time.Sub(o.Began).Seconds(), s.Time.Sub(end).Seconds(), s.Time.Sub(done).Seconds()
	change(o)
	s.Link.LastOutage = o
}

// offline takes the link away for so long.
func offline(s *status.Document, seconds float64, code, why string) {
	s.Link.State, s.Link.SinceS, s.Link.Since, s.Link.RTTms = status.LinkWaiting, seconds, s.Time.Add(-time.Duration(seconds)*time.Second), 0
	s.Link.NextTryS, s.Link.Problem, s.Link.LastError = 41, code, why
	s.Buffer.Waiting, s.Buffer.WaitingMemory = uint64(seconds*18), 0
	s.Buffer.WaitingDisk, s.Buffer.OldestAgeS, s.Buffer.Bytes = s.Buffer.Waiting, seconds, int64(seconds*18*210)
	s.Totals.Waiting, s.Totals.Read = s.Buffer.Waiting, s.Totals.Acked+s.Buffer.Waiting
	outage(s, func(o *status.Outage) {
		*o = status.Outage{Began: s.Link.Since, BeganS: seconds, Trusted: s.Clock.Trusted, Code: code, Why: why, Waited: s.Buffer.Waiting}
	})
}

// documents are the ones that faces and schemas are kept of: a gateway in each of the states
// that people meet.
func documents() map[string]func(*status.Document) {
	return map[string]func(*status.Document){
		"healthy": func(s *status.Document) { outage(s, func(*status.Outage) {}) },
		"fresh": func(s *status.Document) {
			s.UptimeS, s.Gateway.Name = 12, "raspberrypi"
			s.Link = status.Link{ServerKinds: map[string]uint64{}, State: status.LinkStopped, SinceS: 12, Since: s.Time.Add(-12 * time.Second), Dialect: "thingsee", Problem: "CFG-NO-SERVER", Ack: "fence"}
			s.Buffer, s.Totals, s.Devices = status.Buffer{State: status.BufferOK, CapacityBytes: 200_000_000}, status.Totals{}, []status.Device{}
			s.Started.Reason = status.StartFirst
			s.Problems = []status.Problem{problem("CFG-NO-DEVICE", "", 12), problem("CFG-NO-SERVER", "", 12)}
		},
		"link-down": func(s *status.Document) {
			offline(s, 2820, "NET-DNS", "the name ingest.example.net could not be resolved: no such host")
			s.Problems = []status.Problem{problem("NET-DNS", "", 2820, "host", "ingest.example.net", "why", "no such host")}
		},
		"token-refused": func(s *status.Document) {
			offline(s, 360, "UP-AUTH-REJECTED", "the server says the access token is wrong or expired (close code 4001)")
			s.Problems = []status.Problem{problem("UP-AUTH-REJECTED", "", 360, "why", s.Link.LastError, "remedy", "Get a new token and run: `sudo portti login`")}
		},
		"parked": func(s *status.Document) {
			offline(s, 90_000, "TLS-NAME", "the certificate is for another name: *.example.org")
			s.Link.State, s.Link.NextTryS = status.LinkParked, 290
			s.Link.URL = "wss://ingest.example.net/v1/tenants/8f14e45fceea167a5a36dedd4bea2543/gateways/XXXX00EFS80560445/socket"
			s.Problems = []status.Problem{problem("TLS-NAME", "", 90_000, "host", "ingest.example.net")}
		},
		"buffer-full": func(s *status.Document) {
			offline(s, 930_000, "NET-REFUSED", "connection refused")
			none := int64(0)
			s.Buffer.State, s.Buffer.Bytes, s.Buffer.RoomBytes, s.Buffer.HeadroomS = status.BufferFull, 199_900_000, &none, 0
			s.Buffer.Waiting, s.Buffer.WaitingDisk, s.Totals.Waiting = 812_345, 812_345, 812_345
			s.Totals.Lost = status.Losses{"full": 15_927_655}
			s.Link.LastOutage.Lost = s.Totals.Lost
			s.Problems = []status.Problem{problem("BUF-FULL", "", 86_400, "what", "every second reading of the oldest time is given up to make room"),
				problem("BUF-LOST", "", 30, "count", "lost 4096 readings", "when", " from 2026-11-12T02:10:00Z to 2026-11-12T03:11:00Z", "reason", "the buffer was full"),
				problem("NET-REFUSED", "", 930_000, "host", "ingest.example.net")}
		},
		"lost": func(s *status.Document) {
			s.Totals.Lost = status.Losses{"full": 1200, "corrupt": 12}
			s.Totals.Quarantined = 3
			outage(s, func(o *status.Outage) {
				o.Lost, o.LostMore, o.Delivered = status.Losses{"full": 1200, "corrupt": 12}, true, 600
			})
			s.Problems = []status.Problem{problem("BUF-LOST", "", 1800, "count", "lost 1200 readings", "when", " from 2026-11-22T02:10:00Z to 2026-11-22T02:40:00Z", "reason", "the buffer was full")}
		},
		"disk-degraded": func(s *status.Document) {
			s.Buffer.State, s.Buffer.LastError = status.BufferDegraded, "cannot write 0000000000000012.seg: input/output error"
			s.Problems = []status.Problem{problem("BUF-IO", "", 65, "why", "input/output error")}
		},
		"clock-unset": func(s *status.Document) {
			s.Clock = status.Clock{Source: "none", Reason: "no time server was reached"}
			s.Time, s.UptimeS = time.Unix(4000, 0).UTC(), 3990
			s.Link.Since, s.Link.SinceS = time.Unix(3800, 0).UTC(), 200
			outage(s, func(o *status.Outage) {
				end := s.Time.Add(-200 * time.Second)
				*o = status.Outage{Began: s.Time.Add(-1700 * time.Second), BeganS: 1700, Ended: &end, EndedS: 200, Code: "CLK-UNSET", Waited: 27_000, Delivered: 9000, Left: 18_000}
			})
			s.Problems = []status.Problem{problem("CLK-UNSET", "", 3990)}
		},
		"many-devices": manyDevices,
		"on-trial": func(s *status.Document) {
			s.Problems = []status.Problem{problem("CFG-ON-TRIAL", "", 40, "left", "4 min"),
				problem("CFG-TAKEN-BACK", "", 86_400, "keys", "uplink.url, uplink.token_file and 3 more", "why", "it did not come online in its time and nobody confirmed it")}
		},
		"stopped": func(s *status.Document) {
			offline(s, 1812, "UP-CLOSED", "the server is restarting (close code 1012)")
			s.Running, s.Link.State, s.Link.NextTryS = false, status.LinkStopped, 0
			for i := range s.Devices {
				s.Devices[i].RateHz = 0
			}
		},
		"draining": func(s *status.Document) {
			s.Link.SinceS, s.Link.Since, s.Link.Backlog, s.Link.DrainRate = 95, s.Time.Add(-95*time.Second), true, 8000
			s.Buffer.Waiting, s.Buffer.WaitingDisk, s.Buffer.WaitingMemory, s.Buffer.OldestAgeS, s.Buffer.Bytes = 48_123, 48_100, 23, 7300, 11_000_000
			s.Totals.Waiting, s.Totals.Resent = 48_123, 152
			s.Started = status.Started{Reason: status.StartPowerCut}
			outage(s, func(o *status.Outage) {
				end := s.Link.Since
				*o = status.Outage{Began: s.Time.Add(-7300 * time.Second), BeganS: 7300, Ended: &end, EndedS: 95, Trusted: true, FromStart: true,
					Code: "NET-NO-ROUTE", Why: "network is unreachable", Waited: 52_019, Delivered: 3_919, Left: 48_100}
			})
		},
	}
}

// manyDevices has twenty with long names, in every state, some of which say strange things.
func manyDevices(s *status.Document) {
	states := []string{status.DeviceOK, status.DeviceOK, status.DeviceOK, status.DeviceSilent, status.DeviceMissing, status.DeviceBusy, status.DeviceGarbage}
	s.Devices = nil
	for i := range 20 {
		d := status.Device{Name: fmt.Sprintf("cold-store-%02d.compressor-room.north-wing", i), Type: "ble-bridge", State: states[i%len(states)],
			Port:     fmt.Sprintf("/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285B%d-if00-port0", i),
			Resolved: fmt.Sprintf("/dev/ttyUSB%d", i), LastAgeS: float64(i*i*i) * 31.7, RateHz: 1000 / float64(i*i*i+1), SinceS: 7000}
		switch d.State {
		case status.DeviceOK:
			d.Detail = []string{"", "41 tags heard, 3 of them not known", "lämpötila 21,5 °C – 湿度 40 % \x1b[31m"}[i%3]
		case status.DeviceMissing:
			d.Resolved, d.LastAgeS, d.RateHz = "", -1, 0
			d.LastError = "cannot open " + d.Port + ": no such file or directory"
		case status.DeviceBusy:
			d.LastError = "cannot open /dev/ttyUSB5: in use by ModemManager (pid 511)"
		case status.DeviceGarbage:
			d.LastLine = "\x00\xff\x1b[2J" + strings.Repeat("T=21,5 C;", 12)
		}
		s.Devices = append(s.Devices, d)
	}
	s.Problems = []status.Problem{problem("DEV-BUSY", s.Devices[5].Name, 30, "port", "/dev/ttyUSB5"),
		problem("DEV-GONE", s.Devices[4].Name, 61, "port", s.Devices[4].Port, "remedy", "Plug the adapter in, or switch the device server on")}
}

// TestDocuments holds the documents and every face of them against what a person has
// looked at.
func TestDocuments(t *testing.T) {
	zone := time.FixedZone("EET", 7200)
	for name, change := range documents() {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			s.Running, s.Link.Connects, s.Link.URL = true, 3, "wss://ingest.example.net/socket"
			s.Link.ServerKinds, s.Link.Order = map[string]uint64{}, "fifo"
			s.Downlink, s.Started = status.Downlink{}, status.Started{Reason: status.StartStopped}
			change(s)
			text, err := json.MarshalIndent(s, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			testkit.Golden(t, filepath.Join("testdata", "documents", name+".json"), string(text)+"\n")
			var b strings.Builder
			for _, width := range []int{60, 80, 120} {
				fmt.Fprintf(&b, "-- %d columns --\n%s", width, draw(t, s, Options{Zone: zone, Terminal: true, Width: width}))
			}
			b.WriteString("-- ascii --\n" + draw(t, s, Options{ASCII: true, Terminal: true, Zone: zone}))
			b.WriteString("-- colour --\n" + strings.ReplaceAll(draw(t, s, Options{Colour: true, Terminal: true, Zone: zone}), "\x1b", "^["))
			b.WriteString("-- plain --\n" + draw(t, s, Options{Plain: true}))
			fmt.Fprintf(&b, "-- short --\n%s\n-- glance --\n%s\n", Short(s), s.Glance())
			testkit.Golden(t, filepath.Join("testdata", "documents", name+".txt"), b.String())
			if plain := draw(t, s, Options{Plain: true}); plain != draw(t, s, Options{Plain: true, Width: 120, Colour: true, Terminal: true}) {
				t.Error("the plain form depends on the terminal")
			}
		})
	}
}

// TestDocumentsFit: no line is wider than the terminal unless it is one word.
func TestDocumentsFit(t *testing.T) {
	for name, change := range documents() {
		s := healthy()
		change(s)
		for _, width := range []int{60, 80, 120} {
			for line := range strings.Lines(draw(t, s, Options{Terminal: true, Width: width})) {
				if n := len([]rune(line)) - 1; n > width && len(strings.Fields(line)) > 1 {
					t.Errorf("%s at %d: %d columns: %q", name, width, n, line)
				}
			}
		}
	}
}
