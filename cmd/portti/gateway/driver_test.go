package gateway_test

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
	"portti/device"
	"portti/device/thingsee"
)

// A driver that exists in this file alone: its kind is all that the rest needs
// to know of it, from the configuration to the receiver.
type meterOptions struct {
	Factor int `toml:"factor"`
}

func meterKind() device.Kind {
	return device.Kind{
		Name: "meter", Baud: 2400, Silence: time.Minute,
		Options:  func() any { return new(meterOptions) },
		Problems: []device.Problem{{Code: "HW-METER-WORN", Title: "Meter is worn", Sentence: "{subject}: the meter is worn.", Actions: []string{"Replace the meter"}}},
		Sample:   "[[device]]\nname = \"meter{n}\"\ntype = \"meter\"\nport = \"/dev/ttyUSB{port}\"\nid = \"XXXX03MTR000{serial}\"\nfactor = 1\n",
		New: func(c device.Config, _ device.Env) (device.Driver, error) {
			o, _ := c.Options.(*meterOptions)
			if o == nil || o.Factor < 1 {
				return nil, &device.KeyError{Key: "factor", Rule: "must be from 1"}
			}
			return meter{o.Factor}, nil
		},
	}
}

type meter struct{ factor int }

func (m meter) Run(port device.Port, out device.Out) error {
	var msg thingsee.Message
	for in := bufio.NewReader(port); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return fmt.Errorf("cannot read the meter: %w", err)
		}
		var n int
		if _, err := fmt.Sscanf(line, "M;%d", &n); err != nil {
			out.Frame(device.Malformed)
			continue
		}
		out.Frame(device.OK)
		if f, ok := out.(device.Flagger); ok && n > 5 {
			f.Flag("HW-METER-WORN", true)
		}
		msg.Reset(thingsee.Generic, 10)
		msg.Int("amount", int64(n*m.factor))
		out.Emit(&msg)
	}
}

// received is what a server prints.
type received struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *received) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *received) has(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Contains(r.text.String(), text)
}

func TestDriverIsOneKind(t *testing.T) {
	out := &received{}
	s := rig.New(t, testbed.Options{Out: out}, "meter")
	s.Kinds = device.Table{meterKind()}
	s.Type, s.Device = "meter", "factor = 10"
	g := s.Run(gateway.Options{})
	if _, err := s.Line().Pty.Write(t.Context(), []byte("M;4\nnoise\nM;7\n")); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "both readings arrive", func() bool { return out.has(`"amount":40`) && out.has(`"amount":70`) }, g.Picture)
	st := g.Until("its own problem is shown, in its own words", func(st *status.Document) bool { return rig.HasProblem(st, "HW-METER-WORN") })
	if d := st.Devices[0]; d.Type != "meter" || d.Bad != 1 || d.Read != 2 {
		t.Errorf("%+v", d)
	}
	if !slices.ContainsFunc(st.Problems, func(p status.Problem) bool { return p.Sentence == "meter: the meter is worn." }) {
		t.Errorf("%+v", st.Problems)
	}
	if last := g.Halt(); last.Totals.Acked != 2 {
		t.Errorf("%+v", last.Totals)
	}
}

// What the configuration says of a kind that it has never heard of.
func TestDriverInTheConfiguration(t *testing.T) {
	for device, want := range map[string]string{
		"type = \"meter\"\nfactor = 0":                    `"factor" must be from 1`,
		"type = \"meter\"\nfactr = 2":                     `did you mean "factor"?`,
		"type = \"meter\"\nfactor = \"2\"":                "remove the quotes",
		"type = \"metre\"\nfactor = 2":                    `did you mean "meter"?`,
		"type = \"lines\"\nfactor = 2":                    `"factor" belongs to type "meter", not to "lines"`,
		"type = \"meter\"\nmap = {a = \"b\"}\nfactor = 2": `"map" belongs to type "lines", not to "meter"`,
		"type = \"meter\"\nfactor = 2":                    "",
	} {
		s := rig.Bare(t)
		s.URL = "ws://127.0.0.1:1/"
		s.More = "[[device]]\nname = \"m\"\nport = \"/dev/ttyUSB0\"\nid = \"XXXX03MTR00000001\"\n" + device
		_, err := config.Load(s.Configure(), config.LoadOptions{Kinds: kindsWithMeter()})
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", device, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %s", device, err, want)
		}
	}
}

func kindsWithMeter() device.Table {
	all := append(device.Kinds(), meterKind())
	slices.SortFunc(all, func(a, b device.Kind) int { return strings.Compare(a.Name, b.Name) })
	return all
}
