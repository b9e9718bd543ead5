package uplink

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

// wire is a WebSocket server at the level of bytes: it can say anything a
// correct library would refuse to.
type wire struct {
	conn net.Conn
	br   *bufio.Reader
	req  *http.Request
}

func newWire(c net.Conn) *wire { return &wire{conn: c, br: bufio.NewReader(c)} }

const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
	fin     = 0x80
)

// request reads the upgrade request.
func (w *wire) request() (*http.Request, error) {
	req, err := http.ReadRequest(w.br)
	w.req = req
	return req, err
}

// accept reads the request and upgrades.
func (w *wire) accept() error {
	req, err := w.request()
	if err != nil {
		return err
	}
	return w.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		acceptKey(req) + "\r\n\r\n")
}

func acceptKey(req *http.Request) string {
	sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (w *wire) say(text string) error {
	_, err := io.WriteString(w.conn, text)
	return err
}

// frame is one WebSocket frame as it stood on the wire.
type frame struct {
	op   byte
	fin  bool
	data []byte
}

func (w *wire) read() (frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(w.br, head[:]); err != nil {
		return frame{}, err
	}
	f := frame{op: head[0] & 0x0f, fin: head[0]&fin != 0}
	if head[0]&0x70 != 0 {
		return f, errors.New("reserved bits set")
	}
	if head[1]&0x80 == 0 {
		return f, errors.New("client frame without mask")
	}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		var b [2]byte
		_, _ = io.ReadFull(w.br, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, _ = io.ReadFull(w.br, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	var key [4]byte
	if _, err := io.ReadFull(w.br, key[:]); err != nil {
		return f, err
	}
	f.data = make([]byte, n)
	if _, err := io.ReadFull(w.br, f.data); err != nil {
		return f, err
	}
	for i := range f.data {
		f.data[i] ^= key[i&3]
	}
	return f, nil
}

// send writes one unmasked frame; first is the whole first byte.
func (w *wire) send(first byte, data []byte) error {
	head := []byte{first, byte(len(data))}
	switch {
	case len(data) > 65535:
		head = binary.BigEndian.AppendUint64([]byte{first, 127}, uint64(len(data)))
	case len(data) > 125:
		head = binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(len(data)))
	}
	_, err := w.conn.Write(append(head, data...))
	return err
}

func (w *wire) close(code int, text string) {
	_ = w.send(fin|opClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), text...))
}

// pump serves a connection until it ends: pongs pings, hands text to take,
// answers a close. take returning false ends it.
func (w *wire) pump(take func(text []byte) bool) {
	for {
		f, err := w.read()
		if err != nil {
			return
		}
		switch f.op {
		case opText:
			if !take(f.data) {
				return
			}
		case opPing:
			if w.send(fin|opPong, f.data) != nil {
				return
			}
		case opClose:
			_ = w.send(fin|opClose, f.data)
			return
		}
	}
}

// listen serves wires over TCP on loopback; every connection runs serve.
func listen(tb testing.TB, serve func(n int, w *wire)) (addr string) {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; ; n++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(n, newWire(c))
			}()
		}
	}()
	tb.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

// numbers takes the n of every message of a frame.
func numbers(text []byte) []uint64 {
	const key = `"n":`
	var out []uint64
	for at := bytes.Index(text, []byte(key)); at >= 0; at = bytes.Index(text, []byte(key)) {
		text = text[at+len(key):]
		n := uint64(0)
		for i := 0; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
			n = 10*n + uint64(text[i]-'0')
		}
		out = append(out, n)
	}
	return out
}
