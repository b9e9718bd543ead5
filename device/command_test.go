package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/device/thingsee"
)

// lamp is a driver of a device that can be configured: it writes what it is
// told on its line and answers with the values that hold.
type lamp struct {
	stuck chan struct{} // closed when its line is free again
}

func (l *lamp) Run(port Port, out Out) error {
	p := make([]byte, 100)
	for {
		if _, err := port.Read(p); err != nil {
			return err
		}
		out.Frame(OK)
	}
}

func (l *lamp) Command(port io.Writer, c thingsee.Command, answer *thingsee.Message) error {
	duration, err := c.Number("duration", 0, 100)
	switch {
	case errors.Is(err, thingsee.ErrNoField):
		panic("a lamp cannot be asked")
	case err != nil:
		return err
	case duration == 99:
		<-l.stuck
	}
	if _, err := fmt.Fprintf(port, "on %v\n", duration); err != nil {
		return err
	}
	answer.Reset(c.ID, 31)
	answer.Float("duration", duration, 0)
	return nil
}

// written is a line that keeps what is written on it.
type written struct {
	*fakeLine
	mu   sync.Mutex
	text string
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text += string(p)
	return len(p), nil
}

func lampKinds(l *lamp) Table {
	return Table{{Name: "lamp", New: func(Config, Env) (Driver, error) { return l, nil }}, linesKind()}
}

func TestCommandsReachADriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lamp{stuck: make(chan struct{})}
		line := &written{fakeLine: newFakeLine()}
		env, _ := loggedEnv()
		open := func(_ context.Context, c Config) (Opened, error) {
			if c.Name == "gone" {
				return Opened{}, &OpenError{Missing, CodeGone, errors.New("no such device")}
			}
			if c.Type == "lamp" {
				return Opened{Line: line, Path: c.Port}, nil
			}
			return Opened{Line: newFakeLine(), Path: c.Port}, nil
		}
		set := newSet(t, env, newSink(), Tuning{Open: open, Kinds: lampKinds(l)},
			Config{Name: "lamp", Type: "lamp", Port: "/dev/lamp", ID: "LAMP"},
			Config{Name: "gone", Type: "lamp", Port: "/dev/gone", ID: "GONE"},
			Config{Name: "panel", Type: "lines", Port: "/dev/panel", ID: "PANEL"})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { set.Run(ctx); close(done) }()
		synctest.Wait()

		ask := func(target, field string) (string, error) {
			frame := fmt.Sprintf(`{"tsmId":18200,"tsmEv":30,"tsmDstTuid":%q,"transactionId":1%s}`, target, field)
			all, bad, err := thingsee.ParseCommands([]byte(frame))
			if err != nil || bad > 0 {
				t.Fatal(frame, bad, err)
			}
			limited, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			m, err := set.Command(limited, all[0])
			if err != nil {
				return "", err
			}
			return string(m.Append(nil)), nil
		}
		got, err := ask("LAMP", `,"duration":7`)
		if want := `{"tsmId":18200,"tsmEv":31,"tsmTuid":"LAMP","duration":7}`; got != want || err != nil {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
		for name, c := range map[string]struct {
			target, field string
			want          error
			text          string
		}{
			"refused by the driver": {"LAMP", `,"duration":500`, nil, "not within 0..100"},
			"a driver that panics":  {"LAMP", "", nil, "crashed"},
			"no such thing":         {"ELSE", "", ErrNoThing, ""},
			"nobody":                {"", "", ErrNoThing, ""},
			"no commander":          {"PANEL", "", ErrNoCommands, "panel"},
			"not plugged in":        {"GONE", "", ErrNotOpen, "gone"},
		} {
			if _, err := ask(c.target, c.field); err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v", name, err)
			}
		}

		// A write that does not end holds up nobody but the device.
		start := time.Now()
		if _, err := ask("LAMP", `,"duration":99`); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if _, err := ask("LAMP", `,"duration":8`); !errors.Is(err, ErrCommanding) {
			t.Error("while it is stuck:", err)
		}
		close(l.stuck)
		synctest.Wait()
		if _, err := ask("LAMP", `,"duration":8`); err != nil {
			t.Error("when it is free:", err)
		}
		if want := "on 7\non 99\non 8\n"; line.text != want {
			t.Errorf("the line got %q", line.text)
		}
		if !set.Has("LAMP") || set.Has("ELSE") || set.Has("") {
			t.Error("Has does not know whom the set has")
		}
		cancel()
		<-done
		if _, err := ask("LAMP", `,"duration":8`); !errors.Is(err, ErrNotOpen) {
			t.Error("after the end:", err)
		}
	})
}
