package uplinktest

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A reset between the bytes that a slow reader was given and its return once
// cut a buffer that was gone, and panicked.
func TestResetWhileASlowReaderReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := Pair(64)
		server.Rate = 10
		if _, err := client.Write([]byte("abc")); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(50*time.Millisecond, client.Reset) // the first byte takes 100 ms
		p := make([]byte, 3)
		if n, err := server.Read(p); n != 1 || err != nil || p[0] != 'a' {
			t.Errorf("%q, %v", p[:n], err)
		}
		if n, err := server.Read(p); n != 0 || err == nil || errors.Is(err, io.EOF) {
			t.Errorf("after the reset: %d bytes, %v", n, err)
		}
	})
}

// What Write said that it wrote before its own end was closed arrives, in
// order, and there is never more in the buffer than it has room for.
func TestWriteAgainstCloseAndRead(t *testing.T) {
	const room = 5
	for round := range 2000 {
		client, server := Pair(room)
		var wg sync.WaitGroup
		written := 0
		wg.Go(func() {
			for i := 0; ; {
				n, err := client.Write([]byte{byte(i), byte(i + 1), byte(i + 2)})
				i += n
				if written = i; err != nil {
					return
				}
			}
		})
		if round%2 == 0 {
			wg.Go(func() { client.Close() })
		}
		p, got := make([]byte, 2*room), 0
		for {
			n, err := server.Read(p)
			if n > room {
				t.Fatalf("%d bytes from a buffer of %d", n, room)
			}
			for _, b := range p[:n] {
				if b != byte(got) {
					t.Fatalf("byte %d is %d", got, b)
				}
				got++
			}
			if err != nil {
				break
			}
			if got > 64 {
				client.Close()
			}
		}
		wg.Wait()
		if got != written {
			t.Fatalf("round %d: %d bytes written, %d arrived", round, written, got)
		}
	}
}

// Every method at the same time as every other, from both ends.
func TestEverythingAtOnce(t *testing.T) {
	for range 2000 {
		client, server := Pair(5)
		client.MTU = 8
		var wg sync.WaitGroup
		for _, c := range []*Conn{client, server} {
			for size := 1; size < 10; size += 4 {
				wg.Go(func() {
					for {
						if _, err := c.Write(make([]byte, size)); err != nil || c.lost.Load() {
							return
						}
					}
				})
				wg.Go(func() {
					for p := make([]byte, size); ; {
						if n, err := c.Read(p); err != nil {
							return
						} else if n < 1 || n > size {
							t.Errorf("read %d of %d bytes", n, size)
						}
					}
				})
			}
			wg.Go(func() { _ = c.SetDeadline(time.Now().Add(time.Duration(rand.IntN(100)) * time.Microsecond)) })
			wg.Go(c.Reset)
			wg.Go(func() { c.Close() })
		}
		wg.Wait()
	}
}

// A full buffer and an empty one wait for the deadline.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := Pair(4)
		begin := time.Now()
		_ = client.SetDeadline(begin.Add(time.Second))
		if n, err := client.Write([]byte("12345")); n != 4 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d written, %v", n, err)
		}
		_ = client.SetReadDeadline(begin.Add(3 * time.Second))
		if n, err := client.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d read, %v", n, err)
		}
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("both waited %v", took)
		}
		client.Close()
		if got, err := io.ReadAll(server); string(got) != "1234" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}
