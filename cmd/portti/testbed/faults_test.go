package testbed

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"portti/cross/testkit"
)

func TestCutResetsAndWaits(t *testing.T) {
	r := running(t, Options{})
	conn := dial(t, r.URL(), nil)
	send(t, conn, "["+msg(1)+"]")
	testkit.Eventually(t, "the frame is handled", func() bool { return r.Stats().Frames == 1 })
	r.Cut()
	if s := r.Stats(); s.Open != 0 {
		t.Fatalf("%+v", s)
	}
	_, _, err := conn.ReadMessage()
	var closed *websocket.CloseError
	if err == nil || errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
		t.Fatal("a cut connection ended in good order: ", err)
	}
	dial(t, r.URL(), nil) // the next one is welcome
}

func TestCutFreesAStalledConnection(t *testing.T) {
	r := running(t, Options{})
	r.Stall(true)
	dial(t, r.URL(), nil)
	testkit.Eventually(t, "connected", func() bool { return r.Stats().Open == 1 })
	r.Cut()
	r.Stall(false)
}

func TestRefuseAndAnswer(t *testing.T) {
	r := running(t, Options{})
	r.Refuse(true)
	if _, resp, err := websocket.DefaultDialer.Dial(r.URL(), nil); err == nil || resp != nil {
		t.Fatal("an unreachable receiver answered: ", resp, err)
	}
	r.Refuse(false)
	dial(t, r.URL(), nil)
	r.Answer(http.StatusServiceUnavailable)
	if _, resp, err := websocket.DefaultDialer.Dial(r.URL(), nil); err == nil || resp == nil || resp.StatusCode != 503 {
		t.Fatal(resp, err)
	}
	r.Answer(0)
	dial(t, r.URL(), nil)
}

func TestMuteHandlesButProvesNothing(t *testing.T) {
	r := running(t, Options{Ack: "count"})
	r.Mute(true)
	conn := dial(t, r.URL(), nil)
	conn.SetPongHandler(func(string) error { return errPong })
	send(t, conn, "["+msg(1)+"]")
	conn.WriteControl(websocket.PingMessage, []byte("1"), time.Now().Add(time.Second))
	send(t, conn, "["+msg(2)+"]")
	testkit.Eventually(t, "both frames handled", func() bool { return r.Stats().Frames == 2 })
	r.Mute(false)
	send(t, conn, "["+msg(3)+"]")
	if _, b, err := conn.ReadMessage(); err != nil || string(b) != `{"ack":3}` {
		t.Fatal("not the first proof: ", string(b), err)
	}
}

func TestStallStopsReading(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, dial func(string) *websocket.Conn, r *Receiver) {
		conn := dial("")
		synctest.Wait()
		r.Stall(true)
		r.Stall(true)
		for i := range 5 {
			send(t, conn, "["+msg(i)+"]")
		}
		synctest.Wait()
		// One frame passes: its reading had begun before.
		if n := r.Stats().Frames; n != 1 {
			t.Fatalf("%d frames passed a stalled receiver", n)
		}
		r.Stall(false)
		synctest.Wait()
		if n := r.Stats().Frames; n != 5 {
			t.Fatalf("%d frames of 5 came afterwards", n)
		}
	})
}

func TestRunEndsWithClientsThatDoNotAnswer(t *testing.T) {
	// In a bubble a Run that never ends is a deadlock, which fails the test.
	bubble(t, Options{}, func(t *testing.T, dial func(string) *websocket.Conn, r *Receiver) {
		dial("") // never reads, so never answers the close frame
		synctest.Wait()
		if n := r.Stats().Open; n != 1 {
			t.Fatalf("%d connections", n)
		}
	})
}
