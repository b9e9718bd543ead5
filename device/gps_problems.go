package device

func gpsProblems() []Problem {
	return []Problem{
		{Code: "GPS-JUMP", Title: "Position jumped",
			Sentence: "{subject}: the position jumped further than anything travels; it was sent with a mark.",
			Actions:  []string{"Check the antenna's view of the sky and its cable", "If it repeats in one place, something may disturb the satellites' signals there"}},
		{Code: "GPS-NO-FIX", Title: "No satellites", ImpactsData: true,
			Sentence: "{subject}: the receiver has lost its fix; no position is sent until it has one.",
			Actions:  []string{"Check the antenna's view of the sky and its cable"}},
		{Code: "GPS-ROLLOVER", Title: "Receiver's date is wrong",
			Sentence: "{subject}: the receiver's date is 1024 weeks behind, or a multiple of that. It is corrected here.",
			Actions:  []string{"Update the receiver's firmware, or replace the receiver"}},
		{Code: "GPS-TIME", Title: "Receiver and clock disagree",
			Sentence: "{subject}: the receiver's time is more than a minute off the clock's, which is trusted. Positions are dated by the clock.",
			Actions:  []string{"Check whether the device is a receiver and not a recording being played", "Check the clock: timedatectl"}},
	}
}
