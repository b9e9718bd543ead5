package device

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"portti/device/geofence"
)

// PositionOptions are the keys of every type that sends positions. docs/position.md
// explains them.
type PositionOptions struct {
	Detail       string  `toml:"detail"`         // separate (default) | append | off: where altitude, speed, heading, quality go
	LacrFromHDOP float64 `toml:"lacr_from_hdop"` // metres per unit of HDOP, 0 = lacr only where the receiver states an error
	SpeedFloor   float64 `toml:"speed_floor"`    // m/s under which no heading is sent, and a thing counts as at rest; 0 = 0.5

	MinDistance   float64 `toml:"min_distance"`   // metres after which a fix is sent, 0 = of no matter
	HeadingChange float64 `toml:"heading_change"` // degrees of turning after which one is, 0 = of no matter
	MinInterval   string  `toml:"min_interval"`   // none is sent sooner after the last; "" = as they come
	MaxInterval   string  `toml:"max_interval"`   // one is sent later than that in any case; "" = 10m with one of the first two

	FallbackFor string                  `toml:"fallback_for"` // name of the receiver in whose place this one sends, "" = it sends always
	ClockOut    string                  `toml:"clock_out"`    // chrony, or the path of the socket: who is told the time
	Fence       map[string]FenceOptions `toml:"fence"`        // places whose borders are watched, by name
}

// positionSample explains the keys. It ends the Sample of a Kind, since it has tables.
const positionSample = `# detail = "separate"             # altitude, speed, heading, quality: in a message of their own | append | off
# speed_floor = 0.5               # m/s; below it no heading is sent
# lacr_from_hdop = 0              # metres of error per unit of HDOP; 0 = only an error that the receiver states
# min_distance = 50               # metres: a fix is sent when it has moved so far,
# heading_change = 20             # or turned by so many degrees; 0 = of no matter; without both every fix is sent
# min_interval = "5s"             # but none sooner after the last
# max_interval = "10m"            # and one after that in any case
# fallback_for = ""               # name of another receiver: this one sends only while that one has no position
# clock_out = "chrony"            # tells chronyd the time: docs/position.md
# [device.fence.yard]             # message 90120 when its border is crossed
# lat = 65.0124                   # a circle: degrees north,
# lon = 25.4681                   # degrees east,
# radius = 150                    # metres
# [device.fence.harbour]
# polygon = [[65.01, 25.46], [65.01, 25.48], [65.02, 25.47]]      # or corners, each [lat, lon]
# hysteresis = 20                 # metres outside of it that still count as inside
# dwell = "10s"                   # for how long the other side must be kept
`

// FenceOptions is a circle, which has lat, lon and radius, or a polygon.
type FenceOptions struct {
	Lat        *float64    `toml:"lat" json:"lat,omitzero"`               // of the centre, degrees north
	Lon        *float64    `toml:"lon" json:"lon,omitzero"`               // degrees east
	Radius     float64     `toml:"radius" json:"radius,omitzero"`         // metres
	Polygon    [][]float64 `toml:"polygon" json:"polygon,omitzero"`       // corners, each [lat, lon]
	Hysteresis float64     `toml:"hysteresis" json:"hysteresis,omitzero"` // metres outside that still count as inside, 0 = 20
	Dwell      string      `toml:"dwell" json:"dwell,omitzero"`           // for how long the other side must be kept, "" = no time
}

const (
	// defaultSpeedFloor: a receiver at rest shows 0.1 to 0.3 m/s of noise and a course
	// that turns with it.
	defaultSpeedFloor = 0.5
	// defaultHysteresis is more than the position of a receiver at rest drifts within
	// minutes where it sees the sky.
	defaultHysteresis  = 20 // m
	defaultMaxInterval = 10 * time.Minute
	maxFences          = 64
	maxFenceName       = 32
)

// positionOptions makes the options of any kind that embeds them tell of them.
func (o PositionOptions) positionOptions() PositionOptions { return o }

// positionsOf gives the options of a device that sends positions; false = it is none.
func (t Table) positionsOf(c Config) (PositionOptions, bool) {
	options := c.Options
	if k, _ := t.Named(c.Type); options == nil && k.Options != nil {
		options = k.Options()
	}
	p, ok := options.(interface{ positionOptions() PositionOptions })
	if !ok {
		return PositionOptions{}, false
	}
	return p.positionOptions(), true
}

func (o PositionOptions) check() error {
	var errs []error
	switch o.Detail {
	case "", "separate", "append", "off":
	default:
		errs = append(errs, keyError("detail", "must be separate, append or off"))
	}
	if !(o.LacrFromHDOP >= 0 && o.LacrFromHDOP <= 1000) {
		errs = append(errs, keyError("lacr_from_hdop", "must be from 0 (off) to 1000 metres"))
	}
	if !(o.SpeedFloor >= 0 && o.SpeedFloor <= 1000) {
		errs = append(errs, keyError("speed_floor", "must be from 0 (the default) to 1000 m/s"))
	}
	_, err := newPace(o)
	errs = append(errs, err)
	if _, err := clockOut(o.ClockOut); err != nil {
		errs = append(errs, err)
	}
	_, err = newFences(o.Fence)
	return errors.Join(append(errs, err)...)
}

// span reads a time from 0 to longest, 0 where there is none.
func span(key, text string, longest time.Duration) (ms int64, err error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > longest {
		return 0, keyError(key, `must be a time such as "30s" or "5m", up to %gh`, longest.Hours())
	}
	return d.Milliseconds(), nil
}

// newFences makes the fences of a configuration, sorted by name, and says everything
// that is wrong with them.
func newFences(options map[string]FenceOptions) ([]fence, error) {
	if len(options) > maxFences {
		return nil, keyError("fence", "must be %d at most, found %d", maxFences, len(options))
	}
	var all []fence
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(options)) {
		f, err := options[name].fence(name)
		all, errs = append(all, f), append(errs, err)
	}
	return all, errors.Join(errs...)
}

func (o FenceOptions) fence(name string) (f fence, err error) {
	if name == "" || len(name) > maxFenceName || strings.TrimFunc(name, nameRune) != "" || strings.Contains(name, ".") {
		return f, keyError("fence."+strconv.Quote(name), "cannot be the name of a fence: that has 1 to %d letters, digits, '_' or '-'", maxFenceName)
	}
	key := "fence." + name
	f.name = []byte(name)
	var errs []error
	if f.Shape, err = o.shape(key); err != nil {
		errs = append(errs, err)
	}
	if f.Hysteresis = o.Hysteresis; f.Hysteresis == 0 {
		f.Hysteresis = defaultHysteresis
	}
	if !(f.Hysteresis > 0 && f.Hysteresis <= 10_000) {
		errs = append(errs, keyError(key+".hysteresis", "must be from 0 (the default, %d) to 10000 metres", defaultHysteresis))
	}
	if f.Dwell, err = span(key+".dwell", o.Dwell, 24*time.Hour); err != nil {
		errs = append(errs, err)
	}
	return f, errors.Join(errs...)
}

func (o FenceOptions) shape(key string) (geofence.Shape, error) {
	circle := o.Lat != nil || o.Lon != nil || o.Radius != 0
	switch {
	case circle && o.Polygon != nil:
		return geofence.Shape{}, keyError(key+".polygon", "cannot be used together with lat, lon and radius")
	case circle && (o.Lat == nil || o.Lon == nil || o.Radius == 0):
		return geofence.Shape{}, keyError(key, "must have lat, lon and radius, all three, to be a circle")
	case circle:
		return o.circle(key)
	case o.Polygon == nil:
		return geofence.Shape{}, keyError(key, "must have lat, lon and radius, or polygon")
	}
	corners := make([]geofence.Point, len(o.Polygon))
	for i, c := range o.Polygon {
		if len(c) != 2 {
			return geofence.Shape{}, keyError(key+".polygon", "must be a list of corners [lat, lon]: corner %d has %d numbers", i+1, len(c))
		}
		corners[i] = geofence.Point{Lat: c[0], Lon: c[1]}
	}
	s, err := geofence.Polygon(corners)
	if err != nil {
		return s, keyError(key+".polygon", "cannot be used: %v", err)
	}
	return s, nil
}

func (o FenceOptions) circle(key string) (geofence.Shape, error) {
	switch {
	case !(math.Abs(*o.Lat) <= 90):
		return geofence.Shape{}, keyError(key+".lat", "must be from -90 to 90 degrees")
	case !(math.Abs(*o.Lon) <= 180):
		return geofence.Shape{}, keyError(key+".lon", "must be from -180 to 180 degrees")
	case !(o.Radius >= geofence.MinRadius && o.Radius <= geofence.MaxRadius):
		return geofence.Shape{}, keyError(key+".radius", "must be from %d to %d metres", geofence.MinRadius, geofence.MaxRadius)
	}
	return geofence.Circle(geofence.Point{Lat: *o.Lat, Lon: *o.Lon}, o.Radius)
}

// CheckAmong says what is wrong with a device beside the others of the configuration:
// of what it is the fallback for. One that is switched off may be that as well.
func (t Table) CheckAmong(c Config, all []Config) error {
	named := map[string]Config{}
	for _, other := range all {
		named[other.Name] = other
	}
	o, _ := t.positionsOf(c)
	if o.FallbackFor == "" {
		return nil
	}
	first, known := named[o.FallbackFor]
	switch {
	case o.FallbackFor == c.Name:
		return keyError("fallback_for", "must name another device")
	case !known:
		return keyError("fallback_for", "must be the name of a device: there is no %q", o.FallbackFor)
	}
	if _, positions := t.positionsOf(first); !positions {
		return keyError("fallback_for", "must name a device that sends positions: %q is of type %q", first.Name, first.Type)
	}
	// Whoever follows the line from here comes to its end, or to c again, or into a
	// circle that c is not part of and that is reported there.
	at := first
	for range all {
		o, _ := t.positionsOf(at)
		if o.FallbackFor == c.Name {
			return keyError("fallback_for", "goes round in a circle: %q is in the end a fallback for %q", first.Name, c.Name)
		}
		next, ok := named[o.FallbackFor]
		if !ok {
			break
		}
		at = next
	}
	return nil
}
