package uplink

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

// mqttLink is a link to a peer that takes everything but what it refuses by itself.
func mqttLink(t *testing.T, o Options, p mqttPeer) (*world, *ledger) {
	t.Helper()
	o.Engine, o.URL, o.Gateway = EngineMQTT, "ws://localhost/mqtt", "XXXX00TEST0000001"
	setDefault(&o.Auth, AuthNone)
	led := newLedger()
	return start(t, o, func(_ int, w *wire) {
		p.serve(w, func(text []byte) verdict { led.process(text); return takes })
	}), led
}

// reading is a record of a thing with its number.
func reading(n int) []byte {
	return fmt.Appendf(nil, `{"tsmId":12100,"tsmTuid":"T%d","n":%d}`, n%3, n)
}

// What a consumer finds: the topic, an array or an object, and what each record is called.
func TestMQTTPublishes(t *testing.T) {
	for _, payload := range []string{PayloadArray, PayloadObject} {
		synctest.Test(t, func(t *testing.T) {
			var pubs []*packets.Publish
			w, _ := mqttLink(t, Options{Payload: payload, MQTT: MQTT{TopicAliases: 2}}, mqttPeer{
				connack: func(_ *packets.Connect, ack *packets.Connack) {
					most, aliases := uint16(2), uint16(9)
					ack.Properties.ReceiveMaximum, ack.Properties.TopicAliasMaximum = &most, &aliases
				},
				puback: func(p *packets.Publish) byte { pubs = append(pubs, p); return packets.PubackNoMatchingSubscribers },
			})
			w.src.epoch = partEpoch(0)
			for n := 1; n <= 60; n++ {
				w.src.addRaw(reading(n))
			}
			w.src.seal()
			w.run()
			if err := <-w.done; err != nil {
				t.Fatal(err)
			}
			w.stop()
			w.net.wg.Wait()
			seen := map[string]string{} // the message of each record
			last := map[string]string{}
			for _, p := range pubs {
				user := map[string]string{}
				for _, u := range p.Properties.User {
					user[u.Key] = u.Value
				}
				recs := [][]byte{p.Payload}
				if payload == PayloadArray {
					recs = bytes.Split(bytes.Trim(p.Payload, "[]"), []byte("},"))
				}
				ns := strings.Split(user["n"], ",")
				if len(ns) != len(recs) || user["gw"] != "XXXX00TEST0000001" || user["epoch"] != partEpoch(0) {
					t.Fatalf("%s: %v", p.Payload, user)
				}
				for i, n := range ns {
					seen[n] = strings.TrimRight(string(recs[i]), "}")
					if tuid := p.Topic; len(n) < len(last[tuid]) || len(n) == len(last[tuid]) && n <= last[tuid] {
						t.Errorf("%s: %s after %s", p.Topic, n, last[tuid])
					}
					last[p.Topic] = n
				}
			}
			if len(seen) != 60 || len(last) != 3 || last["portti/XXXX00TEST0000001/T1/12100"] == "" {
				t.Errorf("%d records came on %v", len(seen), last)
			}
			for n := 1; n <= 60; n++ {
				if want := strings.TrimRight(string(reading(n)), "}"); seen[fmt.Sprint(n)] != want {
					t.Errorf("record %d came as %s", n, seen[fmt.Sprint(n)])
				}
			}
			if payload == PayloadArray && len(pubs) > 20 {
				t.Errorf("%d publishes of 60 records of 3 topics", len(pubs))
			}
			if st := w.link.Status(); st.ServerKinds[kindNoSubscriber] != uint64(len(pubs)) {
				t.Errorf("%v", st.ServerKinds)
			}
		})
	}
}

// Never more publishes are on the way than the server allows, however many a frame has.
func TestMQTTKeepsToReceiveMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open, most := 0, 0
		p := mqttPeer{connack: func(_ *packets.Connect, ack *packets.Connack) {
			n := uint16(3)
			ack.Properties.ReceiveMaximum = &n
		}}
		p.heard = func(c packets.Packet) {
			if pub, ok := c.(*packets.Publish); ok && pub.QoS == 1 {
				open++
				most = max(most, open)
			}
		}
		p.puback = func(*packets.Publish) byte { open--; return 0 }
		w, led := mqttLink(t, Options{Payload: PayloadObject}, p)
		w.src.add(500)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.stop()
		w.net.wg.Wait()
		if led.check(t, 500); most != 3 {
			t.Errorf("%d were on the way", most)
		}
	})
}

// What the server says has the right problem and costs no record.
func TestMQTTSays(t *testing.T) {
	refuse := func(reason byte) mqttPeer {
		return mqttPeer{connack: func(_ *packets.Connect, ack *packets.Connack) { ack.ReasonCode = reason }}
	}
	answers := func(reason byte) mqttPeer { return mqttPeer{puback: func(*packets.Publish) byte { return reason }} }
	later := func(send string) mqttPeer { return mqttPeer{after: func(w *wire) { _ = w.send(fin|2, []byte(send)) }} }
	for name, c := range map[string]struct {
		peer    mqttPeer
		problem string
		state   State
	}{
		"bad password":      {refuse(0x86), ProblemAuthRejected, Parked},
		"not authorized":    {refuse(0x87), ProblemAuthRejected, Parked},
		"banned":            {refuse(0x8A), ProblemForbidden, Parked},
		"client id":         {refuse(0x85), ProblemForbidden, Parked},
		"busy":              {refuse(0x89), ProblemRateLimited, Waiting},
		"too often":         {refuse(0x9F), ProblemTooMany, Waiting},
		"version":           {refuse(0x84), ProblemProtocol, Parked},
		"quota":             {answers(0x97), ProblemRateLimited, Waiting},
		"packet id in use":  {answers(0x91), ProblemProtocol, Waiting},
		"no subscriber":     {answers(0x10), ProblemNoConsumer, Waiting},
		"shuts down":        {later("\xe0\x01\x8b"), ProblemClosed, Waiting},
		"taken over":        {later("\xe0\x01\x8e"), ProblemRefusedLink, Waiting},
		"kicked":            {later("\xe0\x02\x98\x00"), ProblemServer, Waiting},
		"no kind":           {later("\x00\x00"), ProblemProtocol, Waiting},
		"a client's packet": {later("\xc0\x00"), ProblemProtocol, Waiting},
		"no length":         {later("\x40\xff\xff\xff\xff"), ProblemProtocol, Waiting},
		"foreign acks":      {later(strings.Repeat("\x40\x02\x77\x77", 60)), ProblemProtocol, Waiting},
		"too long":          {later("\x30\xff\xff\x7f"), ProblemProtocol, Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _ := mqttLink(t, Options{MQTT: MQTT{RequireSubscriber: true}}, c.peer)
				w.src.add(10)
				w.run()
				time.Sleep(20 * time.Minute)
				synctest.Wait()
				if st := w.link.Status(); st.Problem != c.problem || st.State != c.state && st.State != Connecting || len(w.src.quarantined) != 0 {
					t.Errorf("%s, %s, %q, %d set aside", st.Problem, st.State, st.LastError, len(w.src.quarantined))
				}
				w.end()
			})
		})
	}
}

// CONNECT says what is configured, and the end says that the gateway is away.
func TestMQTTConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *packets.Connect
		var all []packets.Packet
		p := mqttPeer{
			connack: func(got *packets.Connect, ack *packets.Connack) {
				c = got
				every := uint16(9)
				ack.Properties.ServerKeepAlive = &every
			},
			heard: func(p packets.Packet) { all = append(all, p) },
		}
		w, _ := mqttLink(t, Options{Auth: AuthFirstMessage, Token: staticToken(NewSecret("s3cret")), MQTT: MQTT{
			Username: "u", Will: "portti/{gw}/status", WillDelay: 30 * time.Second, Downlink: "portti/{gw}/downlink", SessionExpiry: time.Hour,
		}}, p)
		w.run()
		time.Sleep(time.Minute)
		w.src.seal()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.stop()
		w.net.wg.Wait()
		if c.ClientID != "XXXX00TEST0000001" || c.Username != "u" || string(c.Password) != "s3cret" || c.WillTopic != "portti/XXXX00TEST0000001/status" ||
			string(c.WillMessage) != `{"online":false}` || !c.WillRetain || *c.WillProperties.WillDelayInterval != 30 || *c.Properties.SessionExpiryInterval != 3600 || c.CleanStart {
			t.Errorf("%v", c)
		}
		kinds := map[string]int{}
		for _, p := range all {
			kinds[fmt.Sprintf("%T", p)]++
		}
		if hello := all[0].(*packets.Publish); string(hello.Payload) != `{"online":true}` || !hello.Retain || hello.QoS != 0 {
			t.Errorf("%v", hello)
		}
		if sub := all[1].(*packets.Subscribe); sub.Subscriptions[0].Topic != "portti/XXXX00TEST0000001/downlink" {
			t.Errorf("%v", sub)
		}
		if bye, ok := all[len(all)-1].(*packets.Disconnect); !ok || bye.ReasonCode != 0x04 {
			t.Errorf("%v", all[len(all)-1])
		}
		if n := kinds["*packets.Pingreq"]; n < 9 || n > 12 {
			t.Errorf("%d pings in a minute, and the server wants one in nine seconds", n)
		}
	})
}

// A message on the downlink topic is passed on, and acknowledged.
func TestMQTTDownlink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told string
		acked := false
		w, _ := mqttLink(t, Options{MQTT: MQTT{Downlink: "portti/{gw}/downlink"}, Downlink: func(m []byte) { told = string(m) }}, mqttPeer{
			after: func(w *wire) {
				_ = mqttSay(w, &packets.Publish{Topic: "portti/XXXX00TEST0000001/downlink", QoS: 1, PacketID: 7, Properties: &packets.Properties{}, Payload: []byte(`{"cmd":"x"}`)})
			},
			heard: func(p packets.Packet) {
				if a, ok := p.(*packets.Puback); ok {
					acked = a.PacketID == 7
				}
			},
		})
		w.run()
		time.Sleep(time.Second)
		synctest.Wait()
		if told != `{"cmd":"x"}` || !acked {
			t.Errorf("%q, %v", told, acked)
		}
		w.end()
	})
}

// Whatever a server sends, the link ends or goes on, and keeps its records.
func FuzzMQTTServer(f *testing.F) {
	for _, text := range []string{"\x40\x02\x00\x02", "\xe0\x00", "\xd0\x00", "\x90\x04\x00\x01\x00\x87", "\x30\x05\x00\x01a\x00x", "\x20\x02\x00\x05"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		synctest.Test(t, func(t *testing.T) {
			w, _ := mqttLink(t, Options{}, mqttPeer{after: func(w *wire) { _ = w.send(fin|2, text) }})
			w.src.add(3)
			w.run()
			time.Sleep(30 * time.Second)
			w.end()
			if len(w.src.quarantined) != 0 {
				t.Errorf("%d records set aside", len(w.src.quarantined))
			}
		})
	})
}

// What the server's largest packet excludes is not sent, and goes aside alone.
func TestMQTTKeepsToThePacketSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		largest := 0
		w, led := mqttLink(t, Options{}, mqttPeer{
			connack: func(_ *packets.Connect, ack *packets.Connack) {
				n := uint32(2000)
				ack.Properties.MaximumPacketSize = &n
			},
			heard: func(p packets.Packet) {
				var b bytes.Buffer
				_, _ = p.WriteTo(&b)
				largest = max(largest, b.Len())
			},
		})
		w.src.epoch = partEpoch(0)
		w.src.add(300)
		giant := w.src.addRaw(bytes.Repeat([]byte("x"), 2000))
		w.src.add(300)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.stop()
		w.net.wg.Wait()
		led.check(t, 600)
		if q := w.src.quarantined; len(q) != 1 || q[giant] == "" || largest > 2000 || largest < 1000 {
			t.Errorf("set aside %v, the largest packet has %d bytes", q, largest)
		}
	})
}
