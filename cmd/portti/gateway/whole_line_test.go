package gateway

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portti/cmd/portti/config"
	"portti/device"
	"portti/device/clock"
	"portti/uplink"
	"portti/uplink/uplinktest"
)

// wholeLots is how many lots of wholeLot lines TestWholeLine moves.
var wholeLots = flag.Int("whole.lots", 10, "how many thousand lines TestWholeLine moves")

const (
	wholeLot  = 1000
	wholeMade = 10
	wholeRTT  = 200 * time.Millisecond // until a ping is answered: twice commit_every, so that all is committed
)

const wholeConfig = `config_version = 1
[gateway]
id = "XXXX00WHOLE000001"
report_interval = "0s"
[paths]
state = %q
run = "/nonexistent"
[uplink]
url = "ws://127.0.0.1:1/"
auth = "none"
[buffer]
commit_every = "100ms"
[[device]]
name = "panel"
type = "lines"
port = "/sim/panel"
id = "XXXX03PNL00000001"
message = 12100
extra = "keep"
id_field = "id"
time_field = "ts"
map = {t = "temp"}
`

// TestWholeLine moves lines of seven fields from a port to their acknowledgement
// through a gateway that is wired as in real life, with a folder of its own: each is
// decoded, stamped, kept, sent from memory, committed a thousand at a time since the
// server takes long to answer, and acknowledged. Line and server are in memory, and
// time moves only while everything rests: so the same work is done at each run. The
// figures count the instructions of this test on an ARMv6.
func TestWholeLine(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "portti.toml")
	if err := os.WriteFile(path, fmt.Appendf(nil, wholeConfig, filepath.Join(dir, "state")), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, config.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { wholeMove(t, cfg, *wholeLots) })
}

func wholeMove(t *testing.T, cfg *config.Config, lots int) {
	port, server := newSimLine(), &wholeServer{}
	now := clock.Fake(clock.Now{Mono: 1, Unix: buildDay.Add(time.Hour).UnixMilli(), Trusted: true}, buildDay)
	now.Flow()
	g, err := New(cfg, Options{
		Version: "whole", Built: buildDay, Clock: now,
		Device: device.Tuning{Open: func(context.Context, device.Config) (device.Opened, error) {
			return device.Opened{Line: port, Path: "/sim/panel", Flow: true}, nil
		}},
		Dial: uplink.Options{Dial: server.dial},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.work(ctx) }()
	began := time.Now()
	var made [][]byte // alike whatever is moved, so that what it takes is not counted
	for n := range max(lots, wholeMade) {
		made = append(made, wholeLines(n*wholeLot))
	}
	for n := range lots {
		port.change(func() { port.buf = made[n] })
		for server.messages.Load() < int64(n+1)*wholeLot && time.Since(began) < time.Hour {
			time.Sleep(wholeRTT / 4)
		}
	}
	time.Sleep(5 * wholeRTT)
	st := g.Status()
	committed := g.queue.Stats().CommittedRecords
	t.Logf("read %d, acknowledged %d, commits %d of %d records; %d frames", st.Totals.Read, st.Totals.Acked, st.Buffer.Commits, committed, server.frames.Load())
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n, came := lots*wholeLot, server.messages.Load(); st.Totals.Acked != uint64(n) || came != int64(n) || committed != uint64(n) {
		t.Errorf("of %d lines %d came, %d were acknowledged and %d committed", n, came, st.Totals.Acked, committed)
	}
}

// wholeLines is a lot of lines, a millisecond apart.
func wholeLines(first int) []byte {
	var b bytes.Buffer
	for n := first; n < first+wholeLot; n++ {
		at := buildDay.Add(time.Duration(n) * time.Millisecond).UnixMilli()
		fmt.Fprintf(&b, `{"ts":%d.%03d,"id":"XXXX03PNL00000007","t":21.50,"humd":40.2,"airp":101325,"lght":%d,"batl":97}`+"\n", at/1000, at%1000, n%1000)
	}
	return b.Bytes()
}

// wholeServer is a WebSocket server that does no more than it must: it answers
// pings and counts messages. It works in the writer's goroutine.
type wholeServer struct {
	frames, messages atomic.Int64
}

func (s *wholeServer) dial(context.Context, string, string) (net.Conn, error) {
	client, server := uplinktest.Pair(1 << 20)
	return &wholeConn{Conn: client, server: server, count: s}, nil
}

type wholeConn struct {
	*uplinktest.Conn
	server   net.Conn
	count    *wholeServer
	upgraded bool
	pending  []byte
}

// Write copies byte by byte: what the runtime's copy takes would be counted.
func (c *wholeConn) Write(p []byte) (int, error) {
	for _, x := range p { //nolint:staticcheck // see above
		c.pending = append(c.pending, x)
	}
	taken := 0
	for {
		n, err := c.step(c.pending[taken:])
		if err != nil {
			return 0, err
		}
		if taken += n; n == 0 {
			break
		}
	}
	for i, x := range c.pending[taken:] { //nolint:staticcheck // see above
		c.pending[i] = x
	}
	c.pending = c.pending[:len(c.pending)-taken]
	return len(p), nil
}

// step takes the handshake or one frame from the front of b, if all of it is there.
func (c *wholeConn) step(b []byte) (n int, err error) {
	if !c.upgraded {
		return c.upgrade(b)
	}
	if len(b) < 6 {
		return 0, nil
	}
	size, head := int(b[1]&0x7f), 2
	switch {
	case size == 126:
		size, head = int(b[2])<<8|int(b[3]), 4
	case size == 127 && len(b) >= 14:
		size, head = int(b[6])<<24|int(b[7])<<16|int(b[8])<<8|int(b[9]), 10
	}
	if len(b) < head+4+size {
		return 0, nil
	}
	mask, payload := b[head:head+4], b[head+4:head+4+size]
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	switch b[0] & 0xf {
	case 1:
		c.count.frames.Add(1)
		n := int64(0)
		for _, x := range payload {
			if x == '{' {
				n++
			}
		}
		c.count.messages.Add(n)
	case 8:
		_, err = c.server.Write([]byte{0x88, 2, 1000 >> 8, 1000 & 0xff})
	case 9:
		pong := append([]byte{0x8a, byte(size)}, payload...)
		time.AfterFunc(wholeRTT, func() { _, _ = c.server.Write(pong) })
	}
	return head + 4 + size, err
}

func (c *wholeConn) upgrade(b []byte) (n int, err error) {
	head, _, whole := bytes.Cut(b, []byte("\r\n\r\n"))
	if !whole {
		return 0, nil
	}
	_, key, _ := bytes.Cut(head, []byte("Sec-WebSocket-Key: "))
	key, _, _ = bytes.Cut(key, []byte("\r\n"))
	sum := sha1.Sum(append(bytes.Clone(key), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	c.upgraded = true
	_, err = fmt.Fprintf(c.server, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	return len(head) + 4, err
}
