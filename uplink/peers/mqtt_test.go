//go:build peers

package peers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"portti/cross/testkit"
	"portti/uplink"
)

// mosquitto is that broker, and its own programs as what else is connected to it.
type mosquitto struct {
	t         *testing.T
	port, web int
}

// newMosquitto starts one; more is added to its configuration.
func newMosquitto(t *testing.T, more string) *mosquitto {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/mosquitto")
	}
	testkit.Need(t, "mosquitto", err)
	_, err = exec.LookPath("mosquitto_sub")
	testkit.Need(t, "mosquitto-clients", err)
	m := &mosquitto{t: t, port: freePort(t), web: freePort(t)}
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	// 2.0.11 does not start with a listener for WebSockets alone
	text := fmt.Sprintf("user root\nmax_queued_messages 0\n%s\nlistener %d 127.0.0.1\nlistener %d 127.0.0.1\nprotocol websockets\n", more, m.port, m.web)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", file)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("mosquitto: %s", said.String())
		}
	})
	testkit.Eventually(t, "mosquitto listens", func() bool { return listens(m.port) && listens(m.web) })
	return m
}

// subscriber is mosquitto_sub.
type subscriber struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *subscriber) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *subscriber) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// received counts the records by number.
func (s *subscriber) received() map[int]int {
	got := map[int]int{}
	for line := range strings.Lines(s.said()) {
		var recs []struct{ N int }
		if json.Unmarshal([]byte(line), &recs) == nil {
			for _, r := range recs {
				got[r.N]++
			}
		}
	}
	return got
}

// subscribe starts one and waits until it has subscribed.
func (m *mosquitto) subscribe(topic string, args ...string) *subscriber {
	m.t.Helper()
	s := &subscriber{}
	argv := append([]string{"-V", "mqttv5", "-p", fmt.Sprint(m.port), "-q", "1", "-t", topic, "-t", "ready"}, args...)
	cmd := exec.Command("mosquitto_sub", argv...)
	cmd.Stdout = s
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	testkit.Eventually(m.t, "a subscriber is there", func() bool {
		m.publish("ready", "yes")
		return strings.Contains(s.said(), "yes")
	})
	return s
}

func (m *mosquitto) publish(topic, text string) {
	m.t.Helper()
	if out, err := exec.Command("mosquitto_pub", "-V", "mqttv5", "-p", fmt.Sprint(m.port), "-t", topic, "-m", text, "-q", "1").CombinedOutput(); err != nil {
		m.t.Fatalf("%v: %s", err, out)
	}
}

func (m *mosquitto) options() uplink.Options {
	o := options(fmt.Sprintf("ws://127.0.0.1:%d/mqtt", m.web))
	o.Engine, o.Gateway = uplink.EngineMQTT, "XXXX00PEER0000001"
	o.MQTT.TopicAliases = 16
	return o
}

func TestMosquitto(t *testing.T) {
	m := newMosquitto(t, "allow_anonymous true")
	s := m.subscribe("portti/+/+/+")
	q := newQueue(0)
	began := time.Now()
	r := run(t, m.options(), q)
	const records = 20_000
	q.add(records)
	q.seal()
	if err := <-r.done; err != nil {
		t.Fatalf("Run: %v; %+v", err, r.link.Status())
	}
	took := time.Since(began)
	testkit.Eventually(t, "every record arrives", func() bool { return len(s.received()) == records })
	for n, times := range s.received() {
		if times != 1 {
			t.Fatalf("record %d came %d times", n, times)
		}
	}
	st := r.link.Status()
	if st.Connects != 1 || st.Resent != 0 || st.RTT == 0 {
		t.Errorf("%+v", st)
	}
	t.Logf("%d records in %v, round trip %v", records, took, st.RTT)
}

// Mosquitto tells of a gateway that is gone, however it went, and of one that is back.
func TestMosquittoTellsWhoIsThere(t *testing.T) {
	m := newMosquitto(t, "allow_anonymous true")
	s := m.subscribe("portti/+/status", "-F", "%r %p")
	o := m.options()
	o.MQTT.Will = "portti/{gw}/status"
	var mu sync.Mutex
	var last net.Conn
	o.Dial = func(_ context.Context, network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		mu.Lock()
		defer mu.Unlock()
		last = c
		return c, err
	}
	q := newQueue(0)
	r := run(t, o, q)
	count := func(text string) int { return strings.Count(s.said(), text) }
	testkit.Eventually(t, "it is there", func() bool { return count(`{"online":true}`) == 1 })
	mu.Lock()
	_ = last.Close() // as a cable that is pulled
	mu.Unlock()
	testkit.Eventually(t, "it is gone, and back", func() bool { return count(`{"online":false}`) == 1 && count(`{"online":true}`) == 2 })
	q.seal()
	if err := <-r.done; err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "it has left", func() bool { return count(`{"online":false}`) == 2 })
	if late := m.subscribe("portti/+/status", "-F", "%r %p"); !strings.Contains(late.said(), `1 {"online":false}`) {
		t.Errorf("who comes later is told %q", late.said())
	}
}

// What nobody subscribes to is thrown away by the broker, and kept by who requires a subscriber.
func TestMosquittoWithoutASubscriber(t *testing.T) {
	m := newMosquitto(t, "allow_anonymous true")
	o := m.options()
	o.MQTT.RequireSubscriber = true
	q := newQueue(0)
	q.add(500)
	r := run(t, o, q)
	testkit.Eventually(t, "nobody listens", func() bool { return r.link.Status().Problem == uplink.ProblemNoConsumer })
	s := m.subscribe("portti/#")
	q.seal()
	if err := <-r.done; err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "every record arrives", func() bool { return len(s.received()) == 500 })
}

// A wrong password is named, and the right one let in by itself; commands come through.
func TestMosquittoLogin(t *testing.T) {
	dir := t.TempDir()
	passwords, token := filepath.Join(dir, "passwords"), filepath.Join(dir, "token")
	if out, err := exec.Command("mosquitto_passwd", "-c", "-b", passwords, "gw", "right").CombinedOutput(); err != nil {
		testkit.Need(t, "mosquitto_passwd", fmt.Errorf("%w: %s", err, out))
	}
	m := newMosquitto(t, "per_listener_settings false\nallow_anonymous false\npassword_file "+passwords)
	os.WriteFile(token, []byte("wrong\n"), 0o600)
	o := m.options()
	o.Auth, o.Token, o.MQTT.Username, o.MQTT.Downlink = uplink.AuthFirstMessage, uplink.NewFileToken(token), "gw", "portti/{gw}/downlink"
	told := make(chan string, 9)
	o.Downlink = func(text []byte) { told <- string(text) }
	q := newQueue(0)
	q.add(10)
	r := run(t, o, q)
	testkit.Eventually(t, "the password is refused", func() bool { return r.link.Status().Problem == uplink.ProblemAuthRejected })
	os.WriteFile(token, []byte("right\n"), 0o600)
	r.link.Wake()
	testkit.Eventually(t, "everything is delivered", func() bool { return r.link.Status().Proven == 10 })
	out, err := exec.Command("mosquitto_pub", "-V", "mqttv5", "-p", fmt.Sprint(m.port), "-u", "gw", "-P", "right", "-t", "portti/XXXX00PEER0000001/downlink", "-m", `{"cmd":"status"}`, "-q", "1").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := testkit.Receive(t, "a command", told); got != `{"cmd":"status"}` {
		t.Errorf("%q", got)
	}
	q.seal()
	if err := <-r.done; err != nil {
		t.Fatal(err)
	}
}

// What the broker's largest packet does not take is set aside, and nothing else.
func TestMosquittoTakesNoLargerPacket(t *testing.T) {
	m := newMosquitto(t, "allow_anonymous true\nmax_packet_size 3000")
	s := m.subscribe("portti/#")
	q := newQueue(0)
	q.add(3000)
	r := run(t, m.options(), q)
	q.seal()
	if err := <-r.done; err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "every record arrives", func() bool { return len(s.received()) == 3000 })
	if st := r.link.Status(); st.Quarantined != 0 || st.Failures != 0 {
		t.Errorf("%+v", st)
	}
}
