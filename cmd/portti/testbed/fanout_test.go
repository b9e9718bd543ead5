package testbed

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"portti/cross/testkit"
)

func TestFanoutServesWhatWasTaken(t *testing.T) {
	r := running(t, Options{Ack: "envelope", Fanout: Fanout{Listen: "127.0.0.1:0"}})
	first, second := dial(t, r.FanoutURL(), nil), dial(t, r.FanoutURL(), nil)
	testkit.Eventually(t, "two subscribers", func() bool { return r.Stats().Subscribers == 2 })
	conn := dial(t, r.URL(), nil, envelopeProtocol)
	send(t, conn, packet(1, msg(1), "7", msg(3)))
	send(t, conn, packet(1, msg(1), "7", msg(3), msg(4)))
	for _, s := range []*websocket.Conn{first, second} {
		hears(t, s, "["+msg(1)+","+msg(3)+"]")
		hears(t, s, "["+msg(4)+"]")
	}
	first.Close()
	testkit.Eventually(t, "one subscriber", func() bool { return r.Stats().Subscribers == 1 })
}

func TestFanoutIsForReadingOnly(t *testing.T) {
	r := running(t, Options{Fanout: Fanout{Listen: "127.0.0.1:0"}})
	conn := dial(t, r.FanoutURL(), nil)
	send(t, conn, "["+msg(1)+"]")
	if code, _ := closing(t, conn); code != websocket.ClosePolicyViolation {
		t.Error(code)
	}
	if s := r.Stats(); s.Messages != 0 {
		t.Errorf("%+v", s)
	}
}

func TestFanoutDropsWhoIsTooSlow(t *testing.T) {
	r := running(t, Options{Ack: "count", Fanout: Fanout{Listen: "127.0.0.1:0"}})
	r.fanout.mu.Lock()
	r.fanout.backlog = 200_000
	r.fanout.mu.Unlock()
	slow := dial(t, r.FanoutURL(), nil)
	slow.NetConn().(*net.TCPConn).SetReadBuffer(4096)
	fast := dial(t, r.FanoutURL(), nil)
	testkit.Eventually(t, "two subscribers", func() bool { return r.Stats().Subscribers == 2 })
	conn := dial(t, r.URL(), nil)
	pad := strings.Repeat("x", 50_000)
	for n := 0; r.Stats().Dropped == 0; n++ {
		if n > 1000 {
			t.Fatal("nobody was dropped")
		}
		send(t, conn, fmt.Sprintf(`[{"tsmTuid":"x","tsmId":1,"tsmEv":10,"tsmTs":%d,"pad":%q}]`, n, pad))
		hears(t, conn, fmt.Sprintf(`{"ack":%d}`, n+1)) // the receiver does not wait for anybody
		if _, _, err := fast.ReadMessage(); err != nil {
			t.Fatal("the other one: ", err)
		}
	}
	testkit.Eventually(t, "one subscriber", func() bool { return r.Stats().Subscribers == 1 })
	for {
		if _, _, err := slow.ReadMessage(); err != nil {
			return
		}
	}
}

func TestFanoutWantsItsOwnToken(t *testing.T) {
	r := running(t, Options{Auth: "header", Token: "gateways", Fanout: Fanout{Listen: "127.0.0.1:0", Token: "readers"}})
	dial(t, r.FanoutURL(), http.Header{"Authorization": {"Bearer readers"}})
	dial(t, r.FanoutURL()+"?token=readers", nil)
	for _, wrong := range []string{"", "?token=gateways", "?token="} {
		_, resp, err := websocket.DefaultDialer.Dial(r.FanoutURL()+wrong, nil)
		if err == nil || resp == nil || resp.StatusCode != 401 {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// A page in a browser of this machine must not read along.
func TestFanoutRefusesOtherOrigins(t *testing.T) {
	r := running(t, Options{Fanout: Fanout{Listen: "127.0.0.1:0"}})
	_, resp, err := websocket.DefaultDialer.Dial(r.FanoutURL(), http.Header{"Origin": {"https://elsewhere.example"}})
	if err == nil || resp == nil || resp.StatusCode != 403 {
		t.Fatal(resp, err)
	}
}

func TestFanoutEndsWithTheReceiver(t *testing.T) {
	r := running(t, Options{TLS: true, Fanout: Fanout{Listen: "127.0.0.1:0"}})
	if u := r.FanoutURL(); !strings.HasPrefix(u, "wss://127.0.0.1:") {
		t.Fatal(u)
	}
	plain := running(t, Options{Fanout: Fanout{Listen: "127.0.0.1:0"}})
	conn := dial(t, plain.FanoutURL(), nil)
	testkit.Eventually(t, "subscribed", func() bool { return plain.Stats().Subscribers == 1 })
	plain.fail(nil)
	if code, _ := closing(t, conn); code != websocket.CloseGoingAway {
		t.Error(code)
	}
	testkit.Eventually(t, "it is gone", func() bool { return plain.Stats().Subscribers == 0 })
	if closed, err := NewReceiver(Options{Listen: "127.0.0.1:0", Fanout: Fanout{Listen: "127.0.0.1:0"}}); err != nil || closed.Close() != nil {
		t.Fatal(err)
	}
	if _, err := NewReceiver(Options{Listen: "127.0.0.1:0", Fanout: Fanout{Listen: r.Addr()}}); err == nil || !strings.Contains(err.Error(), "subscribers") {
		t.Fatal(err)
	}
}
