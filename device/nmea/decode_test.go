package nmea

import (
	"reflect"
	"testing"
)

// dec is a Decimal as a test writes it.
func dec(mantissa int64, digits uint8) Decimal { return Decimal{mantissa, digits, true} }

// TestDecode takes one real sentence of each type apart, then one with every
// field empty: what is empty must be absent, never nought.
func TestDecode(t *testing.T) {
	here := Position{40035085500, -75520093667, true}
	tests := []struct {
		in   string
		into interface{ Parse(*Sentence) Fault }
		want any
	}{
		{"GPGGA,143252.00,4002.10513,N,07531.20562,W,1,07,1.72,183.8,M,-34.4,M,7.6,0133", &GGAData{},
			GGAData{52372000, here, 1, 7, dec(172, 2), dec(1838, 1), dec(-344, 1), dec(76, 1)}},
		{"GPGGA,,,,,,,,,,,,,,", &GGAData{},
			GGAData{Time: NoTime, Quality: None, Sats: None}},
		{"GPRMC,143252.00,A,4002.10513,N,07531.20562,W,0.016,54.7,241013,11.9,W,A,V", &RMCData{},
			RMCData{52372000, 'A', here, dec(16, 3), dec(547, 1), 16002, 'A', 'V'}},
		{"GPRMC,,,,,,,,,,,", &RMCData{}, RMCData{Time: NoTime, Date: NoDate}},
		{"GNGNS,143252.00,4002.10513,N,07531.20562,W,NA,19,0.6,406.110,-26.294,6.0,0138,S", &GNSData{},
			GNSData{52372000, here, 'A', 19, dec(6, 1), dec(406110, 3), dec(-26294, 3), 'S'}},
		{"GNGNS,053229.438,,,,,NNNN,00,,,0.0,,0000", &GNSData{},
			GNSData{Time: 19949438, Mode: 'N', Sats: 0, Geoid: dec(0, 1)}},
		{"GNGNS,,,,,,,,,,,,", &GNSData{}, GNSData{Time: NoTime, Sats: None}},
		{"GPGSA,A,3,28,17,01,08,09,11,32,,,,,,2.94,1.72,2.39", &GSAData{},
			GSAData{3, 7, true, dec(294, 2), dec(172, 2), dec(239, 2)}},
		{"GNGSA,A,3,13,12,22,19,08,21,,,,,,,1.05,0.64,0.83,4", &GSAData{},
			GSAData{3, 6, true, dec(105, 2), dec(64, 2), dec(83, 2)}},
		{"GPGSA,A,3,27,23,13,07,25,,,,,,,,,,,,,,,,,,,,07.9,06.0,05.2", &GSAData{},
			GSAData{3, 5, true, dec(79, 1), dec(60, 1), dec(52, 1)}},
		{"GPGSA,A,1,,,,", &GSAData{}, GSAData{Mode: 1}},
		{"GPGSA,A,,,,,,,,,,,,,,,,", &GSAData{}, GSAData{Mode: None, Whole: true}},
		{"GPGSA,A,7,,,,,,,,,,,,,,,", &GSAData{}, GSAData{Mode: None, Whole: true}},
		{"GPVTG,54.7,T,34.4,M,5.5,N,10.2,K,A", &VTGData{}, VTGData{dec(547, 1), dec(55, 1), dec(102, 1), 'A'}},
		{"GPVTG,054.7,034.4,005.5,010.2", &VTGData{}, VTGData{dec(547, 1), dec(55, 1), dec(102, 1), 0}},
		{"GPVTG,,,,,,,,,N", &VTGData{}, VTGData{Mode: 'N'}},
		{"GPGLL,4002.10513,N,07531.20562,W,143252.00,A,D", &GLLData{}, GLLData{here, 52372000, 'A', 'D'}},
		{"GPGLL,4002.10513,N,07531.20562,W", &GLLData{}, GLLData{Position: here, Time: NoTime}},
		{"GPZDA,160012.71,11,03,2004,-1,00", &ZDAData{}, ZDAData{57612710, 12488}},
		{"GPZDA,160012.71,,,,,", &ZDAData{}, ZDAData{57612710, NoDate}},
		{"GPGST,082356.00,1.8,,,,1.7,1.3,2.2", &GSTData{}, GSTData{30236000, dec(17, 1), dec(13, 1), dec(22, 1)}},
		{"GPGST,082356.00,,,,,,,", &GSTData{}, GSTData{Time: 30236000}},
		{"GPGBS,082941.00,2.4,1.5,3.9,25,,-43.7,27.5", &GBSData{}, GBSData{30581000, dec(24, 1), dec(15, 1), dec(39, 1), 25}},
		{"GPGBS,,,,,,,,", &GBSData{}, GBSData{Time: NoTime, Failed: None}},
	}
	for _, tt := range tests {
		var s Sentence
		s.split('$', []byte(tt.in))
		if fault := tt.into.Parse(&s); fault != 0 {
			t.Errorf("%s: fault %d", tt.in, fault)
		}
		if got := reflect.ValueOf(tt.into).Elem().Interface(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.in, got, tt.want)
		}
	}
}

// TestDecodeFault: one bad field is absent and told, the others stand.
func TestDecodeFault(t *testing.T) {
	var s Sentence
	s.split('$', []byte("GPRMC,143252.00,A,9102.10513,N,07531.20562,W,fast,54.7,241313,,,A"))
	var r RMCData
	if fault := r.Parse(&s); fault != Malformed|OutOfRange {
		t.Errorf("fault %d, want both", fault)
	}
	if r.Position.Present || r.Speed.Present || r.Date != NoDate || !r.Course.Present || r.Time != 52372000 {
		t.Errorf("got %+v", r)
	}
}
