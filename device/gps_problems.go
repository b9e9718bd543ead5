package device

func gpsProblems() []Problem {
	antenna := []string{"Check the antenna's view of the sky and its cable", "After a cold start a receiver needs up to 15 minutes; near a window, or with another antenna close by, it may find nothing at all"}
	clock := []string{"Check whether the device is a receiver and not a recording or a simulator", "Check the clock: `timedatectl`"}
	return []Problem{
		{Code: "GPS-AHEAD", Title: "Receiver is far ahead of the clock",
			Sentence: "{subject}: the receiver's time is more than a month ahead of this machine's clock and of the last good time. Nothing contradicts it, so it is believed.",
			Actions:  []string{"Nothing to do if this gateway was off for that long; otherwise compare with a clock, and let the gateway reach a time server: `timedatectl timesync-status`"}},
		{Code: "GPS-CHRONY", Title: "chronyd does not hear the receiver",
			Sentence: "{subject}: the receiver's time cannot be handed to chronyd, so it does not set this machine's clock. Readings are not affected.",
			Actions:  []string{"Add to /etc/chrony/chrony.conf: refclock SOCK /run/chrony.portti.sock refid GNSS offset 0.2 delay 0.4; then: `sudo systemctl restart chrony`", "Let this program write to that socket: docs/position.md has the lines for chrony.service", "Or remove clock_out from this device, then: `sudo portti reload`"}},
		{Code: "GPS-DATE", Title: "Receiver's date is not believed",
			Sentence: "{subject}: the receiver's date is in the past for certain, or more than two years ahead, and no multiple of 1024 weeks explains it. It does not set the clock, and positions dated by it carry their possible error in tsErr.",
			Actions:  append([]string{"Update the receiver's firmware, or replace the receiver"}, clock...)},
		{Code: "GPS-FROZEN", Title: "Receiver's time stands still", ImpactsData: true,
			Sentence: "{subject}: the receiver keeps sending the same time again and again; none of it is forwarded.",
			Actions:  []string{"Switch the receiver off and on again", "If it repeats, check its power supply, then replace it"}},
		{Code: "GPS-JAMMED", Title: "Satellites' signals are disturbed",
			Sentence: "{subject}: the receiver says that something disturbs the satellites' signals. Positions may be missing, or less exact than usual.",
			Actions:  []string{"Move the antenna away from transmitters, displays, USB 3 cables and switching power supplies", "If it comes and goes with the place, a transmitter nearby may be the cause; tell the authority for radio where that may be on purpose"}},
		{Code: "GPS-JUMP", Title: "Position jumped",
			Sentence: "{subject}: the position jumped farther than anything can travel. It was sent all the same, with jump = 1 where detail is not off.",
			Actions:  []string{"Check the antenna's view of the sky and its cable", "If it repeats in one place, something may disturb the satellites' signals there"}},
		{Code: "GPS-NO-FIX", Title: "No satellites", ImpactsData: true,
			Sentence: "{subject}: the receiver has no fix; no position is sent until it has one.",
			Actions:  antenna},
		{Code: "GPS-ROLLOVER", Title: "Receiver's date is wrong",
			Sentence: "{subject}: the receiver's date is 1024 weeks behind, or a multiple of that. It is corrected here.",
			Actions:  []string{"Update the receiver's firmware, or replace the receiver"}},
		{Code: "GPS-SETUP", Title: "Receiver is not set up",
			Sentence: "{subject}: the receiver does not answer, or refuses a part of what setup says. What it sends is read all the same.",
			Actions:  []string{"See in the log what it refuses: a receiver may be too old for a message, or have no such constellation", "Check that the line to the receiver is connected, not only the one from it, and that it is a u-blox receiver"}},
		{Code: "GPS-SPOOFED", Title: "Satellites' signals may be false",
			Sentence: "{subject}: the receiver says that something imitates the satellites' signals. Its positions and its time may be false; they are sent on.",
			Actions:  []string{"Do not rely on positions and times of this receiver while this lasts", "Compare with another receiver, elsewhere, and with the clock: `timedatectl timesync-status`"}},
		{Code: "GPS-STUCK", Title: "Position stands still", ImpactsData: true,
			Sentence: "{subject}: the receiver repeats one position to the last digit while it says that it moves, or for half a day with nothing else changing either. It was sent all the same.",
			Actions:  []string{"Switch the receiver off and on again", "Check whether the device is a receiver and not a simulator"}},
		{Code: "GPS-TIME", Title: "Receiver and clock disagree",
			Sentence: "{subject}: the receiver's time is more than a minute off the clock, which is trusted. Positions are dated by the clock.",
			Actions:  clock},
	}
}
