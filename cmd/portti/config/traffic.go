package config

import (
	"fmt"
	"strings"
	"time"

	"portti/uplink"
)

// Rate is bytes a second in the configuration: "20kB/s", or "20kB" for short;
// "0" is none.
type Rate int64

// UnmarshalText reads one rate. The error is a clause that fits behind the name
// of a key.
func (r *Rate) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if s == "0" {
		*r = 0
		return nil
	}
	v, err := quantity(strings.TrimRight(strings.TrimSuffix(s, "/s"), " "), sizeUnits(), false)
	if err != nil {
		return fmt.Errorf("%s, %w", wantsRate, err)
	}
	*r = Rate(v)
	return nil
}

const wantsRate = `must be a rate such as "20kB/s", or "0" for none`

// String gives r with the largest unit that needs no fraction.
func (r Rate) String() string {
	if r == 0 {
		return "0"
	}
	return inUnits(int64(r), sizeUnits()) + "/s"
}

// MarshalText is String, so that JSON and TOML show what can be read again.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// checkTraffic holds what shapes the link's traffic against each other.
func (l *loader) checkTraffic(path string) {
	u := l.cfg.Uplink
	if r := u.DrainRate; r != 0 && (r < 100 || r > 1e9) && !l.bad["uplink.drain_rate"] {
		l.fault(path, "uplink.drain_rate", fmt.Sprintf(`"drain_rate" must be from 100B/s to 1GB/s, found %s`, r), `write "0" for no limit`)
	}
	zone, err := u.Zone()
	if err != nil && !l.bad["uplink.schedule_zone"] {
		l.fault(path, "uplink.schedule_zone", fmt.Sprintf(`"schedule_zone" %s is not known on this machine`, quoteShort(u.ScheduleZone)),
			`it looks like "Europe/Helsinki"; without the line the machine's own zone counts`)
	}
	if u.ScheduleZone != "" && len(u.Schedule) == 0 && !l.bad["uplink.schedule"] {
		l.fault(path, "uplink.schedule_zone", `"schedule_zone" has no meaning without "schedule"`, "remove the line")
	}
	if l.bad["uplink.schedule"] {
		return
	}
	for _, hours := range u.Schedule {
		if _, err := uplink.ParseSchedule([]string{hours}, zone); err != nil {
			l.fault(path, "uplink.schedule", fmt.Sprintf(`"schedule" cannot hold %s`, quoteShort(hours)), `write "02:00-04:00", "mon-fri 12:00-12:30" or "sat,sun 22:00-06:00"`)
		}
	}
}

// Zone is where the hours of Schedule are read off the clock.
func (u Uplink) Zone() (*time.Location, error) {
	if u.ScheduleZone == "" {
		return time.Local, nil
	}
	return time.LoadLocation(u.ScheduleZone)
}
