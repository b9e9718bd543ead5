package testbed

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// BenchmarkReceiver takes frames of 200 messages into a file, eight on the way
// at a time. count and envelope wait for the disk at each.
func BenchmarkReceiver(b *testing.B) {
	for _, mode := range []string{"fence", "count", "envelope"} {
		b.Run(mode, func(b *testing.B) {
			r, err := NewReceiver(Options{Listen: "127.0.0.1:0", Ack: mode, OutFile: filepath.Join(b.TempDir(), "out")})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan error, 1)
			go func() { done <- r.Run(ctx) }()
			defer func() { cancel(); <-done }()
			d := websocket.Dialer{Subprotocols: []string{envelopeProtocol}}
			conn, _, err := d.Dial(r.URL(), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			room := make(chan struct{}, 8)
			heard := make(chan error, 1)
			conn.SetPongHandler(func(string) error { <-room; return nil })
			go func() {
				for {
					if _, _, err := conn.ReadMessage(); err != nil {
						heard <- err
						return
					}
					<-room
				}
			}()
			n := 0
			for b.Loop() {
				var frame strings.Builder
				for i := range 200 {
					frame.WriteString(fmt.Sprintf(`,{"tsmId":12100,"tsmEv":10,"tsmTs":%d.%03d,"tsmTuid":"XXXX03X2Z80562557","temp":21.3,"humd":21.7}`, n, i))
				}
				text := "[" + frame.String()[1:] + "]"
				if mode == "envelope" {
					text = packet(uint64(n*200+1), frame.String()[1:])
				}
				room <- struct{}{}
				if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
					b.Fatal(err)
				}
				if mode == "fence" {
					if err := conn.WriteMessage(websocket.PingMessage, nil); err != nil {
						b.Fatal(err)
					}
				}
				n++
			}
			for range cap(room) {
				room <- struct{}{}
			}
			b.ReportMetric(float64(n*200)/b.Elapsed().Seconds(), "messages/s")
			conn.Close()
			<-heard
		})
	}
}
