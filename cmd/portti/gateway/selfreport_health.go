package gateway

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"portti/cmd/portti/status"
	"portti/device/thingsee"
)

// systemInfo is a 1100. A tuid of the published form, six characters of model
// and eleven of serial number, gives both.
func systemInfo(m *thingsee.Message, event int, version, gateway string) {
	m.Reset(thingsee.SystemInfo, event)
	m.Text("swVersion", []byte(strings.TrimSuffix("portti-"+version, "-")))
	if len(gateway) == 17 {
		m.Text("modelCode", []byte(gateway[:6]))
		m.Text("psn", []byte(gateway[6:]))
	}
}

// uptime is a 1112: how long the machine has been up, not this program.
func uptime(m *thingsee.Message, event int, mono int64) {
	m.Reset(thingsee.UptimeInfo, event)
	m.Int("uptime", mono/1000)
}

// health is a 90310: the status document in brief.
func health(m *thingsee.Message, event int, s *status.Document) {
	m.Reset(thingsee.GatewayHealth, event)
	count := func(name string, n uint64) { m.Int(name, int64(min(n, math.MaxInt64))) }
	count("waiting", s.Totals.Waiting)
	for _, reason := range status.LossReasons() {
		count("lost"+strings.ToUpper(reason[:1])+reason[1:], s.Totals.Lost[reason])
	}
	if s.Buffer.HeadroomS > 0 {
		m.Float("headroom", s.Buffer.HeadroomS, 0)
	}
	if s.Link.RTTms > 0 {
		m.Float("rtt", s.Link.RTTms, 0)
	}
	states := map[string]uint64{}
	for _, d := range s.Devices {
		states[d.State]++
	}
	count("devicesOk", states[status.DeviceOK])
	count("devices", uint64(len(s.Devices)))
	m.Int("clockTrusted", int64(b2i(s.Clock.Trusted)))
	m.Float("uptime", s.UptimeS, 0)
	count("read", s.Totals.Read)
	count("acked", s.Totals.Acked)
	count("quarantined", s.Totals.Quarantined)
	count("connects", s.Link.Connects)
	count("devicesMissing", states[status.DeviceMissing])
	count("devicesBusy", states[status.DeviceBusy])
	count("devicesSilent", states[status.DeviceSilent])
	count("devicesGarbage", states[status.DeviceGarbage])
	m.Text("clockSource", []byte(s.Clock.Source))
	if s.Started.Reason != "" {
		m.Text("started", []byte(s.Started.Reason))
	}
	m.Text("version", []byte(s.Version))
	m.Text("config", []byte(s.Gateway.Config))
	if len(s.Gateway.Labels) > 0 {
		m.Text("labels", []byte(labelText(s.Gateway.Labels)))
	}
	open := 0
	for _, p := range s.Problems {
		if p.Severity == status.Info {
			continue
		}
		if open++; open == 1 {
			m.Text("problem", []byte(p.Code)) // the worst
		}
	}
	m.Int("problems", int64(open))
}

// labelText is the operator's labels in one line, "customer=x,site=kuopio".
func labelText(labels map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, name+"="+labels[name])
	}
	return strings.Join(all, ",")
}

// seconds is d in a message: whole where it can be.
func seconds(m *thingsee.Message, name string, d time.Duration) {
	m.Decimal(name, d.Milliseconds(), 3)
}
