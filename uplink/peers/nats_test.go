//go:build peers

package peers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portti/cross/testkit"
	"portti/uplink"
)

// natsServer is a nats-server with JetStream.
type natsServer struct {
	t          *testing.T
	file, log  string
	port, web  int
	cmd        *exec.Cmd
	connecting []nats.Option
}

// newNATS starts one; more is added to its configuration.
func newNATS(t *testing.T, more string, connecting ...nats.Option) *natsServer {
	t.Helper()
	s := &natsServer{t: t, port: freePort(t), web: freePort(t), connecting: connecting}
	s.configure("websocket { listen: \"127.0.0.1:%d\", no_tls: true }\n" + more)
	s.start()
	return s
}

// configure writes the configuration; %d in it is the port of the WebSocket.
func (s *natsServer) configure(more string) {
	dir := s.t.TempDir()
	s.file, s.log = filepath.Join(dir, "nats.conf"), filepath.Join(dir, "log")
	text := fmt.Sprintf("listen: \"127.0.0.1:%d\"\njetstream { store_dir: %q }\n", s.port, dir) + strings.Replace(more, "%d", fmt.Sprint(s.web), 1)
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.kill() })
}

func (s *natsServer) start() {
	s.t.Helper()
	path, err := exec.LookPath("nats-server")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nats-server")
	}
	testkit.Need(s.t, "nats-server", err)
	s.cmd = exec.Command(path, "-c", s.file, "-l", s.log)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	testkit.Eventually(s.t, "nats-server listens", func() bool { return listens(s.port) && listens(s.web) }, func() string { text, _ := os.ReadFile(s.log); return string(text) })
}

// kill is kill -9.
func (s *natsServer) kill() {
	if s.cmd != nil && s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

func (s *natsServer) url() string { return fmt.Sprintf("ws://127.0.0.1:%d", s.web) }

// client is NATS' own.
func (s *natsServer) client() nats.JetStreamContext {
	s.t.Helper()
	nc, err := nats.Connect(fmt.Sprintf("nats://127.0.0.1:%d", s.port), append([]nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond)}, s.connecting...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(nc.Close)
	js, err := nc.JetStream(nats.MaxWait(testkit.Patience))
	if err != nil {
		s.t.Fatal(err)
	}
	return js
}

func addStream(t *testing.T, js nats.JetStreamContext, c nats.StreamConfig) {
	t.Helper()
	c.Name, c.Subjects = "READINGS", []string{"portti.>"}
	testkit.Eventually(t, "there is a stream", func() bool {
		_, err := js.AddStream(&c)
		return err == nil
	})
}

// stored reads what the stream has, in its order: how often each record, by number.
func stored(t *testing.T, js nats.JetStreamContext) map[int]int {
	t.Helper()
	info, err := js.StreamInfo("READINGS")
	if err != nil {
		t.Fatal(err)
	}
	var sub *nats.Subscription
	testkit.Eventually(t, "the stream has a reader", func() bool {
		sub, err = js.SubscribeSync("portti.>", nats.OrderedConsumer())
		return err == nil
	})
	defer func() { _ = sub.Unsubscribe() }()
	got := map[int]int{}
	for range info.State.Msgs {
		m, err := sub.NextMsg(testkit.Patience)
		if err != nil {
			t.Fatal(err)
		}
		var recs []struct{ N int }
		if err := json.Unmarshal(m.Data, &recs); err != nil || len(recs) != 1 {
			t.Fatalf("%q: %v", m.Data, err)
		}
		got[recs[0].N]++
		if id := m.Header.Get("Nats-Msg-Id"); id != fmt.Sprintf("XXXX00PEER0000001-9f2c41d07ab3e655-%d", recs[0].N) || m.Subject != "portti.XXXX00PEER0000001.XXXX03PNL00000001.12100" {
			t.Fatalf("%s at %s", id, m.Subject)
		}
	}
	return got
}

// natsOptions are options with the engine.
func natsOptions(urls ...string) uplink.Options {
	o := options("")
	o.URLs, o.Engine, o.Gateway = urls, uplink.EngineNATS, "XXXX00PEER0000001"
	return o
}

// complete ends the link and holds what the stream has against what was queued.
func complete(t *testing.T, r *running, js nats.JetStreamContext, records int) uplink.Status {
	t.Helper()
	r.q.seal()
	if err := <-r.done; err != nil {
		t.Fatalf("Run: %v; %+v", err, r.link.Status())
	}
	var got map[int]int
	testkit.Eventually(t, "the stream can be read", func() bool { _, err := js.StreamInfo("READINGS"); return err == nil })
	got = stored(t, js)
	for n := 1; n <= records; n++ {
		if got[n] != 1 {
			t.Fatalf("record %d is in the stream %d times; %d different ones, %d were sent", n, got[n], len(got), records)
		}
	}
	st := r.link.Status()
	t.Logf("%d records, %d sent again, the stream had %d of them, %d connections, round trip %v", records, st.Resent, st.ServerKinds["duplicate"], st.Connects, st.RTT)
	return st
}

func TestNATS(t *testing.T) {
	s := newNATS(t, "")
	js := s.client()
	addStream(t, js, nats.StreamConfig{})
	began := time.Now()
	r := run(t, natsOptions(s.url()), newQueue(0))
	r.q.add(20_000)
	if st := complete(t, r, js, 20_000); st.Resent != 0 || st.Connects != 1 || st.RTT == 0 {
		t.Errorf("%+v", st)
	}
	t.Logf("in %v", time.Since(began))
}

// kill -9 in mid-stream, three times: each record is in the stream once.
func TestNATSKilled(t *testing.T) {
	s := newNATS(t, "")
	js := s.client()
	addStream(t, js, nats.StreamConfig{})
	r := run(t, natsOptions(s.url()), newQueue(0))
	records := 0
	feed := func(n int) {
		for range n {
			r.q.add(20)
			records += 20
			time.Sleep(2 * time.Millisecond)
		}
	}
	for range 3 {
		feed(100)
		s.kill()
		feed(50)
		s.start()
		feed(50)
		testkit.Eventually(t, "the link is back", func() bool { return r.q.waiting() == 0 })
	}
	if st := complete(t, r, js, records); st.Connects < 4 {
		t.Errorf("%+v", st)
	}
}

// natsCluster is three servers that hold each message three times.
func natsCluster(t *testing.T) (all [3]*natsServer) {
	var routes [3]string
	var ports [3]int
	for i := range all {
		ports[i] = freePort(t)
		routes[i] = fmt.Sprintf("nats://127.0.0.1:%d", ports[i])
	}
	for i := range all {
		all[i] = &natsServer{t: t, port: freePort(t), web: freePort(t)}
		all[i].configure(fmt.Sprintf("websocket { listen: \"127.0.0.1:%%d\", no_tls: true }\nserver_name: n%d\ncluster { name: c, listen: \"127.0.0.1:%d\", routes: [%s] }\n",
			i, ports[i], strings.Join(routes[:], ", ")))
		all[i].start()
	}
	return all
}

// Each node in turn is killed and started again in mid-stream, the one with the link and the
// leader of the stream among them: nothing is missing and nothing is there twice.
func TestNATSCluster(t *testing.T) {
	all := natsCluster(t)
	var addresses, clients []string
	for _, s := range all {
		addresses = append(addresses, s.url())
		clients = append(clients, fmt.Sprintf("nats://127.0.0.1:%d", s.port))
	}
	nc, err := nats.Connect(strings.Join(clients, ","), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := nc.JetStream(nats.MaxWait(5 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	addStream(t, js, nats.StreamConfig{Replicas: 3, Duplicates: 10 * time.Minute})
	r := run(t, natsOptions(addresses...), newQueue(0))
	records := 0
	feed := func(n int) {
		for range n {
			r.q.add(20)
			records += 20
			time.Sleep(2 * time.Millisecond)
		}
	}
	for _, s := range all {
		feed(200)
		s.kill()
		feed(200)
		s.start()
		testkit.Eventually(t, "the cluster takes readings again", func() bool { return r.q.waiting() == 0 }, func() string { return fmt.Sprintf("%+v", r.link.Status()) })
		testkit.Eventually(t, "the node has what it missed", func() bool { return current(js) })
	}
	if st := complete(t, r, js, records); st.Connects < 2 {
		t.Errorf("%+v", st)
	}
}

// current says whether every node of the cluster has everything.
func current(js nats.JetStreamContext) bool {
	info, err := js.StreamInfo("READINGS")
	if err != nil || info.Cluster == nil || info.Cluster.Leader == "" || len(info.Cluster.Replicas) != 2 {
		return false
	}
	for _, p := range info.Cluster.Replicas {
		if !p.Current {
			return false
		}
	}
	return true
}

// keeping is a queue that takes note of what was set aside.
type keeping struct {
	*queue
	mu    sync.Mutex
	aside map[uint64]string
}

func (k *keeping) Quarantine(n uint64, reason string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.aside == nil {
		k.aside = map[uint64]string{}
	}
	k.aside[n] = reason
	return k.queue.Ack(n, n)
}

func words(t *testing.T, r *running, problem, text string) {
	t.Helper()
	testkit.Eventually(t, problem, func() bool {
		st := r.link.Status()
		return st.Problem == problem && strings.Contains(st.LastError, text)
	}, func() string { st := r.link.Status(); return st.Problem + ": " + st.LastError })
	t.Log(r.link.Status().LastError)
}

func TestNATSStreamMissing(t *testing.T) {
	s := newNATS(t, "")
	r := run(t, natsOptions(s.url()), newQueue(0))
	r.q.add(500)
	words(t, r, uplink.ProblemNoConsumer, "no stream")
	js := s.client()
	addStream(t, js, nats.StreamConfig{})
	complete(t, r, js, 500)
}

func TestNATSStreamFull(t *testing.T) {
	s := newNATS(t, "")
	js := s.client()
	c := nats.StreamConfig{Name: "READINGS", Subjects: []string{"portti.>"}, MaxMsgs: 100, Discard: nats.DiscardNew}
	addStream(t, js, c)
	r := run(t, natsOptions(s.url()), newQueue(0))
	r.q.add(500)
	words(t, r, uplink.ProblemServer, "maximum messages exceeded")
	if n := r.q.waiting(); n < 400 {
		t.Errorf("%d wait", n)
	}
	c.MaxMsgs = -1
	if _, err := js.UpdateStream(&c); err != nil {
		t.Fatal(err)
	}
	r.link.Wake()
	complete(t, r, js, 500)
}

// What is larger than the server or the stream takes is set aside alone.
func TestNATSTooLarge(t *testing.T) {
	for name, c := range map[string]struct {
		conf   string
		stream nats.StreamConfig
		says   string
	}{
		"max_payload":  {"max_payload: 600\n", nats.StreamConfig{}, "max_payload of the server is 600"},
		"max_msg_size": {"", nats.StreamConfig{MaxMsgSize: 600}, "message size exceeds maximum allowed (10054)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newNATS(t, c.conf)
			js := s.client()
			addStream(t, js, c.stream)
			k := &keeping{queue: newQueue(0)}
			l, err := uplink.New(natsOptions(s.url()))
			if err != nil {
				t.Fatal(err)
			}
			k.add(300)
			k.queue.mu.Lock()
			k.recs[149] = fmt.Appendf(nil, `{"tsmId":12100,"tsmTuid":"XXXX03PNL00000001","n":150,"x":%q}`, strings.Repeat("x", 700))
			k.queue.mu.Unlock()
			k.seal()
			if err := l.Run(t.Context(), k); err != nil {
				t.Fatal(err)
			}
			if st := l.Status(); len(k.aside) != 1 || k.aside[150] != uplink.QuarantineRejected || !strings.Contains(st.Refusal, c.says) || st.Connects != 1 {
				t.Errorf("%v, %q, %d connections", k.aside, st.Refusal, st.Connects)
			}
			if got := stored(t, js); len(got) != 299 {
				t.Errorf("%d are in the stream", len(got))
			}
		})
	}
}

// A user that may not publish there is told so, and the link does not hammer the server.
func TestNATSForbidden(t *testing.T) {
	s := newNATS(t, `authorization { users: [ { user: a, password: all-may-come, permissions: { publish: "other.>" } } ] }`+"\n")
	o := natsOptions(s.url())
	o.Auth, o.Token, o.NATS.Username = uplink.AuthFirstMessage, uplink.NewFileToken(write(t, "all-may-come")), "a"
	r := run(t, o, newQueue(0))
	r.q.add(10)
	words(t, r, uplink.ProblemForbidden, `Permissions Violation for Publish to "portti.XXXX00PEER0000001.XXXX03PNL00000001.12100"`)
}

// Over TLS, and what is published to the gateway's subject arrives.
func TestNATSDownlinkOverTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := certificate(t, dir)
	s := &natsServer{t: t, port: freePort(t), web: freePort(t)}
	s.configure(fmt.Sprintf("websocket { listen: \"127.0.0.1:%%d\", tls { cert_file: %q, key_file: %q } }\n", certFile, keyFile))
	s.start()
	js := s.client()
	addStream(t, js, nats.StreamConfig{})
	o := natsOptions(fmt.Sprintf("wss://127.0.0.1:%d", s.web))
	got := make(chan string, 1)
	o.CAFile, o.NATS.Downlink = certFile, "to.{gw}"
	o.Downlink = func(m []byte) { got <- string(m) }
	r := run(t, o, newQueue(0))
	r.q.add(200)
	testkit.Eventually(t, "readings are there", func() bool { return r.q.waiting() == 0 })
	nc, err := nats.Connect(fmt.Sprintf("nats://127.0.0.1:%d", s.port))
	if err == nil {
		t.Cleanup(nc.Close)
		err = errors.Join(nc.Publish("to.XXXX00PEER0000001", []byte(`[{"tsmId":1500}]`)), nc.Flush())
	}
	if err != nil {
		t.Fatal(err)
	}
	if text := <-got; text != `[{"tsmId":1500}]` {
		t.Errorf("%q", text)
	}
	complete(t, r, js, 200)
}
