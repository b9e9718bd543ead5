package testbed

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.bug.st/serial"

	"portti/cross/testkit"
)

func parse(t *testing.T, data []byte, baud int) *Recording {
	t.Helper()
	r, err := ParseRecording(data, baud)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// whole joins the pieces of a recording.
func whole(r *Recording) []byte {
	var b []byte
	for _, c := range r.chunks {
		b = append(b, c.data...)
	}
	return b
}

func TestRecordingPaces(t *testing.T) {
	day := "$GPGGA,235958,,,,,0*00\r\n$GPGSV,1,1,00*79\r\n$GPRMC,235959.50,V*00\r\n$GPGLL,1,N,2,E,000000.00,A*00\r\n$GPRMC,120000,V*00\r\n"
	for _, c := range []struct {
		name string
		data string
		text bool
		at   []time.Duration // of each piece
	}{
		{"NMEA over midnight and over a gap", day, true, []time.Duration{0, 0, 1500 * time.Millisecond, 2 * time.Second, 3 * time.Second}},
		{"comments at the head only", "# one\n#two\n$GPRMC,000000,V\n# kept\n$GPRMC,000002,V\n", true, []time.Duration{0, 0, 2 * time.Second}},
		{"lines without a time go by baud", "hello\nworld\n", true, []time.Duration{50 * time.Millisecond, 100 * time.Millisecond}},
		{"one time is no pace", "$GPRMC,000000,V.\nxx\n", true, []time.Duration{142 * time.Millisecond, 167 * time.Millisecond}},
		{"binary", "\xb5\x62\x00\x01\x02\x03\x04\x05", false, []time.Duration{50 * time.Millisecond, 67 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := parse(t, []byte(c.data), 1200)
			kept := c.data
			for strings.HasPrefix(kept, "#") {
				_, kept, _ = strings.Cut(kept, "\n")
			}
			if string(whole(r)) != kept || r.Bytes != int64(len(kept)) || r.Text != c.text {
				t.Fatalf("%+v", r)
			}
			for i, want := range c.at {
				if got := r.chunks[i].at; got.Round(time.Millisecond) != want {
					t.Errorf("piece %d %q at %v, want %v", i, r.chunks[i].data, got, want)
				}
			}
		})
	}
}

func TestRecordingRefusesNothingToPlay(t *testing.T) {
	for _, data := range []string{"", "# only\n# comments\n", "#"} {
		if _, err := ParseRecording([]byte(data), 9600); err == nil {
			t.Errorf("%q was taken", data)
		}
	}
	if _, err := ParseRecording([]byte("x"), 0); err == nil {
		t.Error("0 baud was taken")
	}
}

func FuzzParseRecording(f *testing.F) {
	f.Add([]byte("# c\n$GPRMC,000000.5,V\r\n$GPGLL,,,,,000001,V\n"), 9600)
	f.Add([]byte("\xb5\x62\x00"), 1)
	f.Add([]byte("$$GNZDA,,,\n$GPGGA,999999,\n"), 115200)
	f.Fuzz(func(t *testing.T, data []byte, baud int) {
		r, err := ParseRecording(bytes.Clone(data), baud)
		if err != nil {
			return
		}
		if !bytes.HasSuffix(data, whole(r)) || int64(len(whole(r))) != r.Bytes {
			t.Fatal("bytes lost, added or changed")
		}
		last := time.Duration(0)
		for _, c := range r.chunks {
			if c.at < last {
				t.Fatal("time goes back")
			}
			last = c.at
		}
		if r.Duration < last {
			t.Fatal("ends before its last piece")
		}
	})
}

// playTo plays while a reader reads n bytes.
func playTo(t *testing.T, r *Recording, o PlayOptions, n int) ([]byte, PlayStats) {
	t.Helper()
	p := openPair(t, filepath.Join(t.TempDir(), "tty"))
	type result struct {
		stats PlayStats
		err   error
	}
	done := make(chan result, 1)
	go func() {
		s, err := Play(t.Context(), p, r, o)
		done <- result{s, err}
	}()
	port := openReader(t, p.Name())
	got := readAll(t, port, n)
	end := <-done
	if end.err != nil {
		t.Fatal(end.err)
	}
	if more, err := p.Unread(); more || err != nil {
		t.Fatal("more came than was played, or: ", err)
	}
	return got, end.stats
}

func TestPlayByteForByte(t *testing.T) {
	nmea := script(newGPS(t, GPSOptions{Seed: 9, Warmup: -1}), noon(), 5*time.Minute)
	for name, data := range map[string][]byte{"text": nmea, "binary": awkwardBytes(300_000)} {
		t.Run(name, func(t *testing.T) {
			r := parse(t, data, 9600)
			got, stats := playTo(t, r, PlayOptions{}, len(data))
			if !bytes.Equal(got, data) || stats.Bytes != int64(len(data)) || stats.Lines != r.Lines || stats.Rounds != 1 {
				t.Fatalf("%+v, equal %v", stats, bytes.Equal(got, data))
			}
		})
	}
}

// gpsd's own logs, where they are at hand.
func TestPlayRecordedLogs(t *testing.T) {
	logs, _ := filepath.Glob("../../../../shared/corpora/gpsd/*/*.log")
	if len(logs) == 0 {
		t.Skip("no recorded logs next to this checkout")
	}
	for _, file := range logs {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := parse(t, data, 9600)
		got, _ := playTo(t, r, PlayOptions{}, int(r.Bytes))
		if !bytes.HasSuffix(data, got) || len(got) == 0 || got[0] == '#' {
			t.Errorf("%s: not what was recorded", file)
		}
	}
}

func TestPlayKeepsItsPace(t *testing.T) {
	r := parse(t, []byte("$GPRMC,000000.00,V\n$GPRMC,000000.20,V\n"), 9600)
	_, stats := playTo(t, r, PlayOptions{Speed: 1}, int(r.Bytes))
	if stats.Took < 200*time.Millisecond {
		t.Fatal("too fast: ", stats.Took)
	}
}

func TestPlayLoopsUntilStopped(t *testing.T) {
	p := openPair(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan PlayStats, 1)
	r := parse(t, []byte("abc\n"), 9600)
	go func() {
		s, err := Play(ctx, p, r, PlayOptions{Loop: true})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		done <- s
	}()
	port := openReader(t, p.Path())
	if got := readAll(t, port, 40); string(got) != strings.Repeat("abc\n", 10) {
		t.Fatalf("%q", got)
	}
	cancel()
	if s := <-done; s.Rounds < 9 || s.Bytes < 40 { // the tenth may be cut off after its last byte
		t.Fatalf("%+v", s)
	}
}

// Half is read, the reader goes away, another one comes: it gets the rest.
func TestPlayGoesOnWithTheNextReader(t *testing.T) {
	p := openPair(t, filepath.Join(t.TempDir(), "tty"))
	want := awkwardBytes(200_000)
	r := parse(t, want, 9600)
	done := make(chan error, 1)
	go func() {
		_, err := Play(t.Context(), p, r, PlayOptions{})
		done <- err
	}()
	var got []byte
	for range 4 {
		port := openReader(t, p.Name())
		got = append(got, readAll(t, port, len(want)/4)...)
		port.Close()
	}
	if err := <-done; err != nil || !bytes.Equal(got, want) {
		t.Fatal("bytes lost between readers: ", err)
	}
}

func TestPlayWaitsForAReaderAndEndsWithItsContext(t *testing.T) {
	p := openPair(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := Play(ctx, p, parse(t, []byte("x\n"), 9600), PlayOptions{}); !errors.Is(err, context.Canceled) || s.Bytes != 0 {
		t.Fatal(s, err)
	}
}

// A reader that writes must not come to a halt because nobody listens.
func TestPlayTakesWhatTheReaderWrites(t *testing.T) {
	p := openPair(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := Play(ctx, p, parse(t, []byte("x\n"), 9600), PlayOptions{Loop: true, Speed: 0.001})
		done <- err
	}()
	port := openReader(t, p.Path())
	wrote := make(chan error, 1)
	go func() {
		var err error
		for range 300 {
			if _, err = port.Write(make([]byte, 1024)); err != nil {
				break
			}
		}
		wrote <- err
	}()
	if err := testkit.Receive(t, "the reader's write does not block", wrote); err != nil {
		t.Error(err)
	}
	cancel()
	<-done
}

// runLive runs a device until the function it returns is called.
func runLive(t *testing.T, p *Pty, d Device) (stop func() LiveStats) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan LiveStats, 1)
	go func() {
		s, err := Live(ctx, p, d)
		if err != nil {
			t.Error(err)
		}
		done <- s
	}()
	return func() LiveStats { cancel(); return <-done }
}

func readLine(t *testing.T, port serial.Port) string {
	t.Helper()
	var l []byte
	for len(l) == 0 || l[len(l)-1] != '\n' && l[len(l)-1] != '\r' {
		l = append(l, readAll(t, port, 1)...)
	}
	return string(l)
}

func TestLiveDeviceTalksAndListens(t *testing.T) {
	p := openPair(t, filepath.Join(t.TempDir(), "tty"))
	stop := runLive(t, p, newBridge(t, BridgeOptions{Seed: 1, Heartbeat: true}))
	port := openReader(t, p.Name())
	if l := readLine(t, port); l != "00{\"type\":\"heartbeat\"}\r" {
		t.Fatalf("%q", l)
	}
	port.Write([]byte("{\"type\":\"heartbeat_ack\"}\n"))
	if l := readLine(t, port); !strings.Contains(l, "manufacturerdata") {
		t.Fatalf("%q", l)
	}
	if s := stop(); s.Bytes == 0 || s.Readers != 1 || s.Missed != 0 {
		t.Fatalf("%+v", s)
	}
}

// What lies unread for as long as patience is thrown away, and the next reader
// gets fresh data. The turns come at made-up times.
func TestLiveDeviceThrowsAwayWhatNobodyReads(t *testing.T) {
	p := openPair(t, filepath.Join(t.TempDir(), "tty"))
	l := live{stage: stage{pace: 1}, pty: p, device: newPanel(t, PanelOptions{Seed: 1})}
	turn := func(now time.Time) {
		t.Helper()
		if _, err := l.turn(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	port := openReader(t, p.Name())
	turn(now)
	readAll(t, port, int(l.stats.Bytes))
	port.Close()
	// The kernel's news of the reading may come late, and counts as one.
	testkit.Eventually(t, "what nobody reads is thrown away", func() bool {
		now = now.Add(time.Second)
		turn(now)
		return l.stats.Missed > 0
	})
	if l.stats.Missed != int64(patience/time.Second) {
		t.Errorf("%d turns were thrown away", l.stats.Missed)
	}
	port = openReader(t, p.Name())
	if got := readAll(t, port, len(l.buf)); !bytes.Equal(got, l.buf) {
		t.Errorf("the next reader got %q, the last turn was %q", got, l.buf)
	}
	testkit.Eventually(t, "two openings", func() bool { return p.Opens() == 2 })
}

// A turn that does not fit on the line before patience ends is thrown away.
func TestLiveDeviceIsNotHeldUpByAFullLine(t *testing.T) {
	p := openPair(t, "")
	l := live{stage: stage{pace: 1}, pty: p, device: newPanel(t, PanelOptions{Seed: 1})}
	if _, err := l.turn(t.Context(), time.Now().Add(-patience)); err != nil {
		t.Fatal(err)
	}
	if unread, err := p.Unread(); l.stats.Missed != 1 || unread || err != nil {
		t.Fatalf("%+v, unread %v, %v", l.stats, unread, err)
	}
}

// The pair is taken down as soon as Play returns: if it returned early, the
// reader would miss the end. A reader that reads big pieces at once is the one
// that showed it.
func TestPlayReturnsWhenTheLastByteIsRead(t *testing.T) {
	t.Parallel()
	want := awkwardBytes(120_000)
	for range 50 {
		p := openPair(t, "")
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, err := Play(context.Background(), p, parse(t, want, 9600), PlayOptions{}); err != nil {
				t.Error(err)
			}
			p.Close()
		}()
		port := openReader(t, p.Path())
		if got := readAll(t, port, len(want)); !bytes.Equal(got, want) {
			t.Fatal("bytes changed")
		}
		<-done
		port.Close()
	}
}

func BenchmarkPty(b *testing.B) {
	p, err := OpenPty("", 0)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	port, err := serial.Open(p.Path(), &serial.Mode{BaudRate: 115200})
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 4096)
		for {
			if _, err := port.Read(buf); err != nil {
				return
			}
		}
	}()
	chunk := make([]byte, 4000)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		if _, err := p.Write(context.Background(), chunk); err != nil {
			b.Fatal(err)
		}
	}
	port.Close()
	<-ended
}
