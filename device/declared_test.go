package device

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"portti/device/declared"
	"portti/device/thingsee"
)

// answering is a port of a sensor that is asked: it answers each question after a
// while, but for those that it loses.
type answering struct {
	answers  []string // "" = none
	asked    []time.Duration
	start    time.Time
	pending  string
	at       time.Time
	deadline time.Time
	poll     string
}

func (p *answering) Write(b []byte) (int, error) {
	p.asked, p.poll = append(p.asked, time.Since(p.start)), string(b)
	if len(p.answers) == 0 {
		return 0, errors.New("gone")
	}
	p.pending, p.answers = p.pending+p.answers[0], p.answers[1:]
	p.at = time.Now().Add(40 * time.Millisecond)
	return len(b), nil
}

func (p *answering) Read(b []byte) (int, error) {
	if p.pending == "" {
		time.Sleep(time.Until(p.deadline))
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(time.Until(p.at))
	n := copy(b[:min(len(b), 5)], p.pending)
	p.pending = p.pending[n:]
	return n, nil
}
func (p *answering) SetReadDeadline(t time.Time) error { p.deadline = t; return nil }

// TestDeclaredAsks: a sensor that is asked is asked in time, whether it answers or not.
func TestDeclaredAsks(t *testing.T) {
	const whole = "\xff\x86\x01\x9a\x40\x00\x00\x00\x9f"
	synctest.Test(t, func(t *testing.T) {
		k, _ := Kinds().Named("mhz19")
		d, err := k.New(Config{ID: tuid}, Env{})
		if err != nil {
			t.Fatal(err)
		}
		p := &answering{answers: []string{whole, "", whole[:4], whole, "\xff" + whole}, start: time.Now()}
		out := &collect{}
		if err := d.Run(p, out); err == nil || !strings.Contains(err.Error(), "cannot ask: gone") {
			t.Errorf("it ended with %v", err)
		}
		eq(t, "messages", payload(out), strings.TrimSpace(strings.Repeat(`{24100,"carbonDioxide":410,"status":0} `, 3)))
		eq(t, "the question", p.poll, "\xff\x01\x86\x00\x00\x00\x00\x00\x79")
		for i, at := range p.asked {
			if want := time.Duration(i) * 10 * time.Second; at != want {
				t.Errorf("asked at %v, want %v", at, want)
			}
		}
	})
}

// paced is a port that gives one text each time, so often.
type paced struct {
	nothingWritten
	texts []string
	every time.Duration
}

func (p *paced) Read(b []byte) (int, error) {
	time.Sleep(p.every)
	if len(p.texts) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.texts[0])
	p.texts = p.texts[1:]
	return n, nil
}

type nothingWritten struct{}

func (nothingWritten) Write(b []byte) (int, error)     { return len(b), nil }
func (nothingWritten) SetReadDeadline(time.Time) error { return nil }

// arrivals notes when readings came.
type arrivals struct {
	collect
	start time.Time
	at    []time.Duration
}

func (a *arrivals) Emit(m *thingsee.Message) { a.at = append(a.at, time.Since(a.start)) }

// TestDeclaredLengthThatLies: a frame whose length is wrong keeps the good ones behind it
// for seconds, and not for as long as so many bytes take, since they are dated when they
// are found. A long frame on a slow line is waited for.
func TestDeclaredLengthThatLies(t *testing.T) {
	o := DeclaredOptions{Frame: "length", Start: "AA 55", Size: 4096, LengthAt: 2, LengthType: "u16be", Checksum: "sum8",
		Field: map[string]declared.Field{"temp": {Offset: 4}}}
	frame := func(length, size int) string {
		b := append([]byte{0xAA, 0x55, byte(length >> 8), byte(length)}, make([]byte, size-4)...)
		b[4] = 21
		for _, c := range b[:size-1] {
			b[size-1] += c
		}
		return string(b)
	}
	run := func(every time.Duration, texts ...string) (*arrivals, [Results]int) {
		d, err := newDeclared(o, Config{ID: tuid}, Env{})
		if err != nil {
			t.Fatal(err)
		}
		a := &arrivals{start: time.Now()}
		if err := d.Run(&paced{texts: texts, every: every}, a); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		return a, a.frames
	}
	synctest.Test(t, func(t *testing.T) {
		good := frame(20, 20)
		a, frames := run(time.Second, good, frame(4000, 20), good, good, good, good, good, good)
		if len(a.at) != 7 || frames[OK] != 7 || frames[Checksum] != 1 || a.at[6] != 8*time.Second {
			t.Errorf("readings at %v, %v", a.at, frames)
		}
		for i, at := range a.at[1:] {
			if late := at - time.Duration(i+3)*time.Second; late > 3*time.Second {
				t.Errorf("reading %d came %v late", i, late)
			}
		}
		var slow []string
		for _, c := range []byte(frame(1200, 1200)) {
			slow = append(slow, string([]byte{c}))
		}
		if a, frames := run(8333*time.Microsecond, append(slow, good)...); len(a.at) != 2 || frames != [Results]int{OK: 2} {
			t.Errorf("at 1200 baud: readings at %v, %v", a.at, frames)
		}
	})
}

func TestDeclaredMistakes(t *testing.T) {
	good := DeclaredOptions{Frame: "fixed", Start: "AA", Size: 4, Field: map[string]declared.Field{"temp": {Offset: 1}}}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	fits := write("fits.toml", "baud = 9600\nframe = \"fixed\"\nstart = \"AA\"\nsize = 4\n[field.temp]\noffset = 1\n")
	for name, row := range map[string]struct {
		o    func(*DeclaredOptions)
		key  string
		rule string
	}{
		"none":        {func(*DeclaredOptions) {}, "", ""},
		"nothing":     {func(o *DeclaredOptions) { *o = DeclaredOptions{} }, "file", "must name a declaration"},
		"frame":       {func(o *DeclaredOptions) { o.Frame = "" }, "frame", `must be "fixed"`},
		"a field":     {func(o *DeclaredOptions) { o.Field = map[string]declared.Field{"temp": {Offset: 9}} }, "field.temp.offset", "outside"},
		"a name":      {func(o *DeclaredOptions) { o.Field = map[string]declared.Field{"tsmId": {Offset: 1}} }, "field.tsmId", "cannot be the name"},
		"poll_every":  {func(o *DeclaredOptions) { o.Poll, o.PollEvery = "AA", "1ms" }, "poll_every", `"100ms" to "24h"`},
		"message":     {func(o *DeclaredOptions) { o.Message = 5 }, "message", "must be a tsmId"},
		"file":        {func(o *DeclaredOptions) { *o = DeclaredOptions{File: fits} }, "", ""},
		"file and":    {func(o *DeclaredOptions) { o.File = fits }, "file", "together with frame"},
		"no file":     {func(o *DeclaredOptions) { *o = DeclaredOptions{File: filepath.Join(dir, "none")} }, "file", "cannot be read"},
		"no folder":   {func(o *DeclaredOptions) { *o = DeclaredOptions{File: dir} }, "file", "is no file of"},
		"a fifo":      {func(o *DeclaredOptions) { *o = DeclaredOptions{File: fifo} }, "file", "is no file of"},
		"broken file": {func(o *DeclaredOptions) { *o = DeclaredOptions{File: write("broken.toml", "frame = \n")} }, "file", "broken.toml:1:"},
		"wrong file":  {func(o *DeclaredOptions) { *o = DeclaredOptions{File: write("wrong.toml", "frame = \"fixed\"\n")} }, "file", "wrong.toml: size must be"},
		"silence of it": {func(o *DeclaredOptions) {
			*o = DeclaredOptions{File: write("silence.toml", "silence = \"long\"\nframe = \"fixed\"\n")}
		}, "file", "silence must be"},
		"two wrong": {func(o *DeclaredOptions) {
			*o = DeclaredOptions{File: write("two.toml", "frame = \"fixed\"\nsize = 4\n[field.temp]\noffset = 4\n")}
		}, "file", "has 2 mistakes: "},
		"baud of it": {func(o *DeclaredOptions) {
			*o = DeclaredOptions{File: write("baud.toml", "baud = 19200\nframe=\"fixed\"\n")}
		}, "baud", "says 19200"},
	} {
		o := good
		row.o(&o)
		err := Kinds().Check(Config{Name: "x", Type: "declared", Port: "/dev/x", ID: tuid, Options: &o})
		var wrong *KeyError
		switch {
		case row.key == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case row.key != "" && (!errors.As(err, &wrong) || wrong.Key != row.key || !strings.Contains(wrong.Rule, row.rule)):
			t.Errorf("%s: %v, want %s %s", name, err, row.key, row.rule)
		}
	}
}

// TestDeclaredSilence: a sensor that is asked rarely, or of which its file says that it
// speaks rarely, is not silent in between.
func TestDeclaredSilence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rare.toml")
	if err := os.WriteFile(path, []byte("silence = \"6m\"\nframe = \"fixed\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k, _ := Kinds().Named("declared")
	for want, o := range map[time.Duration]DeclaredOptions{
		time.Minute:      {Poll: "AA"},
		30 * time.Minute: {Poll: "AA", PollEvery: "10m"},
		6 * time.Minute:  {File: path},
	} {
		if d := (&device{kind: k, cfg: Config{Options: &o}}); d.silence() != want {
			t.Errorf("%+v: %v, want %v", o, d.silence(), want)
		}
	}
}

// TestDeclaredFile: what a file says is what the same keys say in a [[device]].
func TestDeclaredFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sensor.toml")
	text := "frame = \"line\"\nstart = \"$W\"\n[field.temp]\ncolumn = 2\nunit = \"C\"\n[field.humd]\ncolumn = 3\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	k, _ := Kinds().Named("declared")
	d, err := k.New(Config{ID: tuid, Options: &DeclaredOptions{File: path}}, Env{})
	if err != nil {
		t.Fatal(err)
	}
	out := &collect{}
	err = d.Run(&pieces{data: []byte("C,40\r\n$W,21.5C,40\r\n$V,1\r\n$W,x,101\r\n$W,C\r\n$W,,\r\n"), cuts: []byte{3}}, out)
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	eq(t, "messages", payload(out), `{12100,"temp":21.5,"humd":40}`)
	want := [Results]int{OK: 2, Unknown: 3, Malformed: 2, Range: 1}
	if out.frames != want {
		t.Errorf("%v, want %v", out.frames, want)
	}
}

// TestDeclaredAllocatesNothing for a frame, of any kind.
func TestDeclaredAllocatesNothing(t *testing.T) {
	for _, k := range shippedKinds() {
		paths, _ := filepath.Glob(filepath.Join("testdata", k.Name, "*.bin"))
		for _, path := range paths {
			in, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			driver, err := k.New(Config{ID: tuid}, Env{})
			if err != nil {
				t.Fatal(err)
			}
			d := driver.(*declaredDriver)
			d.out = &nothing{}
			found := d.format.Finder()
			s := frameStream{finder: &found}
			if n := testing.AllocsPerRun(20, func() { s.feed(in, d.out, d.frame) }); n > 1 { // d.frame is one
				t.Errorf("%s: %v allocations", path, n)
			}
		}
	}
}

func BenchmarkDeclared(b *testing.B) {
	for _, name := range []string{"pms5003/room", "vedirect/mppt", "dsmr/house"} {
		b.Run(name, func(b *testing.B) {
			in, err := os.ReadFile("testdata/" + name + ".bin")
			if err != nil {
				b.Fatal(err)
			}
			k, _ := Kinds().Named(filepath.Dir(name))
			driver, err := k.New(Config{ID: tuid}, Env{})
			if err != nil {
				b.Fatal(err)
			}
			d := driver.(*declaredDriver)
			d.out = &nothing{}
			take := d.frame
			found := d.format.Finder()
			s := frameStream{finder: &found}
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				s.feed(in, d.out, take)
			}
		})
	}
}

// TestAppendDecimal holds numbers against the way that a message writes them.
func TestAppendDecimal(t *testing.T) {
	for _, row := range []struct {
		m    int64
		p    int
		want string
	}{{0, 0, "0"}, {0, 2, "0.00"}, {5, 1, "0.5"}, {-5, 3, "-0.005"}, {12345, 2, "123.45"}, {-9223372036854775808, 0, "-9223372036854775808"}, {7, 20, "0.00000000000000000007"}, {100, 2, "1.00"}} {
		if got := string(appendDecimal(nil, row.m, row.p)); got != row.want {
			t.Errorf("%d/10^%d: %s, want %s", row.m, row.p, got, row.want)
		}
	}
}
