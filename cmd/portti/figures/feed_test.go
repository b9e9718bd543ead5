//go:build figures

package figures

import (
	"net"
	"strconv"
	"testing"
	"time"

	"portti/cross/testkit"
)

// reading is one line of a sensor board; dated ones carry their own time, which
// differs from line to line.
func reading(b []byte, n int, dated bool) []byte {
	b = append(b, `{"temp":21.5,"humd":40.2,"airp":101325,"lght":120,"seq":`...)
	b = strconv.AppendInt(b, int64(n), 10)
	if dated {
		b = append(b, `,"ts":`...)
		ms := time.Now().UnixMilli()
		b = strconv.AppendInt(b, ms/1000, 10)
		b = append(b, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
	}
	return append(b, "}\n"...)
}

// feeder is a serial device server that sends as fast as the gateway reads.
type feeder struct {
	listener net.Listener
	conns    chan net.Conn
}

func listen(t *testing.T) *feeder {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &feeder{listener: l, conns: make(chan net.Conn, 8)}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.conns <- c
		}
	}()
	return f
}

func (f *feeder) port() string { return "tcp://" + f.listener.Addr().String() }

// conn is the gateway's connection.
func (f *feeder) conn(t *testing.T) net.Conn {
	c := testkit.Receive(t, "the gateway opens its port", f.conns)
	t.Cleanup(func() { c.Close() })
	return c
}

// pour writes n readings. The first line ends what a reader takes for the end
// of an older one.
func pour(c net.Conn, n int, dated bool) error {
	b := []byte("\n")
	for i := range n {
		b = reading(b, i, dated)
		if len(b) > 60_000 {
			if _, err := c.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	_, err := c.Write(b)
	return err
}
