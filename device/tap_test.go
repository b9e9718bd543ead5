package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portti/cross/testkit"
	"portti/device/recording"
	"portti/device/thingsee"
)

// followed is a follower whose records a test looks at.
type followed struct {
	*Follower
	t *testing.T
}

func follow(t *testing.T, s *Set, name string, v View) followed {
	t.Helper()
	f, err := s.Follow(name, v)
	if err != nil {
		t.Fatal(err)
	}
	return followed{f, t}
}

// queued are the records that are there, one a line.
func (f followed) queued() string {
	f.t.Helper()
	var b strings.Builder
	for {
		f.mu.Lock()
		empty := len(f.queue) == 0 && f.pieces == 0 && !f.over || f.told
		f.mu.Unlock()
		if empty {
			return b.String()
		}
		r, err := f.Next(context.Background())
		if err != nil {
			f.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%v %c %s\n", r.At, r.What, recording.AppendData(nil, r.Data))
	}
}

// asker writes a question at the opening, and echoes each answer as a reading.
type asker struct{ m thingsee.Message }

func (a *asker) Run(port Port, out Out) error {
	if _, err := port.Write([]byte("?\r")); err != nil {
		return err
	}
	b := make([]byte, 100)
	for {
		n, err := port.Read(b)
		if err != nil {
			return err
		}
		if b[0] == 'x' {
			out.Frame(Checksum)
			continue
		}
		out.Frame(OK)
		a.m.Reset(12100, thingsee.EventTimed)
		a.m.Int("humd", int64(n))
		out.Emit(&a.m)
	}
}

func askers() Table {
	return Table{{Name: "asker", Baud: 9600, Silence: time.Minute, Binary: true, Writes: true,
		New: func(Config, Env) (Driver, error) { return &asker{}, nil }}}
}

func TestFollowersSeeEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine()
		var plugged atomic.Bool
		env, _ := loggedEnv()
		env.Clock.Flow()
		c := Config{Name: "a", Type: "asker", Port: "/dev/fake", ID: tuid}
		s := newSet(t, env, newSink(), Tuning{Kinds: askers(), Open: func(context.Context, Config) (Opened, error) {
			if !plugged.Load() {
				return Opened{}, errors.New("cannot open /dev/fake: no such device")
			}
			return Opened{Line: line, Path: "/dev/fake"}, nil
		}}, c)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		raw, readings := follow(t, s, "a", View{Raw: true}), follow(t, s, "a", View{Readings: true})
		plugged.Store(true)
		time.Sleep(time.Second)
		line.feed <- "\xff\x00\x01"
		time.Sleep(1234567 * time.Nanosecond)
		line.feed <- "x"
		synctest.Wait()
		close(line.gone)
		time.Sleep(1500 * time.Millisecond)
		stop()
		<-done
		eq(t, "raw", raw.queued(), `0s - "cannot open /dev/fake: no such device"
500ms + "/dev/fake"
500ms > "?\r"
1s < ff0001
1.001234567s < "x"
1.001234567s - "the port is gone"
2.001234567s + "/dev/fake"
2.001234567s > "?\r"
2.001234567s - "the port is gone"
2.501234567s . "this device was ended or opened again by a reload, or the gateway stops: begin anew"
`)
		eq(t, "readings", readings.queued(), `0s - "cannot open /dev/fake: no such device"
500ms + "/dev/fake"
1s = "{\"tsmId\":12100,\"tsmEv\":10,\"tsmTs\":1796000003.5,\"tsmTuid\":\"XXXX03PNL00000001\",\"tsmGw\":\"XXXX00GTW00000001\",\"humd\":3}"
1.001234567s ! "wrong checksum"
1.001234567s - "the port is gone"
2.001234567s + "/dev/fake"
2.001234567s - "the port is gone"
2.501234567s . "this device was ended or opened again by a reload, or the gateway stops: begin anew"
`)
	})
}

// numbered is a line of its own for each number.
func numbered(i int) string {
	return fmt.Sprintf("{\"temp\":21.5,\"humd\":40,\"airp\":101325.25,\"lght\":%d}\n", i)
}

// Row 193: who looks on does not take what was asked for, while 10,000 lines pass.
func TestSlowFollowerIsDropped(t *testing.T) {
	master, path := newPty(t)
	sink := newSink()
	s := newSet(t, testEnv(), sink, Tuning{}, linesConfig("panel", path))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	testkit.Eventually(t, "the port is open", func() bool { return s.Status()[0].Opened > 0 })
	slow, quick := follow(t, s, "panel", View{Raw: true}), follow(t, s, "panel", View{Raw: true})
	got := make(chan string, 1)
	var kept atomic.Int64 // bytes that the quick one has
	go func() {
		var b strings.Builder
		for {
			r, err := quick.Next(ctx)
			if r.What == recording.In {
				b.Write(r.Data)
				kept.Store(int64(b.Len()))
			}
			if err != nil || strings.HasSuffix(b.String(), numbered(9_999)) {
				got <- b.String()
				return
			}
		}
	}()
	var sent strings.Builder
	for i := range 10_000 {
		sent.WriteString(numbered(i))
		write(t, master, numbered(i))
		if i%500 == 499 { // it is quick, but need not run all the time
			testkit.Eventually(t, "the quick one keeps up", func() bool { return kept.Load() == int64(sent.Len()) })
		}
	}
	testkit.Eventually(t, "every line is a reading", func() bool { return s.Status()[0].Read+s.Status()[0].Bad == 10_000 })
	if all := testkit.Receive(t, "the quick one has seen them", got); all != sent.String() {
		t.Errorf("who keeps up saw %d bytes of %d", len(all), sent.Len())
	}
	seen := 0
	for {
		r, err := slow.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if r.What == recording.In {
			if !strings.HasPrefix(sent.String()[seen:], string(r.Data)) {
				t.Fatal("what a slow follower was given is not what came first")
			}
			seen += len(r.Data)
		}
		if r.What == recording.Stopped {
			if want := fmt.Sprintf("too slow: %d bytes in ", sent.Len()-seen); seen < followRoom/20 || !strings.Contains(string(r.Data), want) {
				t.Errorf("after %d bytes it is told %q, want %q", seen, r.Data, want)
			}
		}
	}
	if st := s.Status()[0]; st.Followers != 2 || st.Dropped != 1 {
		t.Errorf("%d follow, %d dropped", st.Followers, st.Dropped)
	}
	slow.Close()
	quick.Close()
	if st := s.Status()[0]; st.Followers != 0 {
		t.Errorf("%d still follow", st.Followers)
	}
}

func TestOnlySoManyFollow(t *testing.T) {
	s := newSet(t, testEnv(), newSink(), Tuning{}, linesConfig("panel", "/dev/null"))
	if _, err := s.Follow("pump", View{}); !errors.Is(err, ErrNoDevice) {
		t.Errorf("a device that is not there: %v", err)
	}
	var first followed
	for i := range maxFollowers {
		if f := follow(t, s, "panel", View{Raw: true}); i == 0 {
			first = f
		}
	}
	if _, err := s.Follow("panel", View{}); !errors.Is(err, ErrFollowers) {
		t.Errorf("one too many: %v", err)
	}
	first.Close()
	first.Close()
	follow(t, s, "panel", View{})
}

func TestFollowerStopsWhenAsked(t *testing.T) {
	s := newSet(t, testEnv(), newSink(), Tuning{}, linesConfig("panel", "/dev/null"))
	f := follow(t, s, "panel", View{Raw: true})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r, err := f.Next(ctx); err != nil || r.What != recording.Stopped || len(r.Data) != 0 {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := f.Next(ctx); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// A head holds what it takes to decode, and nothing that is secret.
func TestHeadOfARecording(t *testing.T) {
	type Shared struct {
		Speed float64 `toml:"speed"`
	}
	type options struct {
		Shared
		Unit  string            `toml:"unit"`
		Limit *float64          `toml:"limit"`
		Codes map[string]string `toml:"codes" secret:"yes"`
		Key   string            `toml:"tag_key"`
		Unset []string          `toml:"unset"`
	}
	kind := Kind{Name: "k", Baud: 9600, Options: func() any { return new(options) }, New: func(Config, Env) (Driver, error) { return &asker{}, nil }}
	limit := 0.0
	c := Config{Name: "n", Type: "k", Port: "/dev/ttyUSB0", ID: tuid, Baud: 4800, Share: "127.0.0.1:1",
		Options: &options{Shared: Shared{2.5}, Unit: "F", Limit: &limit, Codes: map[string]string{"a": "hush"}, Key: "hush"}}
	s := newSet(t, testEnv(), newSink(), Tuning{Kinds: Table{kind}}, c)
	h := follow(t, s, "n", View{}).Header()
	var b bytes.Buffer
	if _, err := recording.NewWriter(&b, h); err != nil || strings.Contains(b.String(), "hush") {
		t.Errorf("%v: %s", err, b.String())
	}
	if want := "[codes tag_key]"; fmt.Sprint(h.Withheld) != want {
		t.Errorf("withheld are %v, want %s", h.Withheld, want)
	}
	got, ignored, err := Table{kind}.Recorded(h, "")
	if err != nil || len(ignored) != 0 {
		t.Fatal(err, ignored)
	}
	o := got.Options.(*options)
	if got.ID != c.ID || got.Baud != 4800 || got.Share != "" || o.Unit != "F" || o.Speed != 2.5 || o.Limit == nil || o.Key != "" || o.Codes != nil {
		t.Errorf("%+v %+v", got, o)
	}
	h.Keys["of_tomorrow"] = []byte("1")
	if _, ignored, _ = (Table{kind}).Recorded(h, ""); fmt.Sprint(ignored) != "[of_tomorrow]" {
		t.Errorf("ignored %v", ignored)
	}
	h.Keys["baud"] = []byte(`"fast"`)
	if _, _, err = (Table{kind}).Recorded(h, ""); err == nil || !strings.Contains(err.Error(), "baud") {
		t.Error(err)
	}
	if _, _, err = (Table{kind}).Recorded(h, "unheard-of"); err == nil {
		t.Error("an unknown type was taken")
	}
}
