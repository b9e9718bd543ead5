package netcheck

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
	"portti/uplink"
)

var update = flag.Bool("update", false, "write the golden files anew")

const routes = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wlan0	00000000	010000C0	0003	0	0	600	00000000	0	0	0
eth0	00000000	010200C0	0003	0	0	100	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	100	00FFFFFF	0	0	0
`

// good is a machine on which all is well.
func good() *Host {
	server, _ := url.Parse("wss://ingest.example.net/ws")
	addr := netip.MustParseAddr("203.0.113.9")
	return &Host{
		Server: server, Now: func() time.Time { return time.Date(2027, 3, 4, 12, 0, 0, 0, time.UTC) }, Limit: time.Second,
		Root:  fstest.MapFS{"proc/net/route": {Data: []byte(routes)}, "etc/resolv.conf": {Data: []byte("# by hand\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n")}},
		Clock: func() (bool, string, string) { return true, "kernel", "" },
		Addresses: func() ([]Address, error) {
			return []Address{{"eth0", netip.MustParsePrefix("192.0.2.40/24")}, {"eth0", netip.MustParsePrefix("fe80::1/64")}}, nil
		},
		Lookup: func(context.Context, string, string) ([]netip.Addr, error) { return []netip.Addr{addr}, nil },
		Dial:   func(context.Context, string) error { return nil },
		Probe: func(_ context.Context, _ string, _, _ bool, tell func(uplink.Step)) error {
			for _, name := range []string{uplink.StepConnect, uplink.StepUpgrade, uplink.StepLogin, uplink.StepLarge} {
				if name == uplink.StepUpgrade {
					tell(uplink.Step{Name: uplink.StepTLS, Problem: uplink.ProblemTLSName, Says: "the server's certificate is for another name"})
					return nil
				}
				tell(uplink.Step{Name: name})
			}
			return nil
		},
		Explain: func(problem, says string) Advice {
			for _, e := range status.Catalogue() {
				if e.Code == problem {
					a := Advice{Code: problem, Sentence: e.Say("host", "ingest.example.net", "why", says)}
					a.Actions, a.Commands = e.Advise("host", "ingest.example.net", "remedy", "Connect cable, Wi-Fi or modem", "address", "Enter the right address: `sudo portti setup`")
					return a
				}
			}
			return Advice{Code: problem, Sentence: says}
		},
	}
}

// steady leaves out of text what differs from run to run.
func steady(stages []Stage) []Stage {
	for i := range stages {
		words := strings.Fields(stages[i].Sentence)
		for j, w := range words {
			if j > 0 && strings.HasPrefix(w, "ms") {
				words[j-1] = strings.TrimRight(words[j-1], "0123456789.") + "7"
			}
		}
		stages[i].Sentence, stages[i].TookMS = strings.Join(words, " "), 7
	}
	return stages
}

func TestLook(t *testing.T) {
	broken := good()
	broken.Clock = func() (bool, string, string) { return false, "none", "no time server was reached since boot" }
	broken.Addresses = func() ([]Address, error) { return nil, nil }
	broken.Root = fstest.MapFS{}
	broken.Lookup = func(context.Context, string, string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	for name, h := range map[string]*Host{"wrong-name": good(), "no-network": broken} {
		stages := steady(Run(t.Context(), h, func(Stage) {}))
		for _, l := range []console.Options{{Width: 80}, {Width: 60, ASCII: true}, {Plain: true}} {
			var out bytes.Buffer
			for _, s := range stages {
				if err := Show(&out, s, l); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join("testdata", fmt.Sprintf("%s-%d.txt", name, l.Width))
			if *update {
				if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || out.String() != string(want) {
				t.Errorf("%s: %v\n%s", file, err, out.String())
			}
			for line := range strings.Lines(out.String()) {
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); l.Width > 0 && n > l.Width {
					t.Errorf("%s: a line has %d columns: %s", file, n, line)
				}
			}
		}
	}
}

func TestLocalStages(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(h *Host)
		stage   string
		verdict Verdict
		says    string
	}{
		"route of the least metric": {func(*Host) {}, Interface, OK, "eth0 192.0.2.40/24, default route via 192.0.2.1 on eth0"},
		"no route":                  {func(h *Host) { h.Root = fstest.MapFS{} }, Interface, Warn, "no default route"},
		"given by itself": {func(h *Host) {
			h.Addresses = func() ([]Address, error) { return []Address{{"eth0", netip.MustParsePrefix("169.254.1.2/16")}}, nil }
		}, Interface, Fail, "only an address that the machine gave itself"},
		"cannot be read": {func(h *Host) { h.Addresses = func() ([]Address, error) { return nil, errors.New("no") } }, Interface, Skipped, "no"},
		"route of IPv6": {func(h *Host) {
			h.Root = fstest.MapFS{"proc/net/ipv6_route": {Data: []byte(strings.Repeat("0", 32) + " 00 " + strings.Repeat("0", 32) + " 00 fe80000000000000000000000000000a 00000400 00000001 00000000 00000003 wlan0\n")}}
		}, Interface, OK, "via fe80::a on wlan0"},
		"both name servers": {func(*Host) {}, DNS, OK, "by 192.0.2.1"},
		"one name server is silent": {func(h *Host) {
			all := h.Lookup
			h.Lookup = func(ctx context.Context, server, host string) ([]netip.Addr, error) {
				if server == "192.0.2.2" {
					return nil, context.DeadlineExceeded
				}
				return all(ctx, server, host)
			}
		}, DNS, Warn, "192.0.2.2 gives no answer"},
		"they differ": {func(h *Host) {
			all := h.Lookup
			h.Lookup = func(ctx context.Context, server, host string) ([]netip.Addr, error) {
				if server == "192.0.2.2" {
					return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
				}
				return all(ctx, server, host)
			}
		}, DNS, Warn, "192.0.2.2 says 10.0.0.1"},
		"a name that nobody serves": {func(h *Host) { h.Server, _ = url.Parse("wss://box.local/") }, DNS, Fail, "ends in .local"},
		"an address fails": {func(h *Host) {
			h.Lookup = func(context.Context, string, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("203.0.113.9")}, nil
			}
			h.Dial = func(_ context.Context, addr string) error {
				if strings.HasPrefix(addr, "[") {
					return context.DeadlineExceeded
				}
				return nil
			}
		}, TCP, Warn, "[2001:db8::1]:443"},
	} {
		h := good()
		c.change(h)
		if s := Of(Run(t.Context(), h, func(Stage) {}), c.stage); s.Verdict != c.verdict || !strings.Contains(s.Sentence, c.says) {
			t.Errorf("%s: %s %q", name, s.Verdict, s.Sentence)
		}
	}
}

func TestRedirectsOfTheServerItself(t *testing.T) {
	for to, want := range map[string]bool{"h.example": true, "www.h.example": true, "example": true, "login.hotel": false, "evilh.example": false} {
		if related(to, "h.example") != want {
			t.Errorf("%s: %v", to, !want)
		}
	}
}

// TestWaits: a line for each stage that asks the network, which fits a terminal.
func TestWaits(t *testing.T) {
	h := good()
	h.Limit = 10 * time.Second
	for i, want := range []string{"", "", "the name servers", "a connection", "the proxy", "the server", "the server", "a pong", "long pongs", ""} {
		got := h.Waits(i, 4*time.Second)
		if want == "" && got != "" || want != "" && (!strings.Contains(got, "waiting for "+want+", 4 s of 10 s at most") || !strings.HasPrefix(got, fmt.Sprint(i+1, " ", Stages()[i]))) {
			t.Errorf("%d: %q", i, got)
		}
		again := want == "the server" || want == "long pongs"
		if late := h.Waits(i, 12*time.Second); strings.HasSuffix(late, "now in small packets, 12 s of 20 s at most") != again || len(late) >= 80 {
			t.Errorf("%d: %q", i, late)
		}
	}
}
