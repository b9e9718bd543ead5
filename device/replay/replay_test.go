package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/device"
	"portti/device/clock"
	"portti/device/declared"
	"portti/device/recording"
	"portti/device/replay"
	"portti/device/thingsee"
)

// pipe is a port whose other end a test holds.
type pipe struct{ net.Conn }

func (p pipe) Interrupt() { _ = p.Close() }

// kept is a sink that keeps what the gateway would send.
type kept struct{ messages []string }

func (k *kept) Append(_ int64, class byte, _ uint16, _ uint32, rec []byte) error {
	if class&device.ClassProvisional != 0 {
		rec, _ = thingsee.FillTime(nil, rec, 0, 0)
	}
	k.messages = append(k.messages, string(rec))
	return nil
}
func (k *kept) Lose(uint16, string, int) {}
func (k *kept) Room() <-chan struct{}    { return nil }

// life runs a device in fake time while it is recorded. say speaks for what is at the
// other end of the port, once for each opening.
func life(t *testing.T, c device.Config, kinds device.Table, now clock.Now, says ...func(far net.Conn)) (sent []string, frames [device.Results]uint64, text []byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		open := func(context.Context, device.Config) (device.Opened, error) {
			if len(says) == 0 {
				return device.Opened{}, errors.New("it is gone")
			}
			say := says[0]
			says = says[1:]
			near, far := net.Pipe()
			go func() {
				say(far)
				time.Sleep(10 * time.Second)
				if len(says) == 0 {
					stop()
				}
				_ = far.Close()
			}()
			return device.Opened{Line: pipe{near}, Path: "/dev/pipe"}, nil
		}
		env := device.Env{Gateway: "XXXX00GTW00000001", Log: slog.New(slog.DiscardHandler), Clock: clock.Fake(now, time.UnixMilli(1_780_000_000_000))}
		env.Clock.Flow()
		sink := &kept{}
		set, err := device.New([]device.Config{c}, func(string) (uint16, error) { return 1, nil }, sink, env, device.Tuning{Open: open, Kinds: kinds})
		if err != nil {
			t.Fatal(err)
		}
		f, err := set.Follow(c.Name, device.View{Raw: true})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan []byte)
		go func() { done <- write(t, f) }()
		set.Run(ctx)
		text = <-done
		sent, frames = sink.messages, set.Status()[0].Frames
	})
	return sent, frames, text
}

// write is what portti record does.
func write(t *testing.T, f *device.Follower) []byte {
	var b bytes.Buffer
	w, err := recording.NewWriter(&b, f.Header())
	for err == nil {
		var r recording.Record
		if r, err = f.Next(context.Background()); err == nil {
			err = w.Write(r)
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	return b.Bytes()
}

func play(t *testing.T, text []byte, o replay.Options) *replay.Result {
	t.Helper()
	f, err := recording.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	res, err := replay.Run(context.Background(), f, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// pieces says data in pieces of a few bytes, with pauses of all lengths between them.
func pieces(data []byte, seed uint64) func(net.Conn) {
	return func(far net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, far) }()
		r := rand.New(rand.NewPCG(seed, 1))
		for len(data) > 0 {
			n := min(len(data), 1+r.IntN(60))
			time.Sleep(time.Duration(r.Int64N(int64([]time.Duration{time.Microsecond, time.Millisecond, 40 * time.Millisecond, 3 * time.Second}[r.IntN(4)]))))
			if _, err := far.Write(data[:n]); err != nil {
				return
			}
			data = data[n:]
		}
	}
}

// dew describes the frames in testdata/declared.
func dew() *device.DeclaredOptions {
	hundredth, good := 0.01, int64(0)
	return &device.DeclaredOptions{Frame: "fixed", Start: "AA 0A", Size: 10, Checksum: "sum8", Field: map[string]declared.Field{
		"temp": {Offset: 3, Type: "i16be", Scale: &hundredth}, "humd": {Offset: 5, Type: "u16be", Scale: &hundredth}, "status": {Offset: 7, Is: &good},
	}}
}

// What a gateway sent while it was recorded is what a replay would send, whatever the
// pauses were that the driver went by.
func TestReplaySendsWhatWasSent(t *testing.T) {
	total := 0
	for _, kind := range device.Kinds() {
		folder := kind.Name
		if folder == "declared" {
			folder = "dew"
		}
		paths, err := filepath.Glob(filepath.Join("..", "testdata", folder, "*.*"))
		if err != nil {
			t.Fatal(err)
		}
		for i, path := range paths {
			if !slices.Contains([]string{".txt", ".bin", ".nmea", ".log"}, filepath.Ext(path)) {
				continue
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data = data[:min(len(data), 8000)]
			for _, now := range []clock.Now{
				{Mono: 100_000, Unix: 1_796_000_000_000, Trusted: true},
				{Mono: 77_000, Unix: 1_796_000_000_000, Trusted: true, Err: 3},
				{Mono: 5_000, Unix: 1_790_000_000_000},
			} {
				c := device.Config{Name: "under-test", Type: kind.Name, ID: "XXXX03TST00000001"}
				if kind.Open == nil {
					c.Port = "/dev/pipe"
				}
				if kind.Name == "declared" {
					c.Options = dew()
				}
				sent, frames, text := life(t, c, nil, now, pieces(data, uint64(i)), pieces(data[len(data)/3:], uint64(i+100)))
				res := play(t, text, replay.Options{})
				if now.Trusted && !slices.Equal(sent, res.Messages) || len(sent) != len(res.Messages) || frames != res.Frames {
					t.Errorf("%s at %+v: sent were\n%s\n%v\nbut a replay sends\n%s\n%v", path, now, strings.Join(sent, "\n"), frames, strings.Join(res.Messages, "\n"), res.Frames)
				}
				if !now.Trusted && kind.Name == "lines" && res.Undated != len(sent) {
					t.Errorf("%s: %d of %d are said to have no time of their own", path, res.Undated, len(sent))
				}
				total += len(sent)
			}
		}
	}
	if total < 300 {
		t.Errorf("only %d messages were compared", total)
	}
}

// meter is a driver that asks every ten seconds and waits half a second for an answer.
type meter struct{ m thingsee.Message }

func meters(say string) device.Table {
	return device.Table{{Name: "meter", Baud: 9600, Silence: time.Minute, Polls: true, Writes: true,
		New: func(_ device.Config, env device.Env) (device.Driver, error) {
			return run(func(port device.Port, out device.Out) error {
				d := &meter{}
				now := env.Now
				if now == nil {
					now = time.Now
				}
				for {
					asked := now()
					if _, err := port.Write([]byte(say)); err != nil {
						return err
					}
					if err := d.answer(port, out, asked.Add(500*time.Millisecond)); err != nil {
						return err
					}
					_ = port.SetReadDeadline(asked.Add(10 * time.Second))
					if _, err := port.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
						out.Frame(device.Malformed)
						if err != nil {
							return err
						}
					}
				}
			}), nil
		}}}
}

type run func(device.Port, device.Out) error

func (r run) Run(port device.Port, out device.Out) error { return r(port, out) }

func (d *meter) answer(port device.Port, out device.Out, until time.Time) error {
	_ = port.SetReadDeadline(until)
	b := make([]byte, 1)
	n, err := port.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		out.Frame(device.Unknown)
		return nil
	}
	if err != nil {
		return err
	}
	out.Frame(device.OK)
	d.m.Reset(12100, thingsee.EventTimed)
	d.m.Int("humd", int64(b[n-1]))
	out.Emit(&d.m)
	return nil
}

// A driver that asks is answered when its device answered, also where the recording
// was begun between two questions.
func TestReplayKeepsInStepWithQuestions(t *testing.T) {
	answers := func(far net.Conn) {
		b := make([]byte, 10)
		for i := range byte(20) {
			if _, err := far.Read(b); err != nil {
				return
			}
			if time.Sleep(100 * time.Millisecond); i%5 == 3 {
				time.Sleep(700 * time.Millisecond) // too late
			}
			if _, err := far.Write([]byte{i}); err != nil {
				return
			}
		}
	}
	c := device.Config{Name: "m", Type: "meter", Port: "/dev/pipe", ID: "XXXX03TST00000001"}
	now := clock.Now{Mono: 100_000, Unix: 1_796_000_000_000, Trusted: true}
	sent, frames, text := life(t, c, meters("?"), now, answers)
	if len(sent) != 16 || frames[device.Unknown] == 0 {
		t.Fatalf("the test tests something else: %d sent, %v", len(sent), frames)
	}
	if res := play(t, text, replay.Options{Kinds: meters("?")}); !slices.Equal(res.Messages, sent) || res.Frames != frames {
		t.Errorf("sent\n%s %v\nreplayed\n%s %v", strings.Join(sent, "\n"), frames, strings.Join(res.Messages, "\n"), res.Frames)
	}
	lines := strings.SplitAfter(string(text), "\n")
	middle := append([]string{lines[0]}, lines[8:]...)
	if res := play(t, []byte(strings.Join(middle, "")), replay.Options{Kinds: meters("?")}); len(res.Messages) < 12 || !slices.Equal(res.Messages, sent[len(sent)-len(res.Messages):]) {
		t.Errorf("from the middle on\n%s\nof\n%s", strings.Join(res.Messages, "\n"), strings.Join(sent, "\n"))
	}
	if res := play(t, text, replay.Options{Kinds: meters("other question")}); res.Crash != "" || len(res.Messages) > len(sent) {
		t.Errorf("another driver: %+v", res)
	}
}

func file(says ...string) *recording.File {
	f := replay.Plain(nil, "lines")
	for i, s := range says {
		f.Records = append(f.Records, recording.Record{At: time.Duration(i) * time.Hour, Clock: recording.Clock{Unix: replay.Now + int64(i)*3_600_000, Trusted: true}, What: recording.In, Data: []byte(s)})
	}
	return f
}

// Hours are over at once, unless a speed is asked for.
func TestSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := file("temp=1\n", "temp=2\n", "temp=3\n", "temp=4\n")
		for speed, want := range map[float64]time.Duration{0: 0, 1: 3 * time.Hour, 60: 3 * time.Minute} {
			began := time.Now()
			res, err := replay.Run(context.Background(), f, replay.Options{Speed: speed})
			if took := time.Since(began); err != nil || took < want-time.Millisecond || took > want+time.Second || len(res.Messages) != 4 {
				t.Errorf("at speed %v it took %v: %v %+v", speed, took, err, res)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 90*time.Minute)
		defer cancel()
		if res, err := replay.Run(ctx, f, replay.Options{Speed: 1}); err != nil || len(res.Messages) != 2 {
			t.Errorf("ended after 90 minutes: %v %+v", err, res)
		}
	})
}

// TestDriverBegunAnew: where the speed was looked for again, the port is opened in the
// recording without having ended, and what the driver knew is forgotten.
func TestDriverBegunAnew(t *testing.T) {
	opened := recording.Record{What: recording.Opened, Data: []byte("/dev/ttyUSB0")}
	say := func(second int) recording.Record {
		b := fmt.Sprintf("GPGLL,6500.744,N,02528.086,E,1200%02d.00,A,A", second)
		sum := byte(0)
		for i := range len(b) {
			sum ^= b[i]
		}
		return recording.Record{What: recording.In, Data: fmt.Appendf(nil, "$%s*%02X\r\n", b, sum)}
	}
	f := file()
	f.Header.Type, f.Header.Keys = "gps", map[string]json.RawMessage{"id": json.RawMessage(`"XXXX03TST00000001"`), "detail": json.RawMessage(`"off"`), "baud": json.RawMessage(`"auto"`)}
	f.Records = []recording.Record{opened, say(1), say(2), opened, say(3), say(4)}
	for i := range f.Records {
		f.Records[i].At = time.Duration(i) * time.Second
		f.Records[i].Clock = recording.Clock{Unix: replay.Now + int64(i)*1000, Trusted: true}
	}
	res, err := replay.Run(context.Background(), f, replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var events []string
	for _, m := range res.Messages {
		_, rest, _ := strings.Cut(m, `"tsmEv":`)
		ev, _, _ := strings.Cut(rest, ",")
		events = append(events, ev)
	}
	if got := strings.Join(events, " "); got != "11 10 11 10" {
		t.Errorf("events %s, want 11 10 11 10:\n%s", got, strings.Join(res.Messages, "\n"))
	}
}

func TestCrashIsSaidAndEndsIt(t *testing.T) {
	kinds := device.Table{{Name: "lines", Baud: 9600, Silence: time.Minute, New: func(device.Config, device.Env) (device.Driver, error) {
		return run(func(port device.Port, _ device.Out) error {
			_, _ = port.Read(make([]byte, 10))
			panic("what is that?")
		}), nil
	}}}
	began := time.Now()
	res, err := replay.Run(context.Background(), file("x", "y"), replay.Options{Kinds: kinds})
	if err != nil || !strings.HasPrefix(res.Crash, "what is that?\n") || time.Since(began) > 5*time.Second {
		t.Errorf("%v %+v", err, res)
	}
}

func TestOtherTypeAndRefusals(t *testing.T) {
	f := file("$GPGGA,092750.000,5321.6802,N,00630.3372,W,1,8,1.03,61.7,M,55.2,M,,*76\r\n$GPGGA,092751.000,5321.6802,N,00630.3371,W,1,8,1.03,61.7,M,55.3,M,,*75\r\n")
	if res, err := replay.Run(context.Background(), f, replay.Options{Type: "gps"}); err != nil || len(res.Messages) == 0 {
		t.Errorf("%v %+v", err, res)
	}
	if _, err := replay.Run(context.Background(), f, replay.Options{Type: "gpx"}); err == nil || !strings.Contains(err.Error(), "must be one of") {
		t.Error(err)
	}
	f.Header.Keys["id"] = []byte(`"no blanks please"`)
	if _, err := replay.Run(context.Background(), f, replay.Options{}); err == nil || !strings.Contains(err.Error(), "id must be") {
		t.Error(err)
	}
}

func Example() {
	f := replay.Plain([]byte("temp=21.5\ntemp=21.6\ntemp=2O\n"), "lines")
	res, err := replay.Run(context.Background(), f, replay.Options{Emit: func(m []byte) { fmt.Printf("%s\n", m) }})
	if err != nil {
		fmt.Println(err)
		return
	}
	n, why := res.Rejected()
	fmt.Println(n, "rejected:", why)
	// Output:
	// {"tsmId":12100,"tsmEv":10,"tsmTs":1796000000,"tsmTuid":"XXXX03TST00000001","tsmGw":"XXXX00GTW00000001","temp":21.5}
	// {"tsmId":12100,"tsmEv":10,"tsmTs":1796000000.001,"tsmTuid":"XXXX03TST00000001","tsmGw":"XXXX00GTW00000001","temp":21.6}
	// 1 rejected: 1 malformed
}
