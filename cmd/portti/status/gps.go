package status

import (
	"cmp"
	"fmt"
	"time"
)

// GPSSchema is the version of GPSDocument, whose fields are only ever added.
const GPSSchema = 1

// GPSDocument is what the receivers of positions see. It is a reading: who may not see
// readings is not given it. Whether anything is wrong with them stands in Document.
type GPSDocument struct {
	Schema  int       `json:"schema"`
	Time    time.Time `json:"time"`
	Devices []GPS     `json:"devices"` // those that send positions, in the order of the configuration; never nil
}

// The kinds of fix.
const (
	FixNone = "none"
	Fix2D   = "2D"
	Fix3D   = "3D"
)

// GPS is what one receiver tells.
type GPS struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Fix is what the receiver said last of whether it has one, AgeS ago; -1 = nothing yet.
	Fix  string  `json:"fix"`
	AgeS float64 `json:"age_s"`
	// Position is the last one; nil = there has been none since the start.
	Position *GPSPosition `json:"position,omitempty"`
	// PDOP is that of all three dimensions, nil = not told.
	PDOP       *float64    `json:"pdop,omitempty"`
	Satellites []Satellite `json:"satellites"`
	// Track is where it was in the last day, the oldest first, in at most 500 points; the
	// document Track has all that are kept.
	Track []TrackPoint `json:"track"`
}

// GPSPosition is a fix. What the receiver does not state is absent.
type GPSPosition struct {
	AgeS      float64    `json:"age_s"`
	Fix       string     `json:"fix"`
	Time      *time.Time `json:"time,omitempty"`     // the receiver's own
	Latitude  float64    `json:"latitude"`           // degrees WGS84, north positive
	Longitude float64    `json:"longitude"`          // east positive
	Altitude  *float64   `json:"altitude,omitempty"` // metres above the sea
	Accuracy  *float64   `json:"accuracy,omitempty"` // metres, horizontal, one standard deviation
	HDOP      *float64   `json:"hdop,omitempty"`
	Speed     *float64   `json:"speed,omitempty"`  // metres a second
	Course    *float64   `json:"course,omitempty"` // degrees true
	Used      *int       `json:"satellites_used,omitempty"`
}

// Satellite is one in view, or named as used.
type Satellite struct {
	System    string `json:"system"` // GPS, GLONASS, Galileo, BeiDou, QZSS, NavIC, SBAS, IMES
	ID        int    `json:"id"`
	Elevation *int   `json:"elevation,omitempty"` // degrees
	Azimuth   *int   `json:"azimuth,omitempty"`   // degrees true
	SNR       int    `json:"snr"`                 // dB-Hz, 0 = not heard
	Used      bool   `json:"used"`
}

// FixOld is after how many seconds a receiver's last word is not how it is now.
const FixOld = 10

// HasFix says whether the receiver told of a fix just now.
func (g *GPS) HasFix() bool { return g.Fix != FixNone && g.AgeS >= 0 && g.AgeS < FixOld }

// Count is how many satellites are used, and how many are heard.
func (g *GPS) Count() (used, heard int) {
	for _, s := range g.Satellites {
		if s.Used {
			used++
		}
		if s.SNR > 0 {
			heard++
		}
	}
	if p := g.Position; used == 0 && p != nil && p.Used != nil && g.HasFix() {
		used = *p.Used // no message says which
	}
	return used, heard
}

// Strongest is the best signal, 0 = none is heard.
func (g *GPS) Strongest() (snr int) {
	for _, s := range g.Satellites {
		snr = max(snr, s.SNR)
	}
	return snr
}

// Letter is the satellite's system as RINEX has it, "?" where that has none.
func (s *Satellite) Letter() string {
	letter := map[string]string{"GPS": "G", "GLONASS": "R", "Galileo": "E", "BeiDou": "C", "QZSS": "J", "NavIC": "I", "SBAS": "S"}[s.System]
	return cmp.Or(letter, "?")
}

// Label names a satellite as RINEX does: the letter of its system and its number.
func (s *Satellite) Label() string { return fmt.Sprintf("%s%02d", s.Letter(), s.ID) }
