package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/recording"
	"portti/uplink"
)

// Limits of a test of a device by the local page.
const (
	testWithin = 8 * time.Second
	testMost   = 5 // messages
)

// Reconnected is what came of POST /api/v1/uplink/reconnect.
type Reconnected struct {
	Schema int    `json:"schema"`
	Was    string `json:"was"` // the link's state before: online, it is closed in order and made again; waiting or parked, it is tried now; connecting, that goes on
}

// Reconnect makes the connection anew, or ends the wait for the next try. No reading is
// lost by it: a connection that is up is closed in order. The error is a sentence for
// people.
func (g *Gateway) Reconnect() (Reconnected, error) {
	link := g.link()
	s := link.Status()
	r := Reconnected{Schema: status.Schema, Was: string(s.State)}
	switch {
	case s.Problem == uplink.ProblemNoServer:
		return r, errors.New("no server is set, so there is nothing to connect to")
	case !s.Opens.IsZero():
		return r, fmt.Errorf("the uplink hours begin at %s; before that the gateway does not connect", s.Opens.Format("2006-01-02 15:04 -07:00"))
	case r.Was != status.LinkConnecting:
		link.Reconnect()
	}
	return r, nil
}

func (g *Gateway) serveReconnect(w http.ResponseWriter, _ *http.Request) {
	r, err := g.Reconnect()
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	answer(w, r, g.opt.Log)
}

// pageActs is what the local page asks of the gateway for those who may act.
type pageActs struct{ g *Gateway }

func (a pageActs) Ping(ctx context.Context) (status.RoundTrip, error) {
	return a.g.Ping(ctx, 5*time.Second)
}

func (a pageActs) Reconnect() (was string, err error) {
	r, err := a.g.Reconnect()
	return r.Was, err
}

// Reload reads the files again, and gives in words what was done, part by part.
func (a pageActs) Reload(ctx context.Context) (did []string, err error) {
	r, err := a.g.Reload(ctx)
	if err != nil {
		return nil, err
	}
	clean := a.g.scrub.cleaner()
	for _, p := range r.Parts {
		did = append(did, clean(p.Text))
	}
	if r.Error != "" {
		return nil, errors.New(clean(r.Error))
	}
	return did, nil
}

// Test follows a device for a while and gives the messages that are sent of it, and the
// frames that are refused. Nothing is sent by that.
func (a pageActs) Test(ctx context.Context, name string) (lines []string, err error) {
	f, err := a.g.devices.Follow(name, device.View{Readings: true})
	if errors.Is(err, device.ErrNoDevice) {
		return nil, errors.New(a.g.noDevice(name))
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ctx, stop := context.WithTimeout(ctx, testWithin)
	defer stop()
	why := fmt.Sprintf("nothing came from %s within %s", name, status.InWords(testWithin))
	for len(lines) < testMost {
		rec, err := f.Next(ctx)
		if err != nil {
			break // the time is over
		}
		switch rec.What {
		case recording.Reading:
			lines = append(lines, string(rec.Data))
		case recording.Rejected:
			lines = append(lines, "refused: "+string(rec.Data))
		case recording.Ended, recording.Stopped:
			if len(rec.Data) > 0 {
				why = fmt.Sprintf("the port of %s is not open: %s", name, rec.Data)
			}
		}
	}
	if len(lines) == 0 {
		return nil, errors.New(why)
	}
	return lines, nil
}
