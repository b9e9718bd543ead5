package ais

import "math"

// Field is one thing that a message can say.
type Field uint8

// The fields. The comment has the unit.
const (
	Status      Field = iota // navigational status, 0..14
	Turn                     // rate of turn as sent, -127..127: see Message.RateOfTurn
	Speed                    // over ground, 0.1 knots; 1022 and more of a type 1..3, 18, 19 stand for "at least 102.2"
	Accuracy                 // 1 = position better than 10 m
	Lon                      // 1/10000 minute, east positive
	Lat                      // 1/10000 minute, north positive
	Course                   // over ground, 0.1 degrees
	Heading                  // true, degrees
	Second                   // of the minute in UTC, 0..59; 61 manual, 62 dead reckoning, 63 inoperative
	Maneuver                 // 1 none, 2 special
	RAIM                     // 1 = in use
	Alt                      // metres; 4094 stands for "at least"
	EPFD                     // what fixes the position: 1 GPS, 2 GLONASS, ... 15 internal
	Regional                 // reserved for regions
	Assigned                 // 1 = assigned mode
	ClassCS                  // 1 = carrier sense, 0 = SOTDMA
	Display                  // 1 = has one
	DSC                      // 1 = has digital selective calling
	Band                     // 1 = the whole marine band
	Msg22                    // 1 = takes channel management
	DTE                      // 0 = terminal ready
	Version                  // of the standard
	IMO                      // number of the ship
	ShipType                 // 1..255
	ToBow                    // metres from the antenna
	ToStern                  // metres
	ToPort                   // metres
	ToStarboard              // metres
	Draught                  // 0.1 m
	AidType                  // of an aid to navigation, 1..31
	OffPosition              // 1 = an aid is not where it belongs
	Virtual                  // 1 = an aid that is not there but on the chart
	Part                     // of type 24: 0 = A, 1 = B
	Model                    // of the unit, by its vendor
	Serial                   // of the unit
	Mothership               // MMSI
	OldPosition              // 1 = not from the present moment (type 27)
	Year                     // UTC
	Month                    // of the report (4, 11) or of arrival (5)
	Day                      //
	Hour                     //
	Minute                   //
	Name                     // text, as Callsign, Destination and Vendor
	Callsign                 //
	Destination              //
	Vendor                   //
	Fields                   // their number

	numbers = int(Name)
)

const (
	degree = 600_000 // 1/10000 minutes
	never  = math.MinInt32
)

// limits are what a field can be, in its unit. Beyond them it is absent, and the
// Fault says OutOfRange.
var limits = [numbers]struct{ min, max int32 }{
	Status: {0, 14}, Turn: {-127, 127}, Speed: {0, 10220}, Accuracy: {0, 1},
	Lon: {-180 * degree, 180 * degree}, Lat: {-90 * degree, 90 * degree},
	Course: {0, 3599}, Heading: {0, 359}, Second: {0, 63}, Maneuver: {0, 3}, RAIM: {0, 1},
	Alt: {0, 4094}, EPFD: {0, 15}, Regional: {0, 255}, Assigned: {0, 1}, ClassCS: {0, 1},
	Display: {0, 1}, DSC: {0, 1}, Band: {0, 1}, Msg22: {0, 1}, DTE: {0, 1}, Version: {0, 3},
	IMO: {1, 1<<30 - 1}, ShipType: {1, 255}, ToBow: {0, 511}, ToStern: {0, 511}, ToPort: {0, 63},
	ToStarboard: {0, 63}, Draught: {1, 255}, AidType: {1, 31}, OffPosition: {0, 1}, Virtual: {0, 1},
	Part: {0, 3}, Model: {0, 15}, Serial: {0, 1<<20 - 1}, Mothership: {1, 999_999_999},
	OldPosition: {0, 1}, Year: {1, 9999}, Month: {1, 12}, Day: {1, 31}, Hour: {0, 23}, Minute: {0, 59},
}

// row is one bit field of one type.
type row struct {
	name   string // as gpsd calls it in its reports, "" where it has none
	field  Field
	at     int
	bits   int
	signed bool
	scale  int32 // of the number sent, to the field's unit
	none   int32 // what stands for "not available", never = nothing does
}

// layout is what a type consists of.
type layout struct {
	least int // bits without which it is no such message
	rows  []row
}

// The columns of a row: name, field, first bit, bits, signed, scale, not available.
var (
	classA = layout{148, []row{
		{"status", Status, 38, 4, false, 1, 15}, {"turn", Turn, 42, 8, true, 1, -128},
		{"speed", Speed, 50, 10, false, 1, 1023}, {"accuracy", Accuracy, 60, 1, false, 1, never},
		{"lon", Lon, 61, 28, true, 1, 181 * degree}, {"lat", Lat, 89, 27, true, 1, 91 * degree},
		{"course", Course, 116, 12, false, 1, 3600}, {"heading", Heading, 128, 9, false, 1, 511},
		{"second", Second, 137, 6, false, 1, 60}, {"maneuver", Maneuver, 143, 2, false, 1, 0},
		{"raim", RAIM, 148, 1, false, 1, never},
	}}
	base = layout{138, []row{
		{"", Year, 38, 14, false, 1, 0}, {"", Month, 52, 4, false, 1, 0}, {"", Day, 56, 5, false, 1, 0},
		{"", Hour, 61, 5, false, 1, 24}, {"", Minute, 66, 6, false, 1, 60}, {"", Second, 72, 6, false, 1, 60},
		{"accuracy", Accuracy, 78, 1, false, 1, never},
		{"lon", Lon, 79, 28, true, 1, 181 * degree}, {"lat", Lat, 107, 27, true, 1, 91 * degree},
		{"epfd", EPFD, 134, 4, false, 1, 0}, {"raim", RAIM, 148, 1, false, 1, never},
	}}
	static = layout{302, []row{ // units are known to leave the last bits out
		{"ais_version", Version, 38, 2, false, 1, never}, {"imo", IMO, 40, 30, false, 1, 0},
		{"callsign", Callsign, 70, 42, false, 1, never}, {"shipname", Name, 112, 120, false, 1, never},
		{"shiptype", ShipType, 232, 8, false, 1, 0},
		{"to_bow", ToBow, 240, 9, false, 1, never}, {"to_stern", ToStern, 249, 9, false, 1, never},
		{"to_port", ToPort, 258, 6, false, 1, never}, {"to_starboard", ToStarboard, 264, 6, false, 1, never},
		{"epfd", EPFD, 270, 4, false, 1, 0}, {"", Month, 274, 4, false, 1, 0}, {"", Day, 278, 5, false, 1, 0},
		{"", Hour, 283, 5, false, 1, 24}, {"", Minute, 288, 6, false, 1, 60},
		{"draught", Draught, 294, 8, false, 1, 0}, {"destination", Destination, 302, 120, false, 1, never},
		{"dte", DTE, 422, 1, false, 1, never},
	}}
	aircraft = layout{134, []row{
		{"alt", Alt, 38, 12, false, 1, 4095}, {"speed", Speed, 50, 10, false, 10, 1023},
		{"accuracy", Accuracy, 60, 1, false, 1, never},
		{"lon", Lon, 61, 28, true, 1, 181 * degree}, {"lat", Lat, 89, 27, true, 1, 91 * degree},
		{"course", Course, 116, 12, false, 1, 3600}, {"second", Second, 128, 6, false, 1, 60},
		{"regional", Regional, 134, 8, false, 1, never}, {"dte", DTE, 142, 1, false, 1, never},
		{"assigned", Assigned, 146, 1, false, 1, never}, {"raim", RAIM, 147, 1, false, 1, never},
	}}
	classB = layout{139, []row{
		{"speed", Speed, 46, 10, false, 1, 1023}, {"accuracy", Accuracy, 56, 1, false, 1, never},
		{"lon", Lon, 57, 28, true, 1, 181 * degree}, {"lat", Lat, 85, 27, true, 1, 91 * degree},
		{"course", Course, 112, 12, false, 1, 3600}, {"heading", Heading, 124, 9, false, 1, 511},
		{"second", Second, 133, 6, false, 1, 60}, {"regional", Regional, 139, 2, false, 1, never},
		{"cs", ClassCS, 141, 1, false, 1, never}, {"display", Display, 142, 1, false, 1, never},
		{"dsc", DSC, 143, 1, false, 1, never}, {"band", Band, 144, 1, false, 1, never},
		{"msg22", Msg22, 145, 1, false, 1, never}, {"assigned", Assigned, 146, 1, false, 1, never},
		{"raim", RAIM, 147, 1, false, 1, never},
	}}
	classBLong = layout{301, []row{
		{"speed", Speed, 46, 10, false, 1, 1023}, {"accuracy", Accuracy, 56, 1, false, 1, never},
		{"lon", Lon, 57, 28, true, 1, 181 * degree}, {"lat", Lat, 85, 27, true, 1, 91 * degree},
		{"course", Course, 112, 12, false, 1, 3600}, {"heading", Heading, 124, 9, false, 1, 511},
		{"second", Second, 133, 6, false, 1, 60}, {"regional", Regional, 139, 4, false, 1, never},
		{"shipname", Name, 143, 120, false, 1, never}, {"shiptype", ShipType, 263, 8, false, 1, 0},
		{"to_bow", ToBow, 271, 9, false, 1, never}, {"to_stern", ToStern, 280, 9, false, 1, never},
		{"to_port", ToPort, 289, 6, false, 1, never}, {"to_starboard", ToStarboard, 295, 6, false, 1, never},
		{"epfd", EPFD, 301, 4, false, 1, 0}, {"raim", RAIM, 305, 1, false, 1, never},
		{"dte", DTE, 306, 1, false, 1, never}, {"assigned", Assigned, 307, 1, false, 1, never},
	}}
	aid = layout{268, []row{
		{"aid_type", AidType, 38, 5, false, 1, 0}, {"name", Name, 43, 120, false, 1, never},
		{"accuracy", Accuracy, 163, 1, false, 1, never},
		{"lon", Lon, 164, 28, true, 1, 181 * degree}, {"lat", Lat, 192, 27, true, 1, 91 * degree},
		{"to_bow", ToBow, 219, 9, false, 1, never}, {"to_stern", ToStern, 228, 9, false, 1, never},
		{"to_port", ToPort, 237, 6, false, 1, never}, {"to_starboard", ToStarboard, 243, 6, false, 1, never},
		{"epfd", EPFD, 249, 4, false, 1, 0}, {"second", Second, 253, 6, false, 1, 60},
		{"off_position", OffPosition, 259, 1, false, 1, never}, {"regional", Regional, 260, 8, false, 1, never},
		{"raim", RAIM, 268, 1, false, 1, never}, {"virtual_aid", Virtual, 269, 1, false, 1, never},
	}}
	staticA = layout{160, []row{
		{"", Part, 38, 2, false, 1, never}, {"shipname", Name, 40, 120, false, 1, never},
	}}
	staticB = layout{162, []row{
		{"", Part, 38, 2, false, 1, never}, {"shiptype", ShipType, 40, 8, false, 1, 0},
		{"vendorid", Vendor, 48, 18, false, 1, never}, {"model", Model, 66, 4, false, 1, never},
		{"serial", Serial, 70, 20, false, 1, never}, {"callsign", Callsign, 90, 42, false, 1, never},
		{"to_bow", ToBow, 132, 9, false, 1, never}, {"to_stern", ToStern, 141, 9, false, 1, never},
		{"to_port", ToPort, 150, 6, false, 1, never}, {"to_starboard", ToStarboard, 156, 6, false, 1, never},
	}}
	staticAuxiliary = layout{162, []row{ // of a craft that belongs to a ship
		{"", Part, 38, 2, false, 1, never}, {"shiptype", ShipType, 40, 8, false, 1, 0},
		{"vendorid", Vendor, 48, 18, false, 1, never}, {"model", Model, 66, 4, false, 1, never},
		{"serial", Serial, 70, 20, false, 1, never}, {"callsign", Callsign, 90, 42, false, 1, never},
		{"mothership_mmsi", Mothership, 132, 30, false, 1, 0},
	}}
	// longRange is in tenths of a minute, knots and degrees.
	longRange = layout{95, []row{
		{"accuracy", Accuracy, 38, 1, false, 1, never}, {"raim", RAIM, 39, 1, false, 1, never},
		{"status", Status, 40, 4, false, 1, 15},
		{"lon", Lon, 44, 18, true, 1000, 181 * 600}, {"lat", Lat, 62, 17, true, 1000, 91 * 600},
		{"speed", Speed, 79, 6, false, 10, 63}, {"course", Course, 85, 9, false, 10, 511},
		{"gnss", OldPosition, 94, 1, false, 1, never},
	}}
)

// layoutOf is nil for a type that is not taken apart.
func layoutOf(kind uint8, mmsi uint32, part uint32) *layout {
	switch kind {
	case 1, 2, 3:
		return &classA
	case 4, 11:
		return &base
	case 5:
		return &static
	case 9:
		return &aircraft
	case 18:
		return &classB
	case 19:
		return &classBLong
	case 21:
		return &aid
	case 24:
		switch {
		case part == 0:
			return &staticA
		case part == 1 && mmsi/10_000_000 == 98:
			return &staticAuxiliary
		case part == 1:
			return &staticB
		}
	case 27:
		return &longRange
	}
	return nil
}

// TypeName says what a type is, "" for a number that is none.
func TypeName(kind uint8) string {
	names := [...]string{"", "position of a class A vessel", "position of a class A vessel, assigned schedule",
		"position of a class A vessel, on request", "base station", "static and voyage data", "addressed binary message",
		"acknowledgement", "binary broadcast", "search and rescue aircraft", "request for the time", "time on request",
		"addressed safety text", "acknowledgement of a safety text", "safety text", "interrogation", "assignment of a mode",
		"differential corrections", "position of a class B vessel", "position of a class B vessel, extended",
		"reservation of slots", "aid to navigation", "channel management", "assignment to a group", "static data of a class B vessel",
		"binary message of one slot", "binary message of several slots", "position for long range"}
	if int(kind) >= len(names) {
		return ""
	}
	return names[kind]
}
