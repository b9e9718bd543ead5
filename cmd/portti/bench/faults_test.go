package bench

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestCutResetsAndWaits(t *testing.T) {
	r := running(t, Options{})
	conn := dial(t, r.URL(), nil)
	send(t, conn, "["+msg(1)+"]")
	eventually(t, "the frame is handled", func() bool { return r.Stats().Frames == 1 })
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
	eventually(t, "connected", func() bool { return r.Stats().Open == 1 })
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
	eventually(t, "both frames handled", func() bool { return r.Stats().Frames == 2 })
	r.Mute(false)
	send(t, conn, "["+msg(3)+"]")
	if _, b, err := conn.ReadMessage(); err != nil || string(b) != `{"ack":3}` {
		t.Fatal("not the first proof: ", string(b), err)
	}
}

func TestStallStopsReading(t *testing.T) {
	r := running(t, Options{})
	conn := dial(t, r.URL(), nil)
	r.Stall(true)
	r.Stall(true)
	for i := range 5 {
		send(t, conn, "["+msg(i)+"]")
	}
	time.Sleep(50 * time.Millisecond) // can only miss a fault, never invent one
	// One frame may pass: its ReadMessage had begun before.
	if n := r.Stats().Frames; n > 1 {
		t.Fatalf("%d frames passed a stalled receiver", n)
	}
	r.Stall(false)
	eventually(t, "all frames", func() bool { return r.Stats().Frames == 5 })
}

func TestRunEndsWithClientsThatDoNotAnswer(t *testing.T) {
	r, err := NewReceiver(Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	dial(t, r.URL(), nil) // never reads, so never answers the close frame
	eventually(t, "connected", func() bool { return r.Stats().Open == 1 })
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(patienceForTests):
		t.Fatal("a deaf client keeps the receiver running")
	}
}
