package device

import (
	"context"
	"io"
	"runtime"
	"testing"

	"github.com/creack/pty"
)

// channelSink tells of each record.
type channelSink struct {
	nullSink
	got chan struct{}
}

func (s channelSink) Append(int64, byte, uint16, uint32, []byte) error {
	s.got <- struct{}{}
	return nil
}

// BenchmarkPort is the time from a line's last byte on a port to its record
// in the sink, one line at a time.
func BenchmarkPort(b *testing.B) {
	master, slave, err := pty.Open()
	if err != nil {
		b.Skip(err)
	}
	defer func() { _ = master.Close() }()
	path := slave.Name()
	_ = slave.Close()
	sink := channelSink{got: make(chan struct{}, 1)}
	s, err := New([]Config{linesConfig("panel", path)}, func(string) (uint16, error) { return 1, nil }, sink, testEnv(), Tuning{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() {
		s.Run(ctx)
		close(done)
	}()
	defer func() {
		cancel()
		<-done
	}()
	for s.Status()[0].Opened == 0 {
		runtime.Gosched()
	}
	line := "{\"temp\":21.5,\"humd\":40}\n"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.WriteString(master, line); err != nil {
			b.Fatal(err)
		}
		<-sink.got
	}
}
