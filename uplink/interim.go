package uplink

import (
	"bytes"
	"net"
)

// interim is a connection on which interim answers (RFC 9110, 15.2: a status 1xx, such as
// 103 with hints) are passed over: any number may come before the answer itself, and
// the library takes the first for it. The guard below bounds how much that can be.
type interim struct {
	net.Conn
	head []byte // what was read and not given out
	over bool   // the answer itself has begun
}

func (c *interim) Read(p []byte) (int, error) {
	for !c.over {
		rest, end := bytes.CutPrefix(c.head, []byte("HTTP/1.1 1"))
		switch at := bytes.Index(c.head, []byte("\r\n\r\n")); {
		case !end && (len(c.head) >= len("HTTP/1.1 1") || !bytes.HasPrefix([]byte("HTTP/1.1 1"), c.head)),
			end && bytes.HasPrefix(rest, []byte("01")):
			c.over = true
			continue
		case end && at >= 0:
			c.head = c.head[at+4:]
			continue
		}
		buf := make([]byte, 4096)
		n, err := c.Conn.Read(buf)
		c.head = append(c.head, buf[:n]...)
		if err != nil {
			c.over = true
			if len(c.head) == 0 {
				return 0, err
			}
		}
	}
	if len(c.head) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.head)
	c.head = c.head[n:]
	return n, nil
}
