package uplink

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nkeys"
)

// natsLink is a link to a peer that takes everything but what it refuses by itself.
func natsLink(t *testing.T, o Options, p natsPeer) (*world, *ledger) {
	t.Helper()
	o.Engine, o.URL, o.Gateway = EngineNATS, "ws://localhost/", "XXXX00TEST0000001"
	led := newLedger()
	return start(t, o, func(_ int, w *wire) {
		p.serve(w, func(text []byte) verdict { led.process(text); return takes })
	}), led
}

func TestNATSPublishes(t *testing.T) {
	for payload, want := range map[string]string{PayloadArray: "[{", PayloadObject: "{"} {
		synctest.Test(t, func(t *testing.T) {
			var pubs []natsPub
			w, _ := natsLink(t, Options{Topic: "site.{gw}.{tuid}", Payload: payload}, natsPeer{publish: func(p natsPub) string {
				pubs = append(pubs, natsPub{p.subject, p.reply, p.id, bytes.Clone(p.payload)})
				return natsStored
			}})
			w.src.epoch = partEpoch(0)
			n := w.src.addRaw([]byte(`{"tsmId":12100,"tsmTuid":"XXXX03.PNL 1","n":1}`))
			w.src.seal()
			w.run()
			if err := <-w.done; err != nil {
				t.Fatal(err)
			}
			w.stop()
			w.net.wg.Wait()
			if len(pubs) != 1 || pubs[0].subject != "site.XXXX00TEST0000001.XXXX03_PNL_1" || !strings.HasPrefix(string(pubs[0].payload), want) ||
				pubs[0].id != fmt.Sprintf("XXXX00TEST0000001-%s-%d", partEpoch(0), n) {
				t.Errorf("%+v", pubs)
			}
		})
	}
}

// What JetStream and the server say has the right problem and costs no record.
func TestNATSSays(t *testing.T) {
	stream := func(say string) natsPeer { return natsPeer{publish: func(natsPub) string { return say }} }
	opening := func(say string) natsPeer { return natsPeer{login: func(map[string]any) string { return say }} }
	later := func(say string) natsPeer { return natsPeer{after: func(w *wire) { _ = natsSay(w, say) }} }
	for name, c := range map[string]struct {
		peer           natsPeer
		problem, words string
	}{
		"no responders":    {stream("NATS/1.0 503\r\n\r\n"), ProblemNoConsumer, "or it has no leader now: portti.XXXX00TEST0000001.{tuid}.{tsmId}"},
		"full":             {stream(natsFailed(503, 10077, "maximum messages exceeded")), ProblemServer, "maximum messages exceeded (10077)"},
		"no stream at all": {stream("thanks"), ProblemServer, "is no stream"},
		"busy":             {stream(natsFailed(429, 10167, "too many requests")), ProblemRateLimited, "too many requests"},
		"wrong login":      {opening("Authorization Violation"), ProblemAuthRejected, "Authorization Violation"},
		"too many":         {opening("maximum account active connections exceeded"), ProblemTooMany, "connections exceeded"},
		"may not":          {later("-ERR 'Permissions Violation for Publish to \"x\"'\r\n"), ProblemForbidden, "Publish to"},
		"slow consumer":    {later("-ERR 'Slow Consumer'\r\n"), ProblemRateLimited, "Slow Consumer"},
		"no verb":          {later("HELO\r\n"), ProblemProtocol, `"HELO`},
		"long line":        {later("INFO " + strings.Repeat("x", maxNATSLine)), ProblemProtocol, "8192 bytes"},
		"negative size":    {later("MSG a 2 -1\r\n"), ProblemProtocol, "MSG a 2 -1"},
		"huge":             {later("MSG a 2 2000000\r\n"), ProblemProtocol, "too big"},
		"longer headers":   {later("HMSG a 2 20 10\r\n"), ProblemProtocol, "HMSG a 2 20 10"},
		"longer than said": {later("MSG a 2 1\r\nxyz\r\n"), ProblemProtocol, "longer than it says"},
		"never ends":       {natsPeer{after: func(w *wire) { time.Sleep(time.Second); _ = natsSay(w, "MSG a 2 100\r\nx") }}, ProblemSlow, "too slowly"},
		"pings":            {later(strings.Repeat("PING\r\n", maxControls+1)), ProblemProtocol, "than a link may"},
		"pongs":            {later(strings.Repeat("PONG\r\n", maxControls+2)), ProblemProtocol, "than a link may"},
		"foreign answers":  {later(strings.Repeat(natsMessage("x", natsAcks, natsStored), maxControls+1)), ProblemProtocol, "than a link may"},
		"lame duck":        {later(`INFO {"ldm":true}` + "\r\n"), ProblemClosed, "is restarting"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _ := natsLink(t, Options{}, c.peer)
				if c.peer.publish != nil {
					w.src.add(300)
				}
				w.run()
				time.Sleep(15 * time.Second)
				synctest.Wait()
				st := w.link.Status()
				if st.Problem != c.problem && c.problem != ProblemClosed || !strings.Contains(st.LastError, c.words) || len(w.src.quarantined) > 0 || st.Proven > 0 {
					t.Errorf("%s: %s", st.Problem, st.LastError)
				}
				w.end()
			})
		})
	}
}

// What answers at the address and is no nats-server is called that.
func TestNATSMeetsSomethingElse(t *testing.T) {
	for hello, words := range map[string]string{
		"":                             "did not answer in time",
		"hello\r\n":                    "does not speak NATS",
		"PING\r\n":                     "and not INFO",
		"INFO {\r\n":                   "and not INFO",
		"INFO {\"max_payload\":9}\r\n": "2.2",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := start(t, Options{Engine: EngineNATS, Gateway: "XXXX00TEST0000001"}, func(_ int, w *wire) {
				if w.accept() == nil && (hello == "" || natsSay(w, hello) == nil) {
					_, _ = w.read()
				}
			})
			w.run()
			time.Sleep(10500 * time.Millisecond)
			synctest.Wait()
			if st := w.link.Status(); !strings.Contains(st.LastError, words) || st.Connects > 0 {
				t.Errorf("%q: %s", hello, st.LastError)
			}
			w.end()
		})
	}
}

// The port of NATS itself, without a WebSocket, is the likely mistake.
func TestNATSAtItsOwnPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{Engine: EngineNATS, Gateway: "XXXX00TEST0000001"}, func(_ int, w *wire) {
			_ = w.say(`INFO {"server_id":"X","version":"2.9.10","max_payload":1048576}` + "\r\n")
			_, _ = w.request()
		})
		w.run()
		time.Sleep(time.Second)
		synctest.Wait()
		if st := w.link.Status(); !strings.Contains(st.LastError, "the port of websocket { }") || st.Problem != ProblemProtocol {
			t.Errorf("%s: %s", st.Problem, st.LastError)
		}
		w.end()
	})
}

// One of many that is refused goes aside alone and at once; what max_payload excludes is not even sent.
func TestNATSRefusesOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, led := natsLink(t, Options{}, natsPeer{info: `,"max_payload":5000`, publish: func(p natsPub) string {
			if n := numbers(p.payload); len(n) == 1 && n[0] == 150 {
				return natsFailed(400, 10054, "message size exceeds maximum allowed")
			}
			return `{"stream":"READINGS","seq":7,"duplicate":true}`
		}})
		w.src.add(1000)
		giant := w.src.addRaw(bytes.Repeat([]byte("x"), 5000))
		w.src.add(10)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.stop()
		w.net.wg.Wait()
		st := w.link.Status()
		if q := w.src.quarantined; len(q) != 2 || q[150] != QuarantineRejected || q[giant] != QuarantineRejected || !strings.Contains(st.Refusal, "max_payload of the server is 5000") || st.Connects != 1 || st.ServerKinds[kindDuplicate] != 1009 {
			t.Errorf("set aside %v, %+v", q, st)
		}
		led.check(t, 1010)
	})
}

// A slow line: the window is paced so that what is on the way is answered in time.
func TestNATSOverASlowLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, led := natsLink(t, Options{}, natsPeer{})
		w.net.rate, w.net.room = 5000, 1<<20
		w.src.add(20_000)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.stop()
		w.net.wg.Wait()
		led.check(t, 20_000)
		if st := w.link.Status(); st.Connects != 1 || st.Resent != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestNATSPingAndDownlink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		w, led := natsLink(t, Options{MaxMessage: 1000, NATS: NATS{Downlink: "to.{gw}"}, Downlink: func(m []byte) { got = append(got, string(m)) }}, natsPeer{after: func(w *wire) {
			for _, text := range []string{`[{"tsmId":1500}]`, strings.Repeat("x", 1001), `[1]`} {
				_ = natsSay(w, natsMessage("to.XXXX00TEST0000001", natsDownlink, text)+"PING\r\n")
			}
		}})
		w.run()
		w.src.add(1)
		time.Sleep(time.Second)
		took, err := w.link.Ping(t.Context())
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := w.link.Status(); err != nil || took <= 0 || st.TooLong != 1 || st.Skipped != 1 || st.Connects != 1 || st.ForeignPongs > 0 {
			t.Errorf("%v, %v, %+v", took, err, st)
		}
		if strings.Join(got, " ") != `[{"tsmId":1500}] [1]` {
			t.Errorf("%q", got)
		}
		w.end()
		led.check(t, 1)
	})
}

// Each kind of login as nats-server would verify it; no secret comes out in a log or the status.
func TestNATSLogin(t *testing.T) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := pair.Seed()
	public, _ := pair.PublicKey()
	const token = "eyJ0eXAiOiJKV1QifQ.eyJleHAiOjQwMDAwMDAwMDB9.c2ln"
	file := "-----BEGIN NATS USER JWT-----\n" + token + "\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\r\n" + string(seed) + "\r\n------END USER NKEY SEED------\n"
	signed := func(c map[string]any) bool {
		text, _ := c["sig"].(string)
		sig, err := base64.RawURLEncoding.DecodeString(text)
		return err == nil && len(sig) == ed25519.SignatureSize && pair.Verify([]byte("n0nce"), sig) == nil
	}
	if login, _, err := natsSign("", " ", "n0nce"); err != nil || login.Token != " " { // as a fragment of the URL
		t.Errorf("%+v, %v", login, err)
	}
	for name, c := range map[string]struct {
		file, user string
		good       func(c map[string]any) bool
	}{
		"token":    {"s3cret-of-this\n", "", func(c map[string]any) bool { return c["auth_token"] == "s3cret-of-this" && c["user"] == nil }},
		"password": {"s3cret of this", "gw", func(c map[string]any) bool { return c["user"] == "gw" && c["pass"] == "s3cret of this" }},
		"spaces":   {"three words here", "", func(c map[string]any) bool { return c["auth_token"] == "three words here" }},
		"seed":     {string(seed), "", func(c map[string]any) bool { return c["nkey"] == public && c["jwt"] == nil && signed(c) }},
		"creds":    {file, "", func(c map[string]any) bool { return c["jwt"] == token && c["nkey"] == nil && signed(c) }},
		"no seed":  {"SU" + string(seed[2:56]) + "AA", "", func(c map[string]any) bool { return c["auth_token"] != nil && c["sig"] == nil }},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				good := false
				w, _ := natsLink(t, Options{Token: NewFileToken(path), NATS: NATS{Username: c.user}}, natsPeer{login: func(m map[string]any) string {
					good = c.good(m)
					return fmt.Sprintf("Authorization Violation for %v %v %v", m["auth_token"], m["pass"], m["jwt"])
				}})
				w.run()
				time.Sleep(5 * time.Second)
				synctest.Wait()
				st := w.link.Status()
				for _, secret := range []string{"s3cret", token, string(seed)} {
					if strings.Contains(st.LastError, secret) {
						t.Errorf("it shows %s: %s", secret, st.LastError)
					}
				}
				if !good || st.Problem != ProblemAuthRejected || st.State != Parked {
					t.Errorf("%v, %s, %s", good, st.Problem, st.LastError)
				}
				w.end()
			})
		})
	}
}

// Whatever a server says is taken apart within bounds, or refused.
func FuzzNATS(f *testing.F) {
	for _, s := range []string{"", "INFO {}\r\n", "PING\r\nPONG\r\n", "MSG a 1 2\r\nhi\r\n", "MSG a 1 b 2\r\nhi\r\n", "HMSG a 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", "HMSG a 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", "-ERR 'x'\r\n", "MSG a 1 99999999999\r\n", "HMSG a 1 9 3\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		p := natsReader{in: bufio.NewReaderSize(bytes.NewReader(said), maxNATSLine), most: 1000}
		for {
			op, err := p.parse()
			if len(op.body) > 1000 || len(p.body) > 1000 {
				t.Fatalf("%d bytes of a message", len(op.body))
			}
			if err != nil {
				return
			}
			if len(op.body) > 0 && !bytes.Contains(said, op.body) {
				t.Errorf("it never said %q", op.body)
			}
		}
	})
}
