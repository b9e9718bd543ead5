package bluez

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	// openLimit is for all that Open does. BlueZ takes a second to switch an adapter on.
	openLimit = 8 * time.Second
	// pauseLimit is for the end of a scan: one that cannot be ended is begun again all the same.
	pauseLimit = 3 * time.Second
)

// Options say what to scan with.
type Options struct {
	Adapter string  // "hci0" or an address; "" = the first that is on, or else the first
	Passive bool    // only listen, where BlueZ can
	Connect Connect // nil = SystemBus
	Root    string  // where sysfs is below; "" but in tests
}

// Line is a scan in progress: the bytes, and who watches over it.
type Line struct {
	queue
	o       Options
	path    dbus.ObjectPath // of the adapter
	address string
	bus     Bus
	ctx     context.Context // of the scan
	cancel  context.CancelFunc
	watched chan struct{} // closed when the watch has ended; nil = it never began

	// The rest is guarded by the queue's mu.
	heard   map[string]*heard // by address
	turn    uint64            // counts who was looked for
	passive bool
	stall   stall
}

// Open begins a scan. It asks nobody to start bluetoothd.
func Open(ctx context.Context, o Options) (*Line, error) {
	if o.Connect == nil {
		o.Connect = SystemBus
	}
	l := &Line{o: o, heard: map[string]*heard{}, stall: newStall()}
	l.come.L = &l.mu
	l.ctx, l.cancel = context.WithCancel(context.Background())
	ctx, done := context.WithTimeout(ctx, openLimit)
	defer done()
	stop := context.AfterFunc(ctx, l.cancel) // the connection too: its greeting has no end of its own
	err := l.begin(ctx)
	if !stop() && err == nil {
		err = refused(NoBlueZ, "cannot begin the scan: bluetoothd did not answer within %v", openLimit)
	}
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	l.watched = make(chan struct{})
	go l.watch()
	return l, nil
}

// Adapter is the adapter's name and address.
func (l *Line) Adapter() string { return l.name() + " (" + l.address + ")" }

func (l *Line) name() string { return string(l.path[strings.LastIndexByte(string(l.path), '/')+1:]) }

func (l *Line) begin(ctx context.Context) (err error) {
	l.bus, err = l.o.Connect(l.ctx, l.signal, func() { l.end(fmt.Errorf("%w: the system bus is gone", errEnded)) })
	if err != nil {
		return l.sorted("reach bluetoothd", err)
	}
	if err := l.bus.Match(ctx, "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='"+service+"'"); err != nil {
		return l.sorted("reach bluetoothd", err)
	}
	switch running, err := l.bus.Running(ctx); {
	case err != nil:
		return l.sorted("reach bluetoothd", err)
	case !running:
		return refused(NoBlueZ, "cannot scan: bluetoothd does not run")
	}
	a, err := l.find(ctx)
	if err != nil {
		return err
	}
	l.adopt(a)
	for _, rule := range []string{
		"interface='org.freedesktop.DBus.ObjectManager'",
		"member='PropertiesChanged',path_namespace='" + string(l.path) + "',arg0='" + adapter1 + "'",
		"member='PropertiesChanged',path_namespace='" + string(l.path) + "',arg0='" + device1 + "'",
	} {
		if err := l.bus.Match(ctx, "type='signal',sender='"+service+"',"+rule); err != nil {
			return l.sorted("listen to bluetoothd", err)
		}
	}
	if !a.powered {
		if err := l.power(ctx, true); err != nil {
			return err
		}
	}
	l.choose(a)
	return l.start(ctx)
}

// adopt takes an adapter, and what BlueZ knows of the devices around it.
func (l *Line) adopt(a adapter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.path, l.address = a.path, a.address
	for path, interfaces := range a.objects {
		if mac, ok := l.macOf(path); ok && len(l.heard) < known {
			l.deviceLocked(mac).remember(interfaces[device1])
		}
	}
}

// choose takes a passive scan where one is wanted and there.
func (l *Line) choose(a adapter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.passive = l.o.Passive && a.monitors
	if l.o.Passive && !a.monitors {
		l.noteLocked(`{"note":"active","why":"this BlueZ has no AdvertisementMonitorManager1"}`)
	}
}

// adapter is one that BlueZ has.
type adapter struct {
	path     dbus.ObjectPath
	address  string
	powered  bool
	monitors bool // passive scans by patterns can be had
	objects  objects
}

// objects are interfaces and their properties by the objects that have them.
type objects = map[dbus.ObjectPath]map[string]map[string]dbus.Variant

// find chooses the adapter.
func (l *Line) find(ctx context.Context) (adapter, error) {
	body, err := l.bus.Call(ctx, "/", managed)
	if err != nil {
		return adapter{}, l.sorted("ask bluetoothd for its adapters", err)
	}
	all := adapters(body)
	var names []string
	best := -1
	for i, a := range all {
		name := string(a.path[strings.LastIndexByte(string(a.path), '/')+1:])
		names = append(names, name+" ("+a.address+")")
		switch {
		case l.o.Adapter == name, strings.EqualFold(l.o.Adapter, a.address):
			return a, nil
		case l.o.Adapter == "" && (best < 0 || a.powered && !all[best].powered):
			best = i
		}
	}
	switch how := l.rfkill(); {
	case best >= 0:
		return all[best], nil
	case how != "": // some are taken off the bus then
		return adapter{}, refused(Blocked, "cannot scan: %s", how)
	case len(all) == 0:
		return adapter{}, refused(NoAdapter, "cannot scan: bluetoothd has no adapter")
	}
	return adapter{}, refused(NoAdapter, "cannot scan: there is no adapter %s, but %s", l.o.Adapter, strings.Join(names, ", "))
}

func adapters(body []any) (all []adapter) {
	if len(body) == 0 {
		return nil
	}
	there, _ := body[0].(objects)
	for _, path := range slices.Sorted(maps.Keys(there)) {
		props, is := there[path][adapter1]
		if !is {
			continue
		}
		a := adapter{path: path, objects: there}
		a.address, _ = props["Address"].Value().(string)
		a.powered, _ = props["Powered"].Value().(bool)
		types, _ := there[path][manager1]["SupportedMonitorTypes"].Value().([]string)
		a.monitors = slices.Contains(types, "or_patterns")
		all = append(all, a)
	}
	return all
}

func (l *Line) power(ctx context.Context, on bool) error {
	word := map[bool]string{true: "on", false: "off"}[on]
	_, err := l.bus.Call(ctx, l.path, set, adapter1, "Powered", dbus.MakeVariant(on))
	if err != nil {
		return l.sorted("switch the adapter "+l.name()+" "+word, err)
	}
	return nil
}

// start begins the scan itself.
func (l *Line) start(ctx context.Context) error {
	if l.isPassive() {
		if _, err := l.bus.Call(ctx, l.path, manager1+".RegisterMonitor", monitorRoot); err != nil {
			return l.sorted("begin a passive scan with "+l.name(), err)
		}
		return nil
	}
	filter := map[string]dbus.Variant{"Transport": dbus.MakeVariant("le"), "DuplicateData": dbus.MakeVariant(true)}
	if _, err := l.bus.Call(ctx, l.path, adapter1+".SetDiscoveryFilter", filter); err != nil {
		return l.sorted("begin a scan with "+l.name(), err)
	}
	_, err := l.bus.Call(ctx, l.path, adapter1+".StartDiscovery")
	var e dbus.Error
	if err != nil && (!errors.As(err, &e) || e.Name != "org.bluez.Error.InProgress") { // it is ours already
		return l.sorted("begin a scan with "+l.name(), err)
	}
	return nil
}

// pause ends the scan, so that it can be begun again. That it does not run is no fault.
func (l *Line) pause(ctx context.Context) {
	ctx, done := context.WithTimeout(ctx, pauseLimit)
	defer done()
	if l.isPassive() {
		_, _ = l.bus.Call(ctx, l.path, manager1+".UnregisterMonitor", monitorRoot)
		return
	}
	_, _ = l.bus.Call(ctx, l.path, adapter1+".StopDiscovery")
}

func (l *Line) isPassive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.passive
}

// signal takes a signal. What is not of the form that its name promises says nothing.
func (l *Line) signal(s Signal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch s.Name {
	case ownerIs:
		l.overLocked("bluetoothd ended, or was started again")
	case added:
		path, interfaces, ok := two[dbus.ObjectPath, map[string]map[string]dbus.Variant](s.Body)
		// Without RSSI it is a device that BlueZ remembers, and not one that was heard.
		props := interfaces[device1]
		if mac, is := l.macOf(path); ok && is && props["RSSI"].Value() == nil {
			l.deviceLocked(mac).remember(props)
		} else if ok {
			l.advertLocked(path, props, nil)
		}
	case removed:
		path, interfaces, _ := two[dbus.ObjectPath, []string](s.Body)
		if mac, ok := l.macOf(path); ok {
			delete(l.heard, mac)
		} else if path == l.path && slices.Contains(interfaces, adapter1) {
			l.overLocked("the adapter " + l.name() + " is gone")
		}
	case changed:
		l.changedLocked(s)
	case monitorEnd:
		if l.passive {
			l.passive = false
			l.noteLocked(`{"note":"active","why":"BlueZ gave the passive scan up"}`)
			l.stall.begin = true
			l.stall.lookAgain()
		}
	}
}

func (l *Line) changedLocked(s Signal) {
	name, props, ok := two[string, map[string]dbus.Variant](s.Body)
	switch {
	case !ok:
	case name == adapter1 && s.Path == l.path:
		if on, is := props["Powered"].Value().(bool); is && !on && !l.stall.cycling() {
			l.overLocked("the adapter " + l.name() + " was switched off")
		}
	case name == device1:
		var gone []string
		if len(s.Body) > 2 {
			gone, _ = s.Body[2].([]string)
		}
		l.advertLocked(s.Path, props, gone)
	}
}

// overLocked ends the line. What was heard is read first.
func (l *Line) overLocked(why string) {
	if l.err == nil {
		l.err = fmt.Errorf("%w: %s", errEnded, why)
	}
	l.come.Broadcast()
}

// two takes the first two values of a body.
func two[A, B any](body []any) (a A, b B, ok bool) {
	if len(body) < 2 {
		return a, b, false
	}
	a, first := body[0].(A)
	b, second := body[1].(B)
	return a, b, first && second
}

// Write is refused: a scan is only listened to.
func (l *Line) Write([]byte) (int, error) {
	return 0, errors.New("cannot write to a scan")
}

// Close ends the scan.
func (l *Line) Close() error {
	l.Interrupt()
	_ = l.SetReadDeadline(time.Time{})
	l.settle()
	l.cancel()
	var err error
	if l.bus != nil {
		err = l.bus.Close()
	}
	if l.watched != nil {
		<-l.watched
	}
	return err
}
