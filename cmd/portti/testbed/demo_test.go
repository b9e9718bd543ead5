package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
	"go.bug.st/serial"

	"portti/cross/testkit"
)

// fakeGateway is the simplest thing that keeps the promise: every line read
// becomes a message, kept in memory until a pong proves it.
type fakeGateway struct {
	config string
	spoil  string // what it does wrong

	mu      sync.Mutex
	link    string
	queue   []string // read, not yet proven
	read    uint64
	acked   uint64
	lost    uint64
	changed chan struct{}
}

func newFake(spoil string) func(string) (Gateway, error) {
	return func(config string) (Gateway, error) {
		if spoil == "refuse" {
			return nil, errors.New("no")
		}
		b, err := os.ReadFile(config)
		return &fakeGateway{config: string(b), spoil: spoil, link: "connecting", changed: make(chan struct{}, 1)}, err
	}
}

// setting finds the values of a key in the configuration.
func (g *fakeGateway) setting(key string) (all []string) {
	for _, m := range regexp.MustCompile(`(?m)^`+key+`\s*= "(.*)"$`).FindAllStringSubmatch(g.config, -1) {
		all = append(all, m[1])
	}
	return all
}

func (g *fakeGateway) Status() GatewayStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := GatewayStatus{Link: g.link, Read: g.read, Acked: g.acked, Waiting: uint64(len(g.queue)), Lost: g.lost}
	if g.spoil == "miscount" {
		s.Read++
	}
	return s
}

func (g *fakeGateway) Run(ctx context.Context) error {
	if g.spoil == "end" {
		return errors.New("disk on fire")
	}
	var all sync.WaitGroup
	defer all.Wait()
	read := make(chan struct{}) // closed when nothing more will be read
	for i, name := range g.setting("port") {
		port, err := serial.Open(name, &serial.Mode{BaudRate: 9600})
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { port.Close() })
		defer port.Close()
		all.Go(func() { g.readPort(port, i) })
	}
	go func() { all.Wait(); close(read) }()
	for {
		err := g.session(read)
		if err == nil {
			return nil
		}
		g.set("waiting")
		time.Sleep(20 * time.Millisecond)
	}
}

func (g *fakeGateway) readPort(port serial.Port, i int) {
	buf := make([]byte, 512)
	for {
		n, err := port.Read(buf)
		if err != nil {
			return
		}
		if bytes.Contains(buf[:n], []byte("heartbeat")) {
			port.Write([]byte("{\"type\":\"heartbeat_ack\"}\n"))
		}
		g.mu.Lock()
		for range bytes.Count(buf[:n], []byte("\r")) {
			g.read++
			if g.spoil == "lose" && g.link == "waiting" {
				g.acked++ // says so, but never sends it
				continue
			}
			g.queue = append(g.queue, fmt.Sprintf(`{"tsmId":%d,"tsmEv":10,"tsmTs":%d,"tsmTuid":"XXXX00FAKE000000%d","value":1.5}`, i+1, g.read, i))
		}
		g.mu.Unlock()
		select {
		case g.changed <- struct{}{}:
		default:
		}
	}
}

func (g *fakeGateway) set(link string) {
	g.mu.Lock()
	g.link = link
	g.mu.Unlock()
}

// session sends until nothing more is read and all is proven (nil) or the link broke.
func (g *fakeGateway) session(read <-chan struct{}) error {
	token, _ := os.ReadFile(g.setting("token_file")[0])
	conn, _, err := websocket.DefaultDialer.Dial(g.setting("url")[0], http.Header{"Authorization": {"Bearer " + strings.TrimSpace(string(token))}})
	if err != nil {
		return err
	}
	defer conn.Close()
	g.set("online")
	pong := make(chan struct{}, 1)
	conn.SetPongHandler(func(string) error { pong <- struct{}{}; return nil })
	broken := make(chan struct{})
	go func() {
		defer close(broken)
		conn.ReadMessage()
	}()
	defer func() { conn.Close(); <-broken }()
	for {
		ended := false // asked before the queue: what was read last is in it then
		select {
		case <-read:
			ended = true
		default:
		}
		g.mu.Lock()
		batch := g.queue[:min(len(g.queue), 100)]
		g.mu.Unlock()
		if len(batch) == 0 {
			if ended {
				return nil
			}
			select {
			case <-g.changed:
			case <-read:
			case <-broken:
				return errors.New("broken")
			}
			continue
		}
		conn.WriteMessage(websocket.TextMessage, []byte("["+strings.Join(batch, ",")+"]"))
		conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
		select {
		case <-pong:
		case <-broken:
			return errors.New("broken")
		}
		g.mu.Lock()
		g.queue = g.queue[len(batch):]
		g.acked += uint64(len(batch))
		g.mu.Unlock()
	}
}

// demoOutput runs a short demo.
func demoOutput(t *testing.T, ctx context.Context, o DemoOptions) (string, error) {
	t.Helper()
	o.Temp = t.TempDir()
	var out safeBuffer
	o.Out = io.MultiWriter(&out, orDefault(o.Out, io.Discard))
	o.Pace, o.Patience = 10, testkit.Patience
	err := Demo(ctx, o)
	if left, _ := os.ReadDir(o.Temp); len(left) != 0 {
		t.Errorf("the demo left %v behind", left)
	}
	for l := range strings.Lines(out.String()) {
		if utf8.RuneCountInString(strings.TrimSuffix(l, "\n")) > width && !strings.Contains(l, "portti-demo-") {
			t.Errorf("wider than %d columns: %q", width, l)
		}
	}
	return out.String(), err
}

// safeBuffer may be read while the demo writes.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestDemoTellsItsStory(t *testing.T) {
	t.Parallel()
	text, err := demoOutput(t, t.Context(), DemoOptions{Once: true, NewGateway: newFake("")})
	if err != nil {
		t.Fatal(err, "\n", text)
	}
	for _, want := range []string{
		"1. The gateway", "The first message as it came", `"tsmTuid":"XXXX00FAKE`, "2. The link is cut", "link waiting",
		"3. The link is restored", "drained in", "none is lost", "link online", "sees the sky", "The books balance",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the story lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestDemoTellsOfTheTunnel(t *testing.T) {
	var said []string
	g := newGPS(t, GPSOptions{Seed: 1, Warmup: 2 * time.Second, TunnelAt: 5 * time.Second, Tunnel: 2 * time.Second})
	script(&watchedGPS{GPS: g, say: func(text string) { said = append(said, text) }}, noon(), 10*time.Second)
	if len(said) != 3 || !strings.Contains(said[0], "fix") || !strings.Contains(said[1], "tunnel") || said[2] != said[0] {
		t.Errorf("%q", said)
	}
}

func TestDemoFindsAGatewayThatCheats(t *testing.T) {
	for spoil, says := range map[string]string{
		"lose":     "the gateway counts",
		"miscount": "are accounted for",
		"end":      "disk on fire",
		"refuse":   "cannot make the demo's gateway",
	} {
		t.Run(spoil, func(t *testing.T) {
			t.Parallel()
			text, err := demoOutput(t, t.Context(), DemoOptions{Once: true, NewGateway: newFake(spoil)})
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%v\n%s", err, text)
			}
			if strings.Contains(text, "The books balance") {
				t.Error("the story ends well")
			}
		})
	}
}

func TestDemoStopsWhenTold(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	text, err := demoOutput(t, ctx, DemoOptions{NewGateway: newFake(""), Out: whenTold{"link waiting", cancel}})
	if err != nil || !strings.Contains(text, "Stopped;") || strings.Contains(text, "The link is restored") {
		t.Fatal(err, text)
	}
}

// whenTold does something when a text comes.
type whenTold struct {
	text string
	do   func()
}

func (w whenTold) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(w.text)) {
		w.do()
	}
	return len(b), nil
}

func TestBalance(t *testing.T) {
	good := GatewayStatus{Read: 10, Acked: 10}
	for _, c := range []struct {
		name        string
		g           GatewayStatus
		r           Stats
		interrupted bool
		ok          bool
	}{
		{"all arrived", good, Stats{Distinct: 10}, false, true},
		{"some came twice", good, Stats{Distinct: 10, Repeats: 3}, false, true},
		{"one is missing at the server", good, Stats{Distinct: 9}, false, false},
		{"one is missing though interrupted", good, Stats{Distinct: 9}, true, false},
		{"one too many", good, Stats{Distinct: 11}, false, false},
		{"the gateway does not add up", GatewayStatus{Read: 11, Acked: 10}, Stats{Distinct: 10}, false, false},
		{"lost, and said so", GatewayStatus{Read: 11, Acked: 10, Lost: 1}, Stats{Distinct: 10}, false, false},
		{"interrupted with readings waiting", GatewayStatus{Read: 12, Acked: 10, Waiting: 2}, Stats{Distinct: 10}, true, true},
		{"interrupted, arrived but not proven", GatewayStatus{Read: 12, Acked: 10, Waiting: 2}, Stats{Distinct: 12}, true, true},
		{"waiting at the end", GatewayStatus{Read: 12, Acked: 10, Waiting: 2}, Stats{Distinct: 10}, false, false},
		{"a repeat with other bytes", good, Stats{Distinct: 10, Repeats: 1, Changed: 1}, false, false},
		{"nothing happened", GatewayStatus{}, Stats{}, false, false},
	} {
		if err := balance(c.g, c.r, c.interrupted); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestDescribeFitsALine(t *testing.T) {
	long := `{"tsmId":12100,"tsmEv":10,"tsmTs":1520416221.123,"tsmTuid":"XXXX03X2Z80562557","tsmGw":"G","temp":21.30,"text":"` + strings.Repeat("x", 200) + `"}`
	kind, text := describe([]byte(long))
	if kind != "XXXX03X2Z80562557 12100" || len(text) > width-12 || !strings.Contains(text, " temp=21.30 ...") {
		t.Fatalf("%q %q", kind, text)
	}
	for _, bad := range []string{"", "[]", "{", `{"a"`, "null"} {
		if kind, _ := describe([]byte(bad)); kind != "" {
			t.Errorf("%q was described", bad)
		}
	}
	if got := strings.ReplaceAll(strings.ReplaceAll(wrap([]byte(msg(1))), "\n", ""), "    ", ""); got != msg(1) {
		t.Fatalf("wrapping changed the message: %s", got)
	}
}

// The demo's configuration must stay one that a person would write.
func TestDemoConfigNamesRealThings(t *testing.T) {
	dir := t.TempDir()
	file, err := writeConfig(dir, "ws://127.0.0.1:1/socket")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(file)
	bridge, _ := NewBridge(BridgeOptions{})
	for _, want := range append(demoPorts(dir), append(bridge.Addresses(), filepath.Join(dir, "token"))...) {
		if !strings.Contains(string(b), `"`+want+`"`) {
			t.Errorf("the configuration does not name %s", want)
		}
	}
}
