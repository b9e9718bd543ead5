package bluez

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

const hci0 dbus.ObjectPath = "/org/bluez/hci0"

type properties = map[string]dbus.Variant

// fake is a bus with a bluetoothd that has the adapters that a test gives it.
type fake struct {
	t       *testing.T
	objects map[dbus.ObjectPath]map[string]map[string]dbus.Variant
	fail    map[string]error // by the last part of a method, or by "Powered=true"
	away    bool             // bluetoothd does not run
	slow    time.Duration    // each call takes

	mu      sync.Mutex
	calls   []string
	rules   []string
	deliver func(Signal)
	lost    func()
	open    bool
}

func newFake(t *testing.T) *fake {
	return &fake{t: t, fail: map[string]error{}, objects: map[dbus.ObjectPath]map[string]map[string]dbus.Variant{
		hci0: {adapter1: {"Address": dbus.MakeVariant("B8:27:EB:00:00:01"), "Powered": dbus.MakeVariant(true)}},
	}}
}

func (f *fake) connect(_ context.Context, deliver func(Signal), lost func()) (Bus, error) {
	if err := f.fail["connect"]; err != nil {
		return nil, err
	}
	f.deliver, f.lost, f.open = deliver, lost, true
	return f, nil
}

func (f *fake) Call(ctx context.Context, path dbus.ObjectPath, method string, args ...any) ([]any, error) {
	name := method[len(method)-len(lastPart(method)):]
	if name == "Set" {
		name = fmt.Sprintf("%v=%v", args[1], args[2].(dbus.Variant).Value())
	}
	f.mu.Lock()
	f.calls = append(f.calls, name)
	err, slow := f.fail[name], f.slow
	f.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if errors.Is(err, errHangs) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	switch name {
	case "GetManagedObjects":
		return []any{f.objects}, nil
	case "Powered=true", "Powered=false":
		f.deliver(Signal{path, changed, []any{adapter1, properties{"Powered": args[2].(dbus.Variant)}, []string{}}})
	}
	return nil, nil
}

// errHangs is a call that is never answered.
var errHangs = errors.New("no answer")

func lastPart(method string) string {
	for i := len(method) - 1; i >= 0; i-- {
		if method[i] == '.' {
			return method[i+1:]
		}
	}
	return method
}

func (f *fake) Running(context.Context) (bool, error) { return !f.away, nil }

func (f *fake) Match(_ context.Context, rule string) error {
	f.rules = append(f.rules, rule)
	return nil
}

func (f *fake) Close() error {
	f.open = false
	f.lost()
	return nil
}

// called is the calls since it was asked last.
func (f *fake) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := slices.Clone(f.calls)
	f.calls = nil
	return calls
}

// hears is a signal of a device, as BlueZ sends it for each advertisement.
func (f *fake) hears(props properties, gone ...string) {
	f.deliver(Signal{hci0 + "/dev_CB_B8_33_4C_88_4F", changed, []any{device1, props, gone}})
}

func (f *fake) scan(o Options) *Line {
	f.t.Helper()
	o.Connect = f.connect
	if o.Root == "" {
		o.Root = f.t.TempDir()
	}
	l, err := Open(f.t.Context(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = l.Close() })
	return l
}

// maker is ManufacturerData.
func maker(data map[uint16][]byte) dbus.Variant {
	all := map[uint16]dbus.Variant{}
	for company, b := range data {
		all[company] = dbus.MakeVariant(b)
	}
	return dbus.MakeVariant(all)
}

// services is ServiceData.
func services(data map[string][]byte) dbus.Variant {
	all := map[string]dbus.Variant{}
	for uuid, b := range data {
		all[uuid] = dbus.MakeVariant(b)
	}
	return dbus.MakeVariant(all)
}

func rssi(dbm int16) dbus.Variant { return dbus.MakeVariant(dbm) }

// refusal is an error as D-Bus has it.
func refusal(name string) error { return dbus.Error{Name: name, Body: []any{"no"}} }

// waiting reads what waits, without waiting for more.
func waiting(t *testing.T, l *Line) string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	buf := make([]byte, 1<<20)
	return string(buf[:l.takeLocked(buf)])
}

func orPatterns() dbus.Variant { return dbus.MakeVariant([]string{"or_patterns"}) }
