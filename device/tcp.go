package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

const (
	tcpScheme = "tcp://"
	// dialLimit is for name resolution and connection together.
	dialLimit = 5 * time.Second
)

// dialTCP opens a raw connection to a serial device server. A server that
// vanished without a word is noticed after 15 s + 3 x 5 s of silence.
func dialTCP(ctx context.Context, address string) (Opened, error) {
	d := net.Dialer{
		Timeout:         dialLimit,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	conn, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(address, tcpScheme))
	if err != nil {
		return Opened{}, &OpenError{State: Missing, Code: CodeGone, Err: fmt.Errorf("cannot connect to %s: %w", address, err)}
	}
	return Opened{Line: &tcpLine{Conn: conn}, Path: tcpScheme + conn.RemoteAddr().String(), Flow: true}, nil
}

// tcpLine makes a Line of a connection.
type tcpLine struct {
	net.Conn
	interrupted atomic.Bool
}

func (l *tcpLine) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	switch {
	case err == nil || n > 0:
		return n, nil
	case l.interrupted.Load():
		return 0, errInterrupted
	case errors.Is(err, io.EOF):
		return 0, fmt.Errorf("%w: the server closed the connection", ErrGone)
	case errors.Is(err, os.ErrDeadlineExceeded): // not ETIMEDOUT, which is the keepalive's
		return 0, err
	}
	return 0, fmt.Errorf("%w: %w", ErrGone, err)
}

func (l *tcpLine) Write(p []byte) (int, error) {
	if err := l.SetWriteDeadline(time.Now().Add(WriteLimit)); err != nil {
		return 0, fmt.Errorf("cannot set the write deadline: %w", err)
	}
	return l.Conn.Write(p)
}

func (l *tcpLine) Interrupt() {
	l.interrupted.Store(true)
	_ = l.Conn.Close()
}

func (l *tcpLine) Close() error {
	l.interrupted.Store(true)
	if err := l.Conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
