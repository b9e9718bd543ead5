package web

// words is everything that the page says in one language, but for the problems, which
// catalogue.fi.json has in Finnish. {places} are filled in; a test holds that no language
// lacks a word or a place.
type words struct {
	_ [0]func() // never compared: the comparison would be 8 kB of program

	pagesWords
	supportWords

	Lang, Other, OtherName string // this language, the other one, and what that calls itself

	// Numbers and lengths of time.
	Decimal, Minute, Hour, Day, Never, Ago, Unknown string

	// The frame of the page.
	SkipTo, Updated, Reload, Live, Gone, Ended, SignOut, RoleView, RoleAct, Started, Version, Identity, Up, ClockGood, ClockBad string

	// The glance.
	Working, WorkingBut, NotWorking, Starting                                                       string
	Reach, Connecting, StoppedNow, NoServer, NothingToDo, Resting, Offline, OfflineFull, OfflineFor string
	WaitOne, WaitMany, LostNone, LostSome                                                           string

	// The sections.
	Problems, NoProblems, WhatToDo, Since, SinceClock, SeverityError, SeverityWarning, SeverityInfo, ImpactsData string

	Link, LinkState, Server, RoundTrip, Proof, ProofFence, ProofCount, ProofEnvelope, ProofNone, ProofAnswer string
	NextTry, Opens, Connects, Sent, LastEnd, LastEndNone, LastEndAt, Online, Linking, Waiting, Parked, Off   string

	Buffer, WaitingN, Delivered, Lost, Read, SetAside, Resent, Oldest, Fill, FillOf, Room, NoRoom, LostWhy, Reason, Count string
	ReasonFull, ReasonAge, ReasonRate, ReasonMemory, ReasonIO, ReasonCorrupt, ReasonRollback, ReasonShrink                string

	Devices, DevicesCaption, NoDevices, Device, State, LastReading, Rate, ReadN, Unusable, PerSecond  string
	DeviceOK, DeviceMissing, DeviceBusy, DeviceSilent, DeviceGarbage, DeviceStarting, PortAt, AtSpeed string

	positionWords

	// Signing in.
	SignIn, SignInTitle, SignInText, NotSignedIn, HowToSignIn, SignedOut, LinkOverTitle, LinkOverText, TooManyTitle, TooManyText string

	plotWords
}

func english() *words {
	return &words{
		positionWords: englishPosition(),
		supportWords:  supportEnglish(),
		pagesWords:    pagesEnglish(),
		Lang:          "en", Other: "fi", OtherName: "Suomeksi",
		Decimal: ".", Minute: "min", Hour: "h", Day: "d", Never: "never", Ago: "{age} ago", Unknown: "not known",
		SkipTo: "Skip to the content", Updated: "Figures of {time}.", Reload: "Reload the page for new figures.",
		Live:  "The figures are kept fresh.",
		Gone:  "No connection to the gateway for {age} s. The figures are old.",
		Ended: "This page is no longer kept fresh: you were signed out, or too many pages are open. Reload it.", SignOut: "Sign out",
		RoleView: "You may look.", RoleAct: "You may act.", Started: "Started", Version: "Version", Identity: "Id", Up: "Runs for", ClockGood: "Clock is set ({source})", ClockBad: "Clock is not set",

		Working: "Working", WorkingBut: "Working, but see below", NotWorking: "Not working", Starting: "Starting",
		Reach: "Readings reach the server, {lost}.", Connecting: "Connecting; {wait}, {lost}.", StoppedNow: "Stopped; {wait}, {lost}.",
		NoServer: "No server is set; {wait}, {lost}.", NothingToDo: "Nothing to do: no device and no server is set; {wait}, {lost}.",
		Resting: "Outside the uplink hours, which begin in {age}; {wait}, {lost}.", Offline: "Not connected, {wait}, {lost}.",
		OfflineFull: "Not connected, {wait}, {lost}; no room for more.", OfflineFor: "Not connected, {wait}, {lost}; room for about {room}.",
		WaitOne: "{n} reading waits", WaitMany: "{n} readings wait", LostNone: "nothing lost", LostSome: "{n} lost",

		Problems: "Problems", NoProblems: "There are no open problems.", WhatToDo: "What to do", Since: "for {age}", SinceClock: "since {time} ({age})",
		SeverityError: "Act", SeverityWarning: "Watch", SeverityInfo: "Note", ImpactsData: "Readings are or may be lost.",

		Link: "Link", LinkState: "State", Server: "Server", RoundTrip: "Round trip", Proof: "Delivery",
		ProofFence: "proven by ping and pong", ProofCount: "counted by the server", ProofEnvelope: "acknowledged by the server", ProofNone: "not proven", ProofAnswer: "the server's answer to each request",
		NextTry: "Next try in", Opens: "Uplink hours begin in", Connects: "Connections since the start", Sent: "Sent since the start",
		LastEnd: "Last outage", LastEndNone: "none since the start", LastEndAt: "until {time}: {why}", Online: "Online", Linking: "Connecting", Waiting: "Offline", Parked: "Offline, a person has to act", Off: "Off",

		Buffer: "Readings", WaitingN: "Waiting", Delivered: "Delivered", Lost: "Lost", Read: "Read", SetAside: "Set aside, refused by the server", Resent: "Sent again",
		Oldest: "Oldest waiting", Fill: "Buffer", FillOf: "{used} of {all} ({percent} %)", Room: "Room for about", NoRoom: "no room for more",
		LostWhy: "Lost readings by reason", Reason: "Reason", Count: "Readings",
		ReasonFull: "the buffer was full", ReasonAge: "older than max_age", ReasonRate: "faster than rate_limit", ReasonMemory: "the disk was too slow and memory was full",
		ReasonIO: "the disk failed", ReasonCorrupt: "a file was damaged", ReasonRollback: "the buffer was set back to an older state", ReasonShrink: "max_size was lowered",

		Devices: "Devices", DevicesCaption: "Devices, how they are, and when each was last read", NoDevices: "No device is configured.",
		Device: "Device", State: "State", LastReading: "Last read", Rate: "Rate", ReadN: "Readings", Unusable: "Bad frames", PerSecond: "{n}/s",
		DeviceOK: "OK", DeviceMissing: "Missing", DeviceBusy: "Busy", DeviceSilent: "Silent", DeviceGarbage: "Unreadable", DeviceStarting: "Starting", PortAt: "{type} on {port}", AtSpeed: "{type} on {port}, {baud} baud",

		SignIn: "Sign in", SignInTitle: "Sign in to this gateway", SignInText: "This link signs in one browser, once. You stay signed in for 12 hours.",
		NotSignedIn: "You are not signed in", HowToSignIn: "There is no password. On the gateway, make a link and open it in this browser:", SignedOut: "You are signed out",
		LinkOverTitle: "This link is no longer good", LinkOverText: "A link is good once and for ten minutes. On the gateway, make another one:",
		TooManyTitle: "Too many tries", TooManyText: "Too many links were refused. Wait a minute, then try again with a fresh one.",

		plotWords: englishPlots(),
	}
}

func finnish() *words {
	return &words{
		positionWords: finnishPosition(),
		supportWords:  supportFinnish(),
		pagesWords:    pagesFinnish(),
		Lang:          "fi", Other: "en", OtherName: "In English",
		Decimal: ",", Minute: "min", Hour: "t", Day: "vrk", Never: "ei koskaan", Ago: "{age} sitten", Unknown: "ei tiedossa",
		SkipTo: "Siirry sisältöön", Updated: "Tiedot ajalta {time}.", Reload: "Uudet tiedot saat lataamalla sivun uudelleen.",
		Live:  "Tiedot päivittyvät itsestään.",
		Gone:  "Yhdyskäytävään ei ole ollut yhteyttä {age} sekuntiin. Tiedot ovat vanhentuneita.",
		Ended: "Tämä sivu ei enää päivity: olet kirjautunut ulos tai sivuja on auki liian monta. Lataa sivu uudelleen.", SignOut: "Kirjaudu ulos",
		RoleView: "Katseluoikeus.", RoleAct: "Katselu- ja ohjausoikeus.", Started: "Käynnistetty", Version: "Versio", Identity: "Tunnus", Up: "Käynnissä", ClockGood: "Kello on ajassa ({source})", ClockBad: "Kelloa ei ole asetettu",

		Working: "Toimii", WorkingBut: "Toimii, mutta katso alta", NotWorking: "Ei toimi", Starting: "Käynnistyy",
		Reach: "Lukemat menevät perille palvelimelle, {lost}.", Connecting: "Yhteyttä muodostetaan; {wait}, {lost}.", StoppedNow: "Pysäytetty; {wait}, {lost}.",
		NoServer: "Palvelinta ei ole määritetty; {wait}, {lost}.", NothingToDo: "Ei tehtävää: laitteita ja palvelinta ei ole määritetty; {wait}, {lost}.",
		Resting: "Lähetysaika alkaa vasta {age} kuluttua; {wait}, {lost}.", Offline: "Ei yhteyttä, {wait}, {lost}.",
		OfflineFull: "Ei yhteyttä, {wait}, {lost}; lisää ei mahdu.", OfflineFor: "Ei yhteyttä, {wait}, {lost}; tilaa riittää noin {room}.",
		WaitOne: "{n} lukema odottaa", WaitMany: "{n} lukemaa odottaa", LostNone: "mitään ei ole kadonnut", LostSome: "kadonneita {n}",

		Problems: "Ongelmat", NoProblems: "Avoimia ongelmia ei ole.", WhatToDo: "Mitä tehdä", Since: "kestänyt {age}", SinceClock: "{time} alkaen ({age})",
		SeverityError: "Toimi", SeverityWarning: "Seuraa", SeverityInfo: "Tiedoksi", ImpactsData: "Lukemia katoaa tai voi kadota.",

		Link: "Yhteys", LinkState: "Tila", Server: "Palvelin", RoundTrip: "Vasteaika", Proof: "Toimituksen varmistus",
		ProofFence: "pingin vastauksesta", ProofCount: "palvelin laskee viestit", ProofEnvelope: "palvelin kuittaa viestit", ProofNone: "ei varmistusta", ProofAnswer: "palvelimen vastauksesta",
		NextTry: "Aikaa seuraavaan yritykseen", Opens: "Aikaa lähetysajan alkuun", Connects: "Yhteyksiä käynnistyksen jälkeen", Sent: "Lähetetty käynnistyksen jälkeen",
		LastEnd: "Viimeisin katkos", LastEndNone: "ei katkoksia käynnistyksen jälkeen", LastEndAt: "klo {time} asti: {why}", Online: "Yhteys toimii", Linking: "Yhteyttä muodostetaan", Waiting: "Ei yhteyttä", Parked: "Ei yhteyttä, vaatii toimenpiteitä", Off: "Ei käytössä",

		Buffer: "Lukemat", WaitingN: "Odottaa", Delivered: "Perillä", Lost: "Kadonnut", Read: "Luettu", SetAside: "Siirretty sivuun, palvelin hylkäsi", Resent: "Lähetetty uudelleen",
		Oldest: "Vanhin odottava", Fill: "Puskuri", FillOf: "{used} / {all} ({percent} %)", Room: "Tilaa riittää noin", NoRoom: "lisää ei mahdu",
		LostWhy: "Kadonneet lukemat syyn mukaan", Reason: "Syy", Count: "Lukemia",
		ReasonFull: "puskuri oli täynnä", ReasonAge: "vanhempia kuin max_age", ReasonRate: "tiheämmin kuin rate_limit sallii", ReasonMemory: "levy oli liian hidas ja muisti täynnä",
		ReasonIO: "levyvika", ReasonCorrupt: "tiedosto oli vioittunut", ReasonRollback: "puskuri palautettiin vanhempaan tilaan", ReasonShrink: "max_size-asetusta pienennettiin",

		Devices: "Laitteet", DevicesCaption: "Laitteet, niiden tila ja milloin kutakin on viimeksi luettu", NoDevices: "Laitteita ei ole määritetty.",
		Device: "Laite", State: "Tila", LastReading: "Viimeksi luettu", Rate: "Tahti", ReadN: "Lukemia", Unusable: "Virheellisiä", PerSecond: "{n}/s",
		DeviceOK: "Kunnossa", DeviceMissing: "Puuttuu", DeviceBusy: "Varattu", DeviceSilent: "Ei lähetä", DeviceGarbage: "Lukukelvotonta dataa", DeviceStarting: "Käynnistyy", PortAt: "{type} portissa {port}", AtSpeed: "{type} portissa {port}, {baud} baudia",

		SignIn: "Kirjaudu sisään", SignInTitle: "Kirjaudu tähän yhdyskäytävään", SignInText: "Tämä linkki kirjaa sisään yhden selaimen kerran. Kirjautuminen on voimassa 12 tuntia.",
		NotSignedIn: "Et ole kirjautunut sisään", HowToSignIn: "Salasanaa ei ole. Luo yhdyskäytävässä linkki ja avaa se tällä selaimella:", SignedOut: "Olet kirjautunut ulos",
		LinkOverTitle: "Linkki ei enää kelpaa", LinkOverText: "Linkki kelpaa kerran ja kymmenen minuutin ajan. Luo yhdyskäytävässä uusi:",
		TooManyTitle: "Liian monta yritystä", TooManyText: "Liian monta linkkiä hylättiin. Odota minuutti ja yritä sitten uudella linkillä.",

		plotWords: finnishPlots(),
	}
}
