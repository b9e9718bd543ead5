package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"portti/cross/testkit"
	"portti/device/recording"
)

func TestBaud(t *testing.T) {
	for text, want := range map[string]Baud{`"auto"`: BaudAuto, "9600": 9600} {
		var b Baud
		if err := json.Unmarshal([]byte(text), &b); err != nil || b != want {
			t.Errorf("%s: %v %v", text, b, err)
		}
		if again, err := json.Marshal(b); err != nil || string(again) != text {
			t.Errorf("%s: again %s %v", text, again, err)
		}
	}
	var b Baud
	if b.UnmarshalText([]byte("fast")) == nil || json.Unmarshal([]byte(`"fast"`), &b) == nil {
		t.Error("a speed that there is not")
	}
	base := Config{Name: "a", Type: "gps", Port: "/dev/ttyUSB0", ID: tuid, Baud: BaudAuto}
	if err := Kinds().Check(base); err != nil {
		t.Error(err)
	}
	base.Type = "lines"
	var ke *KeyError
	if err := Kinds().Check(base); !errors.As(err, &ke) || ke.Key != "baud" || !strings.Contains(err.Error(), "write the number") {
		t.Errorf("type lines: %v", err)
	}
	base.Type, base.Baud = "gps", -2
	if err := Kinds().Check(base); !errors.As(err, &ke) || ke.Key != "baud" {
		t.Errorf("-2: %v", err)
	}
}

// TestSpeedIsFound: a receiver is read at its speed, which the status and the log name, and
// again where it has another one from some time on.
func TestSpeedIsFound(t *testing.T) {
	pvt, dop := ubxEpoch(0)
	for name, text := range map[string]string{"NMEA": nmeaEpoch(0) + nmeaEpoch(1000), "UBX": pvt + dop} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			far, hush := speaking(t, 38400, []byte(text))
			defer hush()
			env, log := loggedEnv()
			set := newSet(t, env, newSink(), Tuning{}, Config{Name: "gps", Type: "gps", Port: far.Path(), ID: tuid, Baud: BaudAuto, ExpectEvery: "200ms"})
			f, err := set.Follow("gps", View{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); set.Run(ctx) }()
			defer func() { cancel(); <-done }()
			for _, baud := range []int{38400, 115200} {
				far.Speak(baud)
				testkit.Eventually(t, fmt.Sprintf("the receiver is read at %d", baud), func() bool {
					s := set.Status()[0]
					return s.Baud == baud && s.Auto && s.State == Fine
				}, log.String)
				if !strings.Contains(log.String(), "event=port.speed") || !strings.Contains(log.String(), "baud="+Baud(baud).String()) {
					t.Errorf("the log does not name the speed:\n%s", log)
				}
			}
			if s := set.Status()[0]; s.Opened != 1 {
				t.Errorf("the port was opened %d times: each time resets what starts with DTR", s.Opened)
			}
			cancel()
			<-done
			begun := 0
			for r, err := f.Next(t.Context()); err == nil; r, err = f.Next(t.Context()) {
				if r.What == recording.Opened {
					begun++
				}
			}
			if begun < 2 {
				t.Errorf("a recording has %d drivers, of the two or more that there were", begun)
			}
		})
	}
}

// TestSpeedWithoutChecksums: it is found for a receiver, too, whose sentences have none.
func TestSpeedWithoutChecksums(t *testing.T) {
	text := ""
	for i := range 3 {
		for _, l := range strings.SplitAfter(nmeaEpoch(1000*i), "\r\n") {
			body, _, _ := strings.Cut(l, "*")
			text += body + "\r\n"
		}
	}
	far, hush := speaking(t, 38400, []byte(text))
	defer hush()
	env, log := loggedEnv()
	set := newSet(t, env, newSink(), Tuning{}, Config{Name: "gps", Type: "gps", Port: far.Path(), ID: tuid, Baud: BaudAuto, Options: &GPSOptions{Checksum: "optional"}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); set.Run(ctx) }()
	defer func() { cancel(); <-done }()
	far.Speak(38400)
	testkit.Eventually(t, "the receiver is read", func() bool {
		s := set.Status()[0]
		return s.Baud == 38400 && s.State == Fine && s.Read > 2
	}, func() string { return fmt.Sprintf("%+v\n%s", set.Status()[0], log) })
}
