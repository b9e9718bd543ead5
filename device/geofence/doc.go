// Package geofence says on which side of a border a position lies, and when
// that has changed. See the example.
//
// A Shape is a circle or a polygon on WGS84; it gives the distance to its border. A
// Fence is a Shape with what it takes to believe in a change; a Tracker follows one
// thing through it, fix by fix.
//
// # Promises
//
// What cannot be meant is refused with a sentence: a polygon that crosses itself,
// lies around a pole or spans half the earth. A border may cross the 180th meridian.
// On which side of a polygon's edge a point lies is exact to the rounding of
// a float64, some nanometres. Nothing allocates after a Shape is made.
//
// # Shapes
//
// The distance to a circle's border is measured on the ellipsoid, by Lambert's
// formula for long lines: within 2 mm up to 1 km and 4 m in 1,000 km beyond, anywhere on
// earth but near the point opposite of the centre.
//
// The edge of a polygon is straight in longitude and latitude, as RFC 7946 (GeoJSON),
// section 3.1.1, defines it and as a map in Mercator's projection nearly shows it. It
// is neither a parallel's great circle nor a geodesic: at 60 degrees north an edge of
// 100 km that runs east lies 340 m from the geodesic. The nearest point
// of the border is looked for in a plane with the scale of the position's latitude,
// and the distance to it measured on the ellipsoid: it is right to 0.1 % up to 10 km
// from the border and 80 degrees of latitude.
//
// # When a side counts as changed
//
//	in   the position lies inside by as much as its error, of which no more counts
//	     than the shape's area divided by its length (a circle's half radius), or one
//	     smaller than that could never be entered
//	out  it lies outside by the hysteresis and its error
//
// In between it decides nothing. A side must be kept for the dwell time, from the
// first position that decides for it to one that is as much later, with none between
// that decides for the other.
//
// # Limits
//
// A polygon has 3 to 256 corners between 89 degrees south and north and no holes.
// A thing that crosses a fence between two positions is not seen. A Tracker belongs
// to one goroutine; a Shape and a Fence are values that may be shared.
//
// Sources: W. D. Lambert, The distance between two widely separated points on the
// surface of the earth (1942), as restated in public descriptions of geodesic
// computations; RFC 7946; that the widest circle in a region has a radius of its area
// divided by its length at least is Bonnesen's.
package geofence
