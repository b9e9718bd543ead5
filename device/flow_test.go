package device

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"portti/device/clock"
)

// countSink counts what it is given.
type countSink struct {
	nullSink
	n    atomic.Int64
	want int64
	done chan struct{}
}

func (s *countSink) Append(int64, byte, uint16, uint32, []byte) error {
	if s.n.Add(1) == s.want {
		close(s.done)
	}
	return nil
}

// BenchmarkFlow is what a line costs this room in all, from a tcp:// port read
// at full speed to a sink that does nothing.
func BenchmarkFlow(b *testing.B) {
	// Each line is one message.
	const start = `{"temp":21.5,"humd":40.2,"airp":101325,"lght":120`
	for name, line := range map[string]string{"dated": start + `,"ts":1700000000.123}` + "\n", "undated": start + "}\n"} {
		b.Run(name, func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			c, err := clock.New(time.UnixMilli(earliest))
			if err != nil {
				b.Fatal(err)
			}
			sink := &countSink{want: int64(b.N), done: make(chan struct{})}
			cfg := Config{Name: "flow", Type: "lines", Port: "tcp://" + l.Addr().String(), ID: tuid, Options: &LinesOptions{TimeField: "ts"}}
			set, err := New([]Config{cfg}, func(string) (uint16, error) { return 1, nil }, sink, Env{Gateway: "GW", Clock: c}, Tuning{})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			go set.Run(ctx)
			conn, err := l.Accept()
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			block := make([]byte, 0, 64_000)
			for range cap(block) / len(line) {
				block = append(block, line...)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for left := b.N * len(line); left > 0; left -= len(block) {
				if _, err := conn.Write(block[:min(left, len(block))]); err != nil {
					b.Fatal(err)
				}
			}
			<-sink.done
		})
	}
}
