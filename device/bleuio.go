package device

import (
	"bytes"
	"fmt"
	"time"
)

const (
	bleuioDialect = "bleuio"
	bleuioSteps   = 6 // commands
	// bleuioAnswer is how long an answer is waited for. The maker's own examples
	// wait half a second from one command to the next.
	bleuioAnswer = 500 * time.Millisecond
	// bleuioSilence is how long a scan may bring nothing. Among people something
	// is heard every second; after that long the dongle has been restarted, or
	// its scan has stalled.
	bleuioSilence = 30 * time.Second
)

// bleuioCommands make a BleuIO dongle scan, whatever it was doing: stop (control
// and C), no echo, lines of JSON, the role that can scan, the loudness in each
// line, and all advertisements.
func bleuioCommands() [bleuioSteps]string {
	return [...]string{"\x03", "ATE0\r", "ATV1\r", "AT+CENTRAL\r", "AT+SHOWRSSI1\r", "AT+FINDSCANDATA\r"}
}

// bleuio is how far a BleuIO dongle has got, Smart Sensor Devices' USB receiver,
// which understands AT commands
// (https://www.bleuio.com/getting_started/docs/commands/). With ATV1 each answer
// is a line of JSON: C repeats the command, A takes it or not, R is the answer,
// E the end; scans bring
//
//	{"SF":6,"rssi":-61,"addr":"[1]CB:B8:33:4C:88:4F","data":"0201061BFF9904..."}
//
// and end with SE. [0] is a public address, [1] a random one. Before ATV1 the
// answers are words, so that a command is over with any line or with bleuioAnswer.
// When the scan ends, or brings nothing for bleuioSilence, all is said again. A
// dongle that restarts leaves the USB and comes back as another port, which is
// opened anew.
//
// None of it was run with a dongle: the form of the lines is the maker's
// description's.
type bleuio struct {
	now   func() time.Time
	begun bool
	step  int // of bleuioCommands, those that have been written
	due   time.Time
	over  bool // the scan has ended
}

// drive writes the next command when its time has come, and sets how long may
// be read until then. It may be called on nil.
func (d *bleuio) drive(port Port) error {
	if d == nil {
		return nil
	}
	now, commands := d.now(), bleuioCommands()
	if !d.begun || d.over || d.step == bleuioSteps && !now.Before(d.due) {
		d.begun, d.over, d.step, d.due = true, false, 0, now
	}
	if d.step < bleuioSteps && !now.Before(d.due) {
		if _, err := port.Write([]byte(commands[d.step])); err != nil {
			return fmt.Errorf("cannot tell the BleuIO dongle to scan: %w", err)
		}
		d.step++
		d.due = now.Add(bleuioAnswer)
		if d.step == bleuioSteps {
			d.due = now.Add(bleuioSilence)
		}
	}
	if err := port.SetReadDeadline(d.due); err != nil {
		return fmt.Errorf("cannot wait for the BleuIO dongle: %w", err)
	}
	return nil
}

// heard notes what a line says about the scan.
func (d *bleuio) heard(line []byte) {
	switch {
	case d == nil:
	case bytes.HasPrefix(line, []byte(`{"SE"`)):
		d.over = d.step == bleuioSteps
	case bytes.HasPrefix(line, []byte(`{"S`)) && d.step == bleuioSteps:
		d.due = d.now().Add(bleuioSilence)
	case bytes.HasPrefix(line, []byte(`{"E"`)) && d.step < bleuioSteps:
		d.due = d.now()
	}
}
