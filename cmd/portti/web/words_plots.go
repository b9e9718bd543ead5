package web

import (
	"cmp"

	"portti/cmd/portti/status"
)

// plotWords are the words of the plots: the link's last day, the buffer, the rates.
type plotWords struct {
	// The link's last day.
	DayTitle, DaySummary, DayOutages, DayOneOutage, DayNoOutage, DayAgo, Now                        string
	KeyOnline, KeyLinking, KeyWaiting, KeyParked, KeyRest, KeyOff, KeyNothing                       string
	OutagesTitle, OutagesEarlier, OutagesShort, OutagesOneShort, OutagePrevious, OutageNext, Choose string

	// What became of an outage. Out... are whole sentences, the others their parts.
	OutDown, OutPlanned, OutStart, OutFor, OutForStill, OutForUntil, OutSince, OutSinceStart, OutStartTo, OutFromTo, OutRange string
	OutToday, OutYesterday, OutDay, OutDayLayout, OutClock, OutWhy                                                            string
	WaitedNone, WaitedOne, WaitedMany, SoFar, BeingDelivered, NoneDelivered, AllDelivered, OneDelivered, OthersDelivered      string
	DeliveredBy, DeliveredAgo, LostUnknown, LostNoneYet, LostNoneThen, LostThen, LostAtLeast                                  string

	// The buffer and the rates.
	PlotTitle, PlotNow, PlotMost, PlotMostAgo, PlotLost, PlotNone, PlotDay, PlotHour, PlotSpan, PlotIn, PlotOut, PlotFill, PlotPoint, SparkText, SparkHour string
}

func englishPlots() plotWords {
	return plotWords{
		DayTitle: "The last 24 hours", DaySummary: "The link over the last 24 hours: online for {online}, {outages}.",
		DayOutages: "{n} times without a connection", DayOneOutage: "once without a connection", DayNoOutage: "never without a connection", DayAgo: "−{n} h", Now: "now",
		KeyOnline: "Online", KeyLinking: "Connecting", KeyWaiting: "No connection", KeyParked: "No connection, a person has to act", KeyRest: "Outside the uplink hours", KeyOff: "Off", KeyNothing: "Nothing known",
		OutagesTitle: "Without a connection", OutagesEarlier: "{n} earlier", OutagesShort: "{n} times for less than a minute, nothing lost.", OutagesOneShort: "Once for less than a minute, nothing lost.",
		OutagePrevious: "Earlier", OutageNext: "Later", Choose: "Tap the drawing to see why the link was down.",

		OutDown: "Link down", OutPlanned: "Outside the uplink hours", OutStart: " from the start",
		OutFor: "{what}{start} for {lasted}{why}.", OutForStill: "{what}{start} for {lasted}{why}.", OutForUntil: "{what}{start} for {lasted}, until {ended} ago{why}.",
		OutSince: "{what} since {begin}, for {lasted}{why}.", OutSinceStart: "{what} since the start at {begin}, for {lasted}{why}.",
		OutStartTo: "{what} from the start at {begin} to {end}{why}.", OutFromTo: "{what} {begin} to {end}{why}.", OutRange: "{what} {begin}-{end}{why}.",
		OutToday: "{time}", OutYesterday: "yesterday {time}", OutDay: "{day} {time}", OutDayLayout: "2 Jan", OutClock: "{time}", OutWhy: " ({why})",
		WaitedNone: "No reading waited", WaitedOne: "{n} reading waited", WaitedMany: "{n} readings waited", SoFar: "{n} delivered so far, {left} still to go",
		BeingDelivered: "being delivered", NoneDelivered: "none of them delivered", AllDelivered: "all delivered", OneDelivered: "delivered", OthersDelivered: "the others delivered",
		DeliveredBy: "{which} by {time}", DeliveredAgo: "{which} {age} ago",
		LostUnknown: "an unknown number lost", LostNoneYet: "none lost so far", LostNoneThen: "none lost", LostThen: "{n} lost ({why})", LostAtLeast: "at least {n} lost ({why})",

		PlotTitle: "The last 24 hours", PlotNow: "Now {n} readings wait.", PlotMost: "At the most {n} waited, at {time}.", PlotMostAgo: "At the most {n} waited, {age} ago.", PlotLost: "{n} were lost.",
		PlotNone: "The plot begins when the gateway has run for some minutes.", PlotDay: "24 h", PlotHour: "1 h", PlotSpan: "How much of the past", PlotIn: "In", PlotOut: "Out", PlotFill: "Buffer",
		PlotPoint: "Moment", SparkText: "Readings a minute over the last {span}: {least} to {most}", SparkHour: "1 h",
	}
}

func finnishPlots() plotWords {
	return plotWords{
		DayTitle: "Viimeiset 24 tuntia", DaySummary: "Yhteys viimeisten 24 tunnin aikana: toiminut {online}, {outages}.",
		DayOutages: "{n} katkosta", DayOneOutage: "yksi katkos", DayNoOutage: "ei katkoksia", DayAgo: "−{n} t", Now: "nyt",
		KeyOnline: "Yhteys toimii", KeyLinking: "Yhteyttä muodostetaan", KeyWaiting: "Ei yhteyttä", KeyParked: "Ei yhteyttä, vaatii toimenpiteitä", KeyRest: "Lähetysajan ulkopuolella", KeyOff: "Ei käytössä", KeyNothing: "Ei tietoa",
		OutagesTitle: "Katkokset", OutagesEarlier: "{n} aiempaa", OutagesShort: "{n} alle minuutin katkosta, mitään ei kadonnut.", OutagesOneShort: "Yksi alle minuutin katkos, mitään ei kadonnut.",
		OutagePrevious: "Aiempi", OutageNext: "Myöhempi", Choose: "Napauta kuvaa, niin näet, miksi yhteys oli poikki.",

		OutDown: "Yhteys poikki", OutPlanned: "Lähetysajan ulkopuolella", OutStart: " käynnistyksestä alkaen",
		OutFor: "{what}{start}, kesto {lasted}{why}.", OutForStill: "{what}{start}, kestänyt {lasted}{why}.", OutForUntil: "{what}{start}, kesto {lasted}, päättyi {ended} sitten{why}.",
		OutSince: "{what} {begin} alkaen, kestänyt {lasted}{why}.", OutSinceStart: "{what} käynnistyksestä ({begin}) alkaen, kestänyt {lasted}{why}.",
		OutStartTo: "{what} käynnistyksestä ({begin}) alkaen, päättyi {end}{why}.", OutFromTo: "{what} {begin} – {end}{why}.", OutRange: "{what} klo {begin}–{end}{why}.",
		OutToday: "klo {time}", OutYesterday: "eilen klo {time}", OutDay: "{day} klo {time}", OutDayLayout: "2.1.", OutClock: "klo {time}", OutWhy: " ({why})",
		WaitedNone: "Yhtään lukemaa ei odottanut", WaitedOne: "{n} lukema odotti", WaitedMany: "{n} lukemaa odotti", SoFar: "tähän mennessä perillä {n}, matkalla vielä {left}",
		BeingDelivered: "toimitus on kesken", NoneDelivered: "yksikään niistä ei ole perillä", AllDelivered: "kaikki perillä", OneDelivered: "perillä", OthersDelivered: "muut perillä",
		DeliveredBy: "{which} {time} mennessä", DeliveredAgo: "{which} {age} sitten",
		LostUnknown: "kadonneiden määrä ei ole tiedossa", LostNoneYet: "toistaiseksi mitään ei ole kadonnut", LostNoneThen: "mitään ei kadonnut", LostThen: "kadonneita {n} ({why})", LostAtLeast: "kadonneita ainakin {n} ({why})",

		PlotTitle: "Viimeiset 24 tuntia", PlotNow: "Nyt odottaa {n} lukemaa.", PlotMost: "Enimmillään odotti {n}, klo {time}.", PlotMostAgo: "Enimmillään odotti {n}, {age} sitten.", PlotLost: "Kadonneita {n}.",
		PlotNone: "Kuvaaja alkaa, kun yhdyskäytävä on ollut käynnissä muutaman minuutin.", PlotDay: "24 t", PlotHour: "1 t", PlotSpan: "Kuvaajan pituus", PlotIn: "Sisään", PlotOut: "Ulos", PlotFill: "Puskuri",
		PlotPoint: "Hetki", SparkText: "Lukemia minuutissa viimeksi kuluneiden {span} aikana: {least}–{most}", SparkHour: "1 t",
	}
}

// outageReason is why a link was down, in a word or two.
func (w *words) outageReason(code string) string {
	if w.Lang == "en" {
		return status.ReasonWord(code)
	}
	return cmp.Or(finnishReasons()[code], status.ReasonWord(code))
}

func finnishReasons() map[string]string {
	return map[string]string{
		"NET-DNS": "DNS", "NET-NO-ROUTE": "ei verkkoa", "NET-REFUSED": "palvelin torjui yhteyden", "NET-TIMEOUT": "ei vastausta",
		"NET-PORTAL": "verkon kirjautumissivu", "NET-MTU": "suuret paketit katoavat", "NET-PROXY": "välityspalvelin", "NET-PROXY-AUTH": "välityspalvelimen kirjautuminen",
		"TLS-EXPIRED": "varmenne vanhentunut", "TLS-NOT-YET": "varmenne ei vielä voimassa", "TLS-UNKNOWN-CA": "tuntematon varmenne",
		"TLS-NAME": "toisen nimen varmenne", "TLS-FAILED": "TLS", "TLS-CLIENT": "oma varmenne", "TLS-PIN": "toinen varmenne",
		"UP-AUTH-REJECTED": "tunniste hylättiin", "UP-TOKEN-FILE": "tunniste puuttuu", "UP-FORBIDDEN": "ei sallittu", "UP-NO-PONG": "palvelin lakkasi vastaamasta",
		"UP-NOT-READING": "palvelin lakkasi lukemasta", "UP-SLOW": "palvelin liian hidas", "UP-FLAPPING": "yhteys katkeilee", "UP-IDLE-CUT": "katkaistu joutilaana",
		"UP-REDIRECT": "ohjattu muualle", "UP-RATE-LIMITED": "palvelin pyytää hidastamaan", "UP-TOO-MANY": "liikaa yhteyksiä", "UP-NOTFOUND": "väärä polku", "UP-NO-CONSUMER": "ei vastaanottajaa",
		"UP-ERROR": "palvelinvirhe", "UP-REFUSED": "palvelin kieltäytyi", "UP-TOO-BIG": "liian suuri kehys", "UP-PROTOCOL": "protokollavirhe", "UP-CLOSED": "palvelin sulki yhteyden",
		"UP-SILENT": "palvelin vaikeni", "UP-LOGGED-OUT": "kirjattu ulos", "UP-TAKEOVER": "toinen yhdyskäytävä samalla tunnuksella", "CLK-UNSET": "kelloa ei ole asetettu",
	}
}

// lossReason is why readings were lost, in a word or two.
func (w *words) lossReason(reason string) string {
	if w.Lang == "en" {
		return status.LossWord(reason)
	}
	return cmp.Or(map[string]string{
		status.LossFull: "puskuri täynnä", status.LossAge: "liian vanhoja", status.LossRate: "rate_limit", status.LossMemory: "levy liian hidas", status.LossIO: "levyvika",
		status.LossCorrupt: "vioittunut tiedosto", status.LossRollback: "puskuri palautettu", status.LossShrink: "max_size pienennetty",
	}[reason], status.LossWord(reason))
}
