package bluez

import "github.com/godbus/dbus/v5"

// A passive scan is asked for with two objects of ours: an ObjectManager, which BlueZ asks
// for all there is, and the monitor, which it tells what happens. Both are the same always.
const (
	monitorRoot dbus.ObjectPath = "/portti/ble"
	monitorPath dbus.ObjectPath = "/portti/ble/monitor"
	monitor1                    = "org.bluez.AdvertisementMonitor1"
	manager1                    = "org.bluez.AdvertisementMonitorManager1"
)

// pattern is (yyay): where the content begins in an element's data, its type, the content.
type pattern struct {
	Start   byte
	Type    byte
	Content []byte
}

// patterns are what a passive scan hears. BlueZ takes any of them. There is none for
// "everything"; most devices that can be connected to send flags.
func patterns() []pattern {
	var all []pattern
	for _, flags := range []byte{0x02, 0x04, 0x05, 0x06, 0x1A} {
		all = append(all, pattern{0, 0x01, []byte{flags}})
	}
	for _, company := range []uint16{0x0499 /* Ruuvi */, 0x004C /* Apple, iBeacon */, 0x0059 /* Nordic */, 0x02E1 /* Victron */} {
		all = append(all, pattern{0, 0xFF, []byte{byte(company), byte(company >> 8)}})
	}
	for _, uuid := range []uint16{0xFCD2 /* BTHome */, 0x181A /* pvvx, ATC */, 0xFEAA /* Eddystone */, 0xFE95 /* Xiaomi */} {
		all = append(all, pattern{0, 0x16, []byte{byte(uuid), byte(uuid >> 8)}})
	}
	return all
}

func monitorObjects() map[dbus.ObjectPath]map[string]map[string]dbus.Variant {
	return map[dbus.ObjectPath]map[string]map[string]dbus.Variant{monitorPath: {monitor1: {
		"Type":               dbus.MakeVariant("or_patterns"),
		"RSSISamplingPeriod": dbus.MakeVariant(uint16(0)), // each advertisement
		"Patterns":           dbus.MakeVariant(patterns()),
	}}}
}

// LookupObject is part of dbus.Handler.
func (h *handler) LookupObject(path dbus.ObjectPath) (dbus.ServerObject, bool) {
	return object{h, path}, path == monitorRoot || path == monitorPath
}

type object struct {
	h    *handler
	path dbus.ObjectPath
}

// LookupInterface is part of dbus.ServerObject.
func (o object) LookupInterface(name string) (dbus.Interface, bool) {
	root := o.path == monitorRoot && name == "org.freedesktop.DBus.ObjectManager"
	return o, root || o.path == monitorPath && name == monitor1
}

// LookupMethod is part of dbus.Interface.
func (o object) LookupMethod(name string) (dbus.Method, bool) {
	switch name {
	case "GetManagedObjects":
		return method{func() []any { return []any{monitorObjects()} }}, o.path == monitorRoot
	case "Release":
		return method{func() []any { o.h.deliver(Signal{Path: o.path, Name: monitorEnd}); return nil }}, o.path == monitorPath
	case "Activate", "DeviceFound", "DeviceLost": // what is found is signalled as well
		return method{func() []any { return nil }}, o.path == monitorPath
	}
	return nil, false
}

// method answers a call, whatever its arguments are.
type method struct{ answer func() []any }

// Call is part of dbus.Method.
func (m method) Call(...any) ([]any, error) { return m.answer(), nil }

// DecodeArguments is part of dbus.ArgumentDecoder.
func (m method) DecodeArguments(*dbus.Conn, string, *dbus.Message, []any) ([]any, error) {
	return nil, nil
}

// NumArguments and the rest are part of dbus.Method, and not asked of an ArgumentDecoder.
func (m method) NumArguments() int     { return 0 }
func (m method) NumReturns() int       { return 0 }
func (m method) ArgumentValue(int) any { return nil }
func (m method) ReturnValue(int) any   { return nil }
