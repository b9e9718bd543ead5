package bluez

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// Signal is a signal from the bus.
type Signal struct {
	Path dbus.ObjectPath
	Name string // interface and member
	Body []any
}

// Bus is what is needed of D-Bus. Its functions return when ctx ends.
type Bus interface {
	// Call calls a method of an object of BlueZ and gives what it returns.
	Call(ctx context.Context, path dbus.ObjectPath, method string, args ...any) ([]any, error)
	// Running says whether anybody serves BlueZ's name.
	Running(ctx context.Context) (bool, error)
	// Match asks for the signals that a rule describes.
	Match(ctx context.Context, rule string) error
	Close() error
}

// Connect makes a connection that lives until ctx ends or it is closed. It calls deliver with
// each signal, one after the other, and at the end calls lost. Neither may call the Bus.
type Connect func(ctx context.Context, deliver func(Signal), lost func()) (Bus, error)

const (
	service    = "org.bluez"
	adapter1   = "org.bluez.Adapter1"
	device1    = "org.bluez.Device1"
	managed    = "org.freedesktop.DBus.ObjectManager.GetManagedObjects"
	added      = "org.freedesktop.DBus.ObjectManager.InterfacesAdded"
	removed    = "org.freedesktop.DBus.ObjectManager.InterfacesRemoved"
	changed    = "org.freedesktop.DBus.Properties.PropertiesChanged"
	set        = "org.freedesktop.DBus.Properties.Set"
	ownerIs    = "org.freedesktop.DBus.NameOwnerChanged"
	monitorEnd = "org.bluez.AdvertisementMonitor1.Release" // as if it were a signal
)

// SystemBus connects to the system bus, or to the one that DBUS_SYSTEM_BUS_ADDRESS names.
//
// Neither godbus' own handler of signals nor its Export is used. The first keeps each signal
// in a list without end until it is taken. The second looks methods up by name, so that the
// linker keeps every method of every type: 1.7 MB more on ARM, where all of godbus is 0.26.
func SystemBus(ctx context.Context, deliver func(Signal), lost func()) (Bus, error) {
	h := &handler{deliver: deliver, lost: lost}
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx), dbus.WithHandler(h), dbus.WithSignalHandler(h))
	if err != nil {
		return nil, fmt.Errorf("cannot connect to the system bus: %w", err)
	}
	return systemBus{conn}, nil
}

type systemBus struct{ conn *dbus.Conn }

func (b systemBus) Call(ctx context.Context, path dbus.ObjectPath, method string, args ...any) ([]any, error) {
	// Not started: who stopped bluetoothd would find it running again.
	call := b.conn.Object(service, path).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
	return call.Body, call.Err
}

func (b systemBus) Running(ctx context.Context) (bool, error) {
	call := b.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, service)
	if call.Err != nil {
		return false, call.Err
	}
	if len(call.Body) == 1 {
		if yes, ok := call.Body[0].(bool); ok {
			return yes, nil
		}
	}
	return false, errors.New("the bus did not say whether bluetoothd runs")
}

func (b systemBus) Match(ctx context.Context, rule string) error {
	return b.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.AddMatch", 0, rule).Err
}

func (b systemBus) Close() error { return b.conn.Close() }

// handler takes what comes from the bus, in the goroutine that reads it.
type handler struct {
	deliver func(Signal)
	lost    func()
}

// DeliverSignal is part of dbus.SignalHandler.
func (h *handler) DeliverSignal(iface, name string, s *dbus.Signal) {
	h.deliver(Signal{s.Path, iface + "." + name, s.Body})
}

// Terminate is part of dbus.Terminator.
func (h *handler) Terminate() { h.lost() }
