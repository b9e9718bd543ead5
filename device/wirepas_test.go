package device

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/device/dualmcu"
	"portti/device/dualmcu/sinktest"
	"portti/device/thingsee"
)

// Payloads of sensors, in CBOR.
const (
	meshMove    = "9fa30119332c020a182c07ff"                                     // 13100, as Haltian prints it
	meshWeather = "9fa601192f44020a181e18d71820190190 18211a0609d000 181f1864ff" // 12100: 21.5, 40.0, 101306.368, 100
	meshAlien   = "82a301192f44020a1820190190 a40119044c020a182c031903e604"      // 12100 without more; 1100 with what it has no place for
	meshUnknown = "a301199c40020a181e18d7"                                       // 40000, temp 21.5
	meshBroken  = "9fa30119332c02"                                               // cut off
	meshRange   = "a4011911 44 020a 181e 39 ffff 1820 1903e8"                    // 4420, unknown: far too cold, 100 %
	meshCold    = "a401192f44 020a 181e 39 ffff 1820 1903e8"                     // 12100: the same
	meshBadSwi  = "a301192f45020a182f07"                                         // 12101 without hall
	meshNode    = uint32(0x00C0DB01)
	meshNode2   = uint32(0x000000DB)
)

func meshBytes(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// meshData is what a node sends to the Thingsee endpoint, a second ago.
func meshData(node uint32, payload string) dualmcu.Data {
	return dualmcu.Data{Source: node, SourceEnd: 21, DestEnd: 21, Hops: 2, Travel: 128, APDU: meshBytes(payload)}
}

// meshOut is an Out that may be looked at while a driver runs.
type meshOut struct {
	mu sync.Mutex
	collect
	ages  []int64
	flags map[string]bool
	nodes int
}

// Heard is part of Hearer.
func (m *meshOut) Heard(things int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes = things
}

func (m *meshOut) Emit(msg *thingsee.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.collect.Emit(msg)
	m.ages = append(m.ages, msg.Age)
}

func (m *meshOut) Frame(r Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.collect.Frame(r)
}

func (m *meshOut) Detail(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.collect.Detail(text)
}

func (m *meshOut) Flag(code string, on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flags[code] = on
}

func (m *meshOut) look(f func()) {
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// mesh is a driver at work on a sink, in a bubble.
type mesh struct {
	t    *testing.T
	sink *sinktest.Sink
	out  *meshOut
	w    *wirepas
	near net.Conn
	end  chan error // what Run returned
	full float64    // how full the buffer is
	mu   sync.Mutex
}

func (m *mesh) pressure() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.full
}

func (m *mesh) fill(full float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = full
}

// newMesh runs a driver on a new sink, which prepare sets up before the driver asks it.
func newMesh(t *testing.T, o WirepasOptions, prepare ...func(*sinktest.Sink)) *mesh {
	t.Helper()
	m := &mesh{t: t, sink: sinktest.New(meshNode)}
	for _, f := range prepare {
		f(m.sink)
	}
	m.begin(o)
	return m
}

// begin runs a driver on the sink; the one before has ended.
func (m *mesh) begin(o WirepasOptions) {
	m.t.Helper()
	d, err := newWirepas(Config{ID: "XXXX03WPS00000001", Options: &o}, Env{Gateway: "XXXX00GTW00000001", Log: slog.New(slog.DiscardHandler), Pressure: m.pressure})
	if err != nil {
		m.t.Fatal(err)
	}
	near, far := net.Pipe()
	m.out = &meshOut{flags: map[string]bool{}}
	m.w, m.near, m.end = d.(*wirepas), near, make(chan error, 1)
	go m.sink.Serve(far)
	go func() { m.end <- m.w.Run(near, m.out); _ = near.Close() }()
	m.t.Cleanup(func() { _ = near.Close(); _ = far.Close() })
}

func (m *mesh) stop() {
	m.w.Leave(m.near)
	_ = m.near.Close()
	<-m.end
}

// says waits for so many messages and gives them all.
func (m *mesh) says(n int) (messages []string) {
	m.t.Helper()
	for range 1000 {
		m.out.look(func() { messages = m.out.messages })
		if len(messages) >= n {
			break
		}
		time.Sleep(10 * time.Millisecond) // of the bubble
	}
	if len(messages) != n {
		m.t.Fatalf("%d messages, want %d:\n%s", len(messages), n, strings.Join(messages, "\n"))
	}
	return messages
}

func meshTest(t *testing.T, o WirepasOptions, f func(t *testing.T, m *mesh), prepare ...func(*sinktest.Sink)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, o, prepare...)
		f(t, m)
		m.stop()
		if bad := m.sink.Bad(); bad != 0 {
			t.Errorf("the sink could not read %d frames of the driver", bad)
		}
	})
}

func TestWirepasReads(t *testing.T) {
	meshTest(t, WirepasOptions{Nodes: map[string]string{"0x00C0DB01": "XXXX03TEMP0000001"}}, func(t *testing.T, m *mesh) {
		m.sink.Data(meshData(meshNode, meshWeather))
		m.sink.Data(meshData(meshNode2, meshMove))
		for i, want := range []string{
			`{"tsmId":12100,"tsmEv":10,"tsmTuid":"XXXX03TEMP0000001","temp":21.5,"lght":100,"humd":40,"airp":101306.368}`,
			`{"tsmId":13100,"tsmEv":10,"tsmTuid":"XXXX03000000000DB","moveCount":7}`,
		} {
			if got := m.says(2)[i]; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		m.out.look(func() {
			if m.out.ages[0] != 1000 || m.out.detail != "sink 0x00C0DB01, stack running, 2 nodes heard" || m.out.nodes != 2 || m.out.bad() != 0 || m.out.frames[Unknown] != 0 {
				t.Errorf("ages %v, detail %q, frames %v", m.out.ages, m.out.detail, m.out.frames)
			}
		})
	})
}

// TestWirepasMessages: what becomes of each payload, and what its frame counts as.
func TestWirepasMessages(t *testing.T) {
	const head = `"tsmTuid":"XXXX03000000000DB"`
	for name, c := range map[string]struct {
		payload string
		result  Result
		want    []string
	}{
		"two messages, one with more than it defines": {meshAlien, OK, []string{
			`{"tsmId":12100,"tsmEv":10,` + head + `,"humd":40}`, `{"tsmId":90200,"tsmEv":10,` + head + `,"message":1100,"moveCount":3,"cbor998":4}`}},
		"an unknown message":       {meshUnknown, OK, []string{`{"tsmId":90200,"tsmEv":10,` + head + `,"message":40000,"temp":21.5}`}},
		"unknown and out of range": {meshRange, Range, []string{`{"tsmId":90200,"tsmEv":10,` + head + `,"message":4420,"humd":100}`}},
		"out of range":             {meshCold, Range, []string{`{"tsmId":12100,"tsmEv":10,` + head + `,"humd":100}`}},
		"what it must have misses": {meshBadSwi, OK, []string{`{"tsmId":90200,"tsmEv":10,` + head + `,"message":12101,"hallCount":7}`}},
		"header alone":             {"a2011903e8 0211", OK, []string{`{"tsmId":1000,"tsmEv":17,` + head + `}`}},
		"a table":                  {"a3011943 31 020a 182d 82 820102 820304", OK, []string{`{"tsmId":17201,"tsmEv":10,` + head + `,"dist":[[1,2],[3,4]]}`}},
		"a table of texts":         {"a3011943 31 020a 182d 81 6141", Malformed, nil},
		"a text":                   {"a30119044c 020b 1846 63312e32", OK, []string{`{"tsmId":1100,"tsmEv":11,` + head + `,"swVersion":"1.2"}`}},
		"a text for a number":      {"a301192f44 020a 1820 6141", Malformed, nil},
		"an address as a text":     {"a4011904b0 020a 183c 1a00c0db01 183d 18c8", OK, []string{`{"tsmId":1200,"tsmEv":10,` + head + `,"wpnode":"12638977","rssi":200}`}},
		"bytes":                    {"a3011 90d48 020a 18b8 420a0b", OK, []string{`{"tsmId":3400,"tsmEv":10,` + head + `,"payload":"0a0b"}`}},
		"too many bytes":           {"a301190d48 020a 18b8 58 65" + strings.Repeat("00", 101), Range, nil},
		"a float":                  {"a301192f44 020a 181e f95ab8", OK, []string{`{"tsmId":12100,"tsmEv":10,` + head + `,"temp":21.5}`}},
		"no number":                {"a301192f44 020a 181e f97e00", Range, nil},
		"true":                     {"a301192f45 0207 182e f5", OK, []string{`{"tsmId":12101,"tsmEv":7,` + head + `,"hall":1}`}},
		"not known":                {"a401192f44 020a 181e f6 182005", OK, []string{`{"tsmId":12100,"tsmEv":10,` + head + `,"humd":0.5}`}},
		"cut off":                  {meshBroken, Malformed, nil},
		"no CBOR":                  {"ff", Malformed, nil},
		"nothing":                  {"", Malformed, nil},
		"compressed":               {"78 9c 01 0c00 f3ff 9fa30119332c020a182c07ff 14 67 03 12", OK, []string{`{"tsmId":13100,"tsmEv":10,` + head + `,"moveCount":7}`}},
	} {
		t.Run(name, func(t *testing.T) {
			meshTest(t, WirepasOptions{}, func(t *testing.T, m *mesh) {
				m.sink.Data(meshData(meshNode2, c.payload))
				got := m.says(len(c.want))
				time.Sleep(time.Second)
				m.out.look(func() {
					if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
						t.Errorf("got  %s\nwant %s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
					}
					if n := m.out.frames[c.result]; n == 0 || c.result != OK && n != 1 || m.out.bad() > 1 {
						t.Errorf("frames %v, want one %v", m.out.frames, c.result)
					}
				})
			})
		})
	}
}

func TestWirepasEndpoints(t *testing.T) {
	meshTest(t, WirepasOptions{}, func(t *testing.T, m *mesh) {
		for _, end := range []byte{1, 22, 240, 247, 255} {
			d := meshData(meshNode2, meshMove)
			d.DestEnd = end
			m.sink.Data(d)
		}
		m.sink.Data(meshData(meshNode2, meshMove))
		m.says(1)
		m.out.look(func() {
			if m.out.frames[Unknown] != 5 || m.out.bad() != 0 {
				t.Errorf("frames %v", m.out.frames)
			}
		})
	})
}

// TestWirepasPolls: 50 times a second while indications come, twice where none came for
// ten seconds.
func TestWirepasPolls(t *testing.T) {
	meshTest(t, WirepasOptions{}, func(t *testing.T, m *mesh) {
		polls := func(d time.Duration) int {
			synctest.Wait()
			n := m.sink.Requests(dualmcu.Poll)
			time.Sleep(d)
			synctest.Wait()
			return m.sink.Requests(dualmcu.Poll) - n
		}
		if n := polls(9 * time.Second); n < 440 || n > 460 {
			t.Errorf("%d polls in the first 9 s", n)
		}
		time.Sleep(2 * time.Second)
		if n := polls(10 * time.Second); n < 19 || n > 21 {
			t.Errorf("%d polls in 10 s of silence", n)
		}
		m.sink.Data(meshData(meshNode2, meshMove))
		m.says(1)
		if n := polls(5 * time.Second); n < 240 || n > 260 {
			t.Errorf("%d polls in 5 s after an indication", n)
		}
	})
}

// TestWirepasManyInARow: whatever waits comes, in order, 30 for each poll.
func TestWirepasManyInARow(t *testing.T) {
	meshTest(t, WirepasOptions{}, func(t *testing.T, m *mesh) {
		const n = 10_000
		for i := range n {
			m.sink.Data(meshData(uint32(i%50), fmt.Sprintf("a30119332c020a182c19%04x", i)))
		}
		begun := time.Now()
		for i, got := range m.says(n) {
			if !strings.HasSuffix(got, fmt.Sprintf(`"moveCount":%d}`, i)) {
				t.Fatalf("number %d is %s", i, got)
			}
		}
		polls := m.sink.Requests(dualmcu.Poll)
		if polls < n/wirepasRow || polls > n/wirepasRow+60 || time.Since(begun) > 10*time.Second || m.sink.Taken() != n {
			t.Errorf("%d polls, %v, %d taken", polls, time.Since(begun), m.sink.Taken())
		}
	})
}

// TestWirepasLine: what a bad line does to frames costs time and no reading.
func TestWirepasLine(t *testing.T) {
	for name, spoil := range map[string]func(s *sinktest.Sink){
		"a request is understood wrongly":   func(s *sinktest.Sink) { s.Refuse(3) },
		"and again and again":               func(s *sinktest.Sink) { s.Refuse(11) },
		"what the sink says comes spoiled":  func(s *sinktest.Sink) { s.Spoil(7) },
		"it does not hear that we heard":    func(s *sinktest.Sink) { s.Lose(1) },
		"it does not hear it several times": func(s *sinktest.Sink) { s.Lose(4) },
		"it says nothing for a while":       func(s *sinktest.Sink) { s.Silence(true); time.Sleep(40 * time.Second); s.Silence(false) },
		"all of that":                       func(s *sinktest.Sink) { s.Refuse(2); s.Spoil(3); s.Lose(2) },
	} {
		t.Run(name, func(t *testing.T) {
			meshTest(t, WirepasOptions{}, func(t *testing.T, m *mesh) {
				const n = 100
				for i := range n {
					if i == n/2 {
						m.says(n / 2)
						spoil(m.sink)
					}
					m.sink.Data(meshData(meshNode2, fmt.Sprintf("a30119332c020a182c18%02x", i+24)))
				}
				for i, got := range m.says(n) {
					if !strings.HasSuffix(got, fmt.Sprintf(`"moveCount":%d}`, i+24)) {
						t.Errorf("number %d is %s", i, got)
					}
				}
			})
		})
	}
}

// TestWirepasRestart: a sink that is switched off and on is read again, and asked anew.
func TestWirepasRestart(t *testing.T) {
	meshTest(t, WirepasOptions{}, func(t *testing.T, m *mesh) {
		m.sink.Data(meshData(meshNode2, meshMove))
		m.says(1)
		m.sink.Silence(true)
		time.Sleep(20 * time.Second)
		m.out.look(func() {
			if !m.out.flags["WPS-MUTE"] {
				t.Error("a sink that is mute for 20 s is no problem")
			}
		})
		m.sink.Restart(byte(dualmcu.Stopped | dualmcu.NoChannel))
		m.sink.Silence(false)
		time.Sleep(2 * time.Second)
		m.out.look(func() {
			if m.out.flags["WPS-MUTE"] || !m.out.flags["WPS-STOPPED"] || m.out.detail != "sink 0x00C0DB01, stack stopped: no network channel is set, 1 node heard" {
				t.Errorf("%v, %q", m.out.flags, m.out.detail)
			}
		})
		m.sink.Restart(0)
		m.sink.Data(meshData(meshNode2, meshMove))
		m.says(2)
		time.Sleep(time.Second)
		m.out.look(func() {
			if m.out.flags["WPS-STOPPED"] || m.out.detail != "sink 0x00C0DB01, stack running, 1 node heard" {
				t.Errorf("%v, %q", m.out.flags, m.out.detail)
			}
		})
		if n := m.sink.Requests(dualmcu.MSAPRead); n < 3 {
			t.Errorf("the status was read %d times", n)
		}
	})
}

// TestWirepasGone: a sink that is off for an hour is asked on, seldom, so that the problem
// stands as long as it lasts, and is read as soon as it is back.
func TestWirepasGone(t *testing.T) {
	meshTest(t, WirepasOptions{}, func(t *testing.T, m *mesh) {
		m.sink.Silence(true)
		time.Sleep(time.Hour)
		select {
		case err := <-m.end:
			t.Fatal("ended with", err)
		default:
		}
		m.out.look(func() {
			if !m.out.flags["WPS-MUTE"] {
				t.Errorf("after an hour: %v", m.out.flags)
			}
		})
		m.sink.Silence(false)
		m.sink.Data(meshData(meshNode2, meshMove))
		m.says(1)
		m.out.look(func() {
			if m.out.flags["WPS-MUTE"] {
				t.Errorf("it is back: %v", m.out.flags)
			}
		})
	})
}

// TestWirepasFragments: in any order, repeated, of two nodes at once.
func TestWirepasFragments(t *testing.T) {
	meshTest(t, WirepasOptions{}, func(t *testing.T, m *mesh) {
		payload := "98 1e" + strings.Repeat("a30119332c020a182c07", 30) // an array of 30
		apdu := meshBytes(payload)
		var parts []dualmcu.Data
		for node := uint32(1); node <= 2; node++ {
			for at := 0; at < len(apdu); at += 90 {
				d := meshData(node, "")
				d.Fragment, d.Packet, d.Offset, d.Last, d.APDU = true, 7, uint16(at), at+90 >= len(apdu), apdu[at:min(at+90, len(apdu))]
				parts = append(parts, d)
			}
		}
		n := len(parts)
		for i := range parts {
			m.sink.Data(parts[(i*5+2)%n]) // n is 8
			m.sink.Data(parts[(i*5+2)%n])
		}
		m.says(60)
		late := parts[0]
		late.Packet = 8
		m.sink.Data(late)
		time.Sleep(2 * time.Minute)
		m.out.look(func() {
			if m.out.frames[Malformed] < 1 {
				t.Errorf("a packet that was never whole is not counted: %v", m.out.frames)
			}
		})
	})
}

func costsFive(s *sinktest.Sink) { s.SetCost(5) }

func TestWirepasCost(t *testing.T) {
	meshTest(t, WirepasOptions{RaiseCost: true}, func(t *testing.T, m *mesh) {
		cost := func(what string, want byte) {
			t.Helper()
			time.Sleep(3 * time.Second)
			if got := m.sink.Cost(); got != want {
				t.Errorf("%s: the cost is %d, want %d", what, got, want)
			}
		}
		cost("an empty buffer", 5)
		m.fill(0.95)
		cost("nearly full", 254)
		m.fill(0.8)
		cost("a little less", 254)
		m.fill(0.7)
		cost("room again", 5)
		m.stop()

		m.sink.SetCost(7)
		m.begin(WirepasOptions{RaiseCost: true})
		m.fill(0.95)
		cost("nearly full", 254)
		m.sink.Restart(0)
		cost("after the sink's restart", 254)
		m.sink.SetCost(254)
		m.stop()
		cost("stopped", 0)

		m.sink.SetCost(254)
		m.begin(WirepasOptions{RaiseCost: true})
		cost("an earlier run died, and it is full yet", 254)
		m.fill(0.1)
		cost("an earlier run died", 0)
	}, costsFive)
}

// TestWirepasCostUnconfirmed: a cost that the sink has taken and not confirmed, or not been
// heard to, is taken back like any other.
func TestWirepasCostUnconfirmed(t *testing.T) {
	for _, how := range []string{"room again", "stopped"} {
		t.Run(how, func(t *testing.T) {
			meshTest(t, WirepasOptions{RaiseCost: true}, func(t *testing.T, m *mesh) {
				time.Sleep(3 * time.Second)
				m.sink.Spoil(1000) // all that it says from here on
				m.fill(0.95)
				for range 300 {
					if time.Sleep(10 * time.Millisecond); m.sink.Cost() == 254 {
						break
					}
				}
				if got := m.sink.Cost(); got != 254 {
					t.Fatalf("the cost is %d, want 254", got)
				}
				if how == "stopped" {
					m.stop()
				} else {
					m.fill(0.8)
					time.Sleep(3 * time.Second)
					m.sink.Spoil(0)
					m.fill(0.5)
					time.Sleep(3 * time.Second)
				}
				synctest.Wait() // the sink may be reading yet
				if got := m.sink.Cost(); got != 5 {
					t.Errorf("the cost is %d, want 5", got)
				}
				if how == "stopped" {
					m.begin(WirepasOptions{})
				}
			}, costsFive)
		})
	}
}

// TestWirepasCostRefused: a sink whose stack is stopped may refuse a cost. It is taken back
// when the stack runs again.
func TestWirepasCostRefused(t *testing.T) {
	meshTest(t, WirepasOptions{RaiseCost: true}, func(t *testing.T, m *mesh) {
		m.fill(0.95)
		time.Sleep(3 * time.Second)
		m.sink.RefuseCosts(true)
		m.fill(0.5)
		time.Sleep(3 * time.Second)
		m.sink.RefuseCosts(false)
		m.sink.State(0)
		time.Sleep(3 * time.Second)
		if got := m.sink.Cost(); got != 0 {
			t.Errorf("the cost is %d, want 0", got)
		}
	})
}

// TestWirepasCostIsLeftAlone: without the key, or where the sink has none.
func TestWirepasCostIsLeftAlone(t *testing.T) {
	for _, raise := range []bool{false, true} {
		meshTest(t, WirepasOptions{RaiseCost: raise}, func(t *testing.T, m *mesh) {
			m.fill(1)
			time.Sleep(10 * time.Second)
			if n := m.sink.Requests(dualmcu.CostWrite); n != 0 {
				t.Errorf("the cost was written %d times", n)
			}
		}, func(s *sinktest.Sink) {
			if raise {
				s.NoCost()
			}
		})
	}
}

func TestWirepasNodes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nodes")
	for _, c := range []struct{ name, nodes, file, want string }{
		{"one of each", "0x10=A", "# sensors\n0x00C0DB01 = \"XXXX03TEMP0000001\" # the kitchen\n\n17=B\r\n", "map[16:A 17:B 12638977:XXXX03TEMP0000001]"},
		{"zeros before it", "0017=A", "0X0011FFFF=B", "map[17:A 1179647:B]"},
		{"no address", "kitchen=A", "", `nodes must name nodes by their addresses, such as 0x00C0DB01, not "kitchen"`},
		{"an address too long", "0x100000000=A", "", `nodes must name nodes by their addresses, such as 0x00C0DB01, not "0x100000000"`},
		{"no identity", "0x10=", "", "nodes of 0x10 must be 1 to 64 printable characters without blanks, quotes and backslashes"},
		{"twice", "0x10=A,16=B", "", "nodes must name each node once"},
		{"twice in the file", "0x10=A", "\n16 = B", "nodes_file must name each node once; 16 stands twice, in line 2"},
		{"one name for two", "0x10=A,0x11=A", "", "nodes must give each node a name of its own; 0x10 and 0x11 have A"},
		{"one name for two, in the file", "0x10=A", "0x11 = A", "nodes_file must give each node a name of its own; 0x10 and 0x11 have A, in line 1"},
		{"no line of a file", "", "kitchen", `nodes_file must have lines such as 0x00C0DB01 = "XXXX03TEMP0000001"; line 1 has no =`},
		{"no file", "", "-", "nodes_file must be a file that can be read"},
		{"too long a file", "", strings.Repeat("#\n", wirepasFile), "nodes_file must be a file that can be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := WirepasOptions{Nodes: map[string]string{}}
			for pair := range strings.SplitSeq(c.nodes, ",") {
				if address, tuid, ok := strings.Cut(pair, "="); ok {
					o.Nodes[address] = tuid
				}
			}
			switch c.file {
			case "":
			case "-":
				o.NodesFile = path + ".none"
			default:
				if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
				o.NodesFile = path
			}
			nodes, err := wirepasNodes(o, true)
			got := fmt.Sprint(nodes)
			if err != nil {
				got = err.Error()
			}
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if _, err := wirepasNodes(o, false); (err == nil) != (strings.HasPrefix(c.want, "map") || c.name == "no file") {
				t.Errorf("checked: %v", err)
			}
		})
	}
}
