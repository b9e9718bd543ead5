package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"portti/device"
	"portti/device/recording"
)

// followDevice streams what happens on a device's port from now on, in the form of a
// recording: with ?raw=1 the bytes, with ?readings=1 the messages and what was refused.
// A viewer that does not take it is dropped by the device, and costs its queue until
// then; one whose connection takes nothing for controlWriteTimeout is closed.
func (g *Gateway) followDevice(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	f, err := g.devices.Follow(name, device.View{Raw: r.FormValue("raw") == "1", Readings: r.FormValue("readings") == "1"})
	switch {
	case errors.Is(err, device.ErrNoDevice):
		http.Error(w, g.noDevice(name), http.StatusUnprocessableEntity)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusTooManyRequests)
		return
	}
	defer f.Close()
	h := f.Header()
	h.Portti = g.opt.Version
	w.Header().Set("Content-Type", "text/plain; charset=us-ascii")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	out, err := recording.NewWriter(patient{w, control}, h)
	for err == nil {
		_ = control.Flush() // a connection that is gone fails the next Write
		var rec recording.Record
		if rec, err = f.Next(r.Context()); err == nil {
			err = out.Write(rec)
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		f.Drop()
	}
}

// noDevice names the devices that there are.
func (g *Gateway) noDevice(name string) string {
	var names []string
	for _, d := range g.devices.Status() {
		names = append(names, d.Name)
	}
	if len(names) == 0 {
		return fmt.Sprintf("there is no device %q: the running gateway has none", name)
	}
	return fmt.Sprintf("there is no device %q: the running gateway has %s", name, strings.Join(names, ", "))
}
