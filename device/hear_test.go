package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portti/device/recording"
	"portti/device/uarttest"
)

// farEnd makes a line whose far end sends text over and over at a speed, until the end of
// the test.
func farEnd(t *testing.T, baud int, text []byte) *uarttest.Far {
	t.Helper()
	far, hush := speaking(t, baud, text)
	t.Cleanup(hush)
	return far
}

// speaking does that until told to hush, which closes the line.
func speaking(t *testing.T, baud int, text []byte) (far *uarttest.Far, hush func()) {
	t.Helper()
	far, err := uarttest.Open(baud)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if len(text) > 0 {
			far.Repeat(ctx, text, 4*time.Millisecond)
		}
	}()
	return far, func() { cancel(); <-done; _ = far.Close() }
}

// settable says whether a port can be given that speed here.
func settable(t *testing.T, baud int) bool {
	t.Helper()
	far := farEnd(t, 9600, nil)
	opened, err := opener{}.open(t.Context(), Config{Port: far.Path(), Baud: Baud(baud)})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Line.Close()
	set, err := far.Set()
	return err == nil && set == baud
}

// someSpeeds are all speeds that are tried; where that takes long, three of them for a
// recording, others for the next, and one with -short, as under an emulator: there is
// a time after which a search is given up.
func someSpeeds(recording string) (speeds []int) {
	step := 1
	switch all := len(TriedSpeeds()); {
	case testing.Short():
		step = all
	case raceDetector:
		step = 3
	}
	for i, baud := range TriedSpeeds() {
		if i%step == len(recording)%step {
			speeds = append(speeds, baud)
		}
	}
	return speeds
}

// recorded is what devices of a kind have sent.
func recorded(t *testing.T, kind string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	if kind == declaredKind().Name {
		return all // nothing is known of its form but by a configuration
	}
	paths, _ := filepath.Glob(filepath.Join("testdata", kind, "*"))
	for _, path := range paths {
		base := filepath.Base(path)
		if strings.HasPrefix(base, "noise") || !slices.Contains([]string{".txt", ".bin", ".nmea", ".log"}, filepath.Ext(base)) {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[base] = b[:min(len(b), 2048)]
	}
	for _, path := range paths { // of a device that is asked: somebody else asks
		if len(all) == 0 && filepath.Ext(path) == ".wire" {
			all[filepath.Base(path)] = talkIn(t, path)
		}
	}
	if len(all) == 0 {
		t.Fatalf("no recordings of %s", kind)
	}
	return all
}

// talkIn is what was asked and answered in a recording.
func talkIn(t *testing.T, path string) (talk []byte) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f, err := recording.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range f.Records {
		if r.What == recording.In || r.What == recording.Out {
			talk = append(talk, r.Data...)
		}
	}
	return talk
}

// TestHearFindsEveryKindAtEverySpeed (row 243): what devices have sent is found at each speed at which
// it may be sent, or it is said what else it may be.
func TestHearFindsEveryKindAtEverySpeed(t *testing.T) {
	kinds := append(Kinds(), dewKind())
	slices.SortFunc(kinds, func(a, b Kind) int { return strings.Compare(a.Name, b.Name) })
	// All at once, two cores have more to do making what is heard than there is time for.
	at := 24
	if testing.Short() {
		at = 6
	}
	room := make(chan struct{}, at)
	var all sync.WaitGroup
	for _, k := range kinds {
		if k.Open != nil {
			continue // nothing that a serial line carries
		}
		for name, text := range recorded(t, k.Name) {
			for _, baud := range someSpeeds(name) {
				if !settable(t, baud) {
					t.Logf("%d baud: not under this emulator", baud)
					continue
				}
				room <- struct{}{}
				far, hush := speaking(t, baud, text)
				all.Go(func() {
					defer func() { hush(); <-room }()
					h, err := Hear(t.Context(), far.Path(), kinds, 30*time.Second)
					what := fmt.Sprintf("%s/%s at %d", k.Name, name, baud)
					switch found := slices.ContainsFunc(h.Guesses, func(g Guess) bool {
						// A transponder is either, by whether it says where it is while it is heard.
						with := k.Name == "ais" && g.Name == "NMEA 0183 with AIS"
						return (g.Kind == k.Name || with) && g.Baud == baud
					}); {
					case err != nil:
						t.Errorf("%s: %v", what, err)
					case !found:
						t.Errorf("%s: %+v", what, h)
					case (h.Verdict == Sure || h.Verdict == Likely) != (len(h.Guesses) == 1):
						t.Errorf("%s: %s with %d guesses", what, h.Verdict, len(h.Guesses))
					}
					if got := far.Got(); len(got) > 0 {
						t.Errorf("%s: it wrote %q", what, got)
					}
				})
			}
		}
	}
	all.Wait()
}

// TestHearOther (row 243): what is of no kind is said to be of none, whatever it is, and nothing is
// guessed.
func TestHearOther(t *testing.T) {
	random := make([]byte, 4096)
	r := rand.New(rand.NewPCG(5, 6))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	var receiver []byte
	for i := range 20 {
		receiver = append(receiver, 0xA0, 0xA2, 0, 92)
		receiver = append(append(receiver, bytes.Repeat([]byte{byte(i)}, 92)...), byte(i*92>>8), byte(i*92), 0xB0, 0xB3)
	}
	var all sync.WaitGroup
	for name, row := range map[string]struct {
		sent  []byte
		baud  int
		seems string
	}{
		"noise":       {random, 57600, "bytes that nothing here knows"},
		"SiRF":        {receiver, 38400, "binary SiRF"},
		"other text":  {[]byte("Outside it is warm today\r\nand the wind is weak\r\n"), 19200, "text that nothing here reads"},
		"few letters": {[]byte("A\n"), 9600, "text that nothing here reads"},
	} {
		far := farEnd(t, row.baud, row.sent)
		all.Go(func() {
			h, err := Hear(t.Context(), far.Path(), Kinds(), 30*time.Second)
			if err != nil || h.Verdict != Unfamiliar || h.Seems != row.seems || len(h.Guesses) > 0 || h.Sample == "" || h.Bytes == 0 {
				t.Errorf("%s: %+v %v", name, h, err)
			}
			if row.seems != "bytes that nothing here knows" && h.Baud != row.baud {
				t.Errorf("%s: at %d", name, h.Baud)
			}
		})
	}
	all.Wait()
}

// pipedLine is a tunable in a bubble: fed by a device that sends a text now and then.
type pipedLine struct {
	net.Conn
	baud  atomic.Int64
	tuned []int
	unfit []int // speeds that it does not have
	slow  bool  // what it received last before the speed is set comes after that
	late  bool  // it does so next
}

// Read gives what a chip that sends every 16 ms to the host had in its buffer.
func (l *pipedLine) Read(p []byte) (int, error) {
	if l.late {
		l.late = false
		time.Sleep(16 * time.Millisecond)
		return copy(p, bytes.Repeat([]byte{0x80, 0xf8, 0, 'x', 0x80}, 30)), nil
	}
	return l.Conn.Read(p)
}

func (l *pipedLine) waiting([]byte) int { return 0 }

func (l *pipedLine) Interrupt() { _ = l.Conn.Close() }

func (l *pipedLine) tune(baud int) error {
	if slices.Contains(l.unfit, baud) {
		return errors.New("invalid argument")
	}
	l.tuned, l.late = append(l.tuned, baud), l.slow
	l.baud.Store(int64(baud))
	return nil
}

// listenTo runs a search in a bubble, in which a device sends text each interval, from
// after its first. It says how long it took.
func listenTo(t *testing.T, l *pipedLine, text string, baud int, interval, most time.Duration) (h Heard, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		l.Conn = near
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(interval):
				}
				_ = far.SetWriteDeadline(time.Now().Add(time.Second))
				if set := int(l.baud.Load()); set == baud {
					_, _ = far.Write([]byte(text))
				} else if set > 0 {
					_, _ = far.Write(uarttest.Heard([]byte(text), 0, float64(baud)/float64(set)))
				}
			}
		}()
		began := time.Now()
		var err error
		if h, err = newSearch(Kinds(), most).run(l); err != nil {
			t.Error(err)
		}
		took = time.Since(began)
		close(stop)
		_ = far.Close()
	})
	return h, took
}

// TestHearIsNotTakenInByAWrongSpeed (row 243): however much comes at once, what devices have sent is of no
// kind and no format at any other speed.
func TestHearIsNotTakenInByAWrongSpeed(t *testing.T) {
	s := newSearch(Kinds(), time.Second)
	for _, k := range append(Kinds(), dewKind()) {
		for name, text := range recorded(t, k.Name) {
			for _, sent := range someSpeeds(name) {
				for _, set := range TriedSpeeds() {
					var once []byte // in pieces, as a device sends them
					for piece := range slices.Chunk(text, 64) {
						once = append(once, uarttest.Heard(piece, 0, float64(sent)/float64(set))...)
					}
					b := bytes.Repeat(once, 1+hearKept/len(once))
					if h, ripe := s.judge(b, set); sent != set && (ripe == final || h.Seems != "") {
						t.Errorf("%s/%s at %d, read at %d: %+v", k.Name, name, sent, set, h)
					}
				}
			}
		}
	}
}

// TestHearTakesItsTime (row 243): a device that speaks seldom is waited for at each speed, the search
// is over in time whatever comes, and it does not try all speeds.
func TestHearTakesItsTime(t *testing.T) {
	reading := `{"temp":21.4,"humd":40,"airp":100310}` + "\r\n"
	for name, row := range map[string]struct {
		text     string
		baud     int
		interval time.Duration
		want     Verdict
		tries    int
		most     time.Duration
	}{
		"nothing":            {"", 9600, time.Second, Quiet, 2, 30 * time.Second},
		"each second":        {reading, 19200, time.Second, Sure, 4, 20 * time.Second},
		"a high speed":       {reading, 460800, time.Second, Sure, 4, 20 * time.Second},
		"each four seconds":  {reading, 38400, 4 * time.Second, Likely, 4, 30 * time.Second},
		"less than one line": {reading[:20], 9600, 20 * time.Second, Unfamiliar, 9, 30 * time.Second},
	} {
		l := &pipedLine{}
		h, took := listenTo(t, l, row.text, row.baud, row.interval, 30*time.Second)
		if h.Verdict != row.want || len(l.tuned) > row.tries || took > row.most {
			t.Errorf("%s: %+v after %v, tried %v", name, h, took, l.tuned)
		}
	}
	l := &pipedLine{unfit: []int{921600, 460800, 115200}}
	if h, _ := listenTo(t, l, reading, 57600, time.Second, 30*time.Second); h.Verdict != Sure || h.Guesses[0].Baud != 57600 {
		t.Errorf("an adapter that lacks speeds: %+v, tried %v", h, l.tuned)
	}
}

// TestHearIsNotTakenInByOneLine (row 243): a whole line between much that is none, as the kernel may
// have kept from before the speed was set, says nothing.
func TestHearIsNotTakenInByOneLine(t *testing.T) {
	s := newSearch(Kinds(), time.Second)
	noise := uarttest.Heard([]byte(strings.Repeat(cycle("120000.00", "6500.74400", "10.0", "57.30"), 8)), 0, 4)
	noise = bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return '?'
		}
		return r
	}, noise)
	b := slices.Concat([]byte("half\n"), []byte(sum("GPVTG,,,,,,,,,N")), noise)
	if h, ripe := s.judge(b, 9600); ripe != doubtful {
		t.Errorf("%+v of %q", h, b)
	}
}

// TestHearLeavesOthersAlone (row 242): a port that another process has open, locked or not, is not
// opened, and who it is is said.
func TestHearLeavesOthersAlone(t *testing.T) {
	far := farEnd(t, 9600, nil)
	for _, name := range []string{"gpsd", "agetty", "login"} {
		other := exec.Command("sh", "-c", `exec 3<"$1"; printf %s "$2" >/proc/self/comm; echo; read -r _`, "sh", far.Path(), name)
		in, _ := other.StdinPipe()
		out, err := other.StdoutPipe()
		if err == nil {
			err = other.Start()
		}
		if err != nil {
			t.Skipf("no shell here: %v", err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		before, _ := far.Set()
		_, err = Hear(t.Context(), far.Path(), Kinds(), time.Second)
		var e *OpenError
		code := CodeBusy
		if name != "gpsd" {
			code = CodeConsole
		}
		if !errors.As(err, &e) || e.Code != code || !strings.Contains(err.Error(), fmt.Sprintf("%s (process %d)", name, other.Process.Pid)) {
			t.Errorf("%s: %v", name, err)
		}
		if after, _ := far.Set(); after != before {
			t.Errorf("the speed was changed from %d to %d", before, after)
		}
		_ = in.Close()
		_ = other.Wait()
	}
	r := newRoot(t)
	r.file("/proc/consoles", filepath.Base(far.Path())+" -W- (EC p a)    4:64\n")
	r.link("/dev/ttyX0", far.Path())
	var e *OpenError
	if _, err := (opener{root: r.dir}).hear(t.Context(), "/dev/ttyX0", Kinds(), time.Second); !errors.As(err, &e) || e.Code != CodeConsole {
		t.Errorf("a console: %v", err)
	}
}

// TestHearEndsWhenTold, and where there is no port.
func TestHearEndsWhenTold(t *testing.T) {
	far := farEnd(t, 9600, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Hear(ctx, far.Path(), Kinds(), time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if _, err := Hear(t.Context(), "/dev/none", Kinds(), time.Second); err == nil || !strings.Contains(err.Error(), "no such device") {
		t.Error(err)
	}
}
