package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Keys that are no letter, as names; a letter is itself.
const (
	keyUp     = "up"
	keyDown   = "down"
	keyEnter  = "enter"
	keyEscape = "escape"
	keyEnd    = "ctrl+c"
	keyStop   = "ctrl+z"
	keyDraw   = "ctrl+l"
)

// keyWait is how long the rest of a key's sequence may take, in milliseconds: on a slow
// line its bytes come one by one. It is as well how soon the end of ctx is seen.
const keyWait = 200

// keys hands on the keys that are pressed until ctx ends or the terminal is gone.
func keys(ctx context.Context, in *os.File, key func(string)) error {
	var rest []byte
	buf := make([]byte, 64)
	for ctx.Err() == nil {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}}, keyWait)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("cannot wait for a key: %w", err)
		}
		if ready <= 0 {
			rest = names(rest, true, key)
			continue
		}
		n, err := in.Read(buf)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("it is gone")
			}
			return fmt.Errorf("cannot read the terminal: %w", err)
		}
		rest = names(append(rest, buf[:n]...), false, key)
	}
	return nil
}

// names takes keys from bytes and gives back what may be the beginning of one, unless no
// more comes. A sequence that is not known is passed over whole.
func names(b []byte, over bool, key func(string)) []byte {
	for len(b) > 0 {
		if b[0] != 0x1b {
			if name := nameOf(b[0]); name != "" {
				key(name)
			}
			b = b[1:]
			continue
		}
		n := sequence(b)
		switch {
		case n == 0 && !over:
			return b
		case n <= 1:
			key(keyEscape)
			b = b[1:]
			continue
		}
		switch b[n-1] {
		case 'A':
			key(keyUp)
		case 'B':
			key(keyDown)
		}
		b = b[n:]
	}
	return nil
}

func nameOf(c byte) string {
	switch {
	case c == '\r' || c == '\n':
		return keyEnter
	case c == 3:
		return keyEnd
	case c == 26:
		return keyStop
	case c == 12:
		return keyDraw
	case c == 127 || c == 8:
		return keyEscape
	case c > ' ' && c < 127:
		return strings.ToLower(string(rune(c)))
	}
	return ""
}

// sequence is the length of the escape sequence that b begins with, 0 = it is not whole.
func sequence(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	if b[1] == 'O' {
		if len(b) < 3 {
			return 0
		}
		return 3
	}
	if b[1] != '[' {
		return 1
	}
	for i, c := range b[2:] {
		if c >= 0x40 && c <= 0x7e {
			return i + 3
		}
	}
	return 0
}
