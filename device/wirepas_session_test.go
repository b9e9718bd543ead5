package device

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"portti/cross/testkit"
	"portti/device/dualmcu"
	"portti/device/dualmcu/sinktest"
	"portti/device/recording"
)

// taped is a Port whose bytes are recorded.
type taped struct {
	net.Conn
	t     *testing.T
	w     *recording.Writer
	begun time.Time
	in    bytes.Buffer
}

func (p *taped) note(what recording.What, b []byte) {
	at := time.Since(p.begun)
	if err := p.w.Write(recording.Record{At: at, Clock: recording.Clock{Unix: 1_796_000_000_000 + at.Milliseconds(), Trusted: true}, What: what, Data: b}); err != nil {
		p.t.Error(err)
	}
}

func (p *taped) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if n > 0 {
		p.note(recording.In, b[:n])
		p.in.Write(b[:n])
	}
	return n, err
}

func (p *taped) Write(b []byte) (int, error) {
	p.note(recording.Out, b)
	return p.Conn.Write(b)
}

// TestWirepasSession makes the recordings in testdata/wirepas, which TestDrivers plays:
// what the driver and a sink say to each other. go test -update writes them.
func TestWirepasSession(t *testing.T) {
	for name, script := range map[string]func(s *sinktest.Sink){
		// One poll, and everything that waits.
		"mesh": func(s *sinktest.Sink) {
			for i, payload := range []string{meshWeather, meshMove, meshAlien, meshUnknown, meshCold, meshBroken,
				"78 9c 01 0c00 f3ff 9fa30119332c020a182c07ff 14 67 03 12", "a3 01195e24 0209 19011b 190262"} {
				s.Data(meshData([]uint32{meshNode, meshNode2}[i%2], payload))
			}
			d := meshData(meshNode2, "")
			apdu := meshBytes("82 a301192f44020a182019019d a401192f450207182e01182f0c")
			d.Fragment, d.Packet, d.Offset, d.Last, d.APDU = true, 5, 16, true, apdu[16:]
			s.Data(d)
			d.Offset, d.Last, d.APDU = 0, false, apdu[:16]
			s.Data(d)
			d = meshData(meshNode, "00")
			d.DestEnd = 247
			s.Data(d)
			time.Sleep(10 * time.Millisecond)
		},
		// Bad lines, and a sink that restarts.
		"restart": func(s *sinktest.Sink) {
			time.Sleep(105 * time.Millisecond)
			s.Refuse(1)
			s.Data(meshData(meshNode2, meshMove))
			time.Sleep(40 * time.Millisecond)
			s.Spoil(2)
			time.Sleep(600 * time.Millisecond)
			s.Lose(1)
			s.Data(meshData(meshNode2, "a30119332c020a182c08"))
			time.Sleep(600 * time.Millisecond)
			s.Silence(true)
			time.Sleep(6 * time.Second)
			s.Restart(byte(dualmcu.Stopped))
			s.Silence(false)
			time.Sleep(600 * time.Millisecond)
			s.Restart(0)
			s.Data(meshData(meshNode, meshMove))
			time.Sleep(100 * time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var wire bytes.Buffer
				w, err := recording.NewWriter(&wire, recording.Header{Portti: "test", Gateway: "XXXX00GTW00000001", Name: "sink", Type: "wirepas", Binary: true,
					Started: time.UnixMilli(1_796_000_000_000).UTC(), Mono: 100_000, Floor: 1_700_000_000_000,
					Keys: map[string]json.RawMessage{"id": json.RawMessage(`"XXXX03WPS00000001"`), "nodes": json.RawMessage(`{"0x00C0DB01":"XXXX03TEMP0000001"}`)}})
				if err != nil {
					t.Fatal(err)
				}
				near, far := net.Pipe()
				sink := sinktest.New(meshNode)
				port := &taped{Conn: near, t: t, w: w, begun: time.Now()}
				port.note(recording.Opened, []byte("/dev/ttyACM0"))
				d, err := newWirepas(Config{ID: "XXXX03WPS00000001"}, Env{Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				go sink.Serve(far)
				end := make(chan error, 1)
				if name == "mesh" {
					script(sink)
				} else { // what the first poll finds is there before it
					sink.Data(meshData(meshNode, meshWeather))
				}
				go func() { end <- d.Run(port, &meshOut{flags: map[string]bool{}}) }()
				if name == "mesh" {
					time.Sleep(10 * time.Millisecond)
				} else {
					script(sink)
				}
				synctest.Wait()
				_ = near.Close()
				<-end
				_ = far.Close()
				port.note(recording.Stopped, nil)
				testkit.Golden(t, "testdata/wirepas/"+name+".wire", wire.String())
				if name == "mesh" {
					testkit.Golden(t, "testdata/wirepas/session.bin", port.in.String())
				}
			})
		})
	}
}
