package web

// positionWords are those of what receivers of positions see, and of where they were.
type positionWords struct {
	Position, Fix2D, Fix3D, NoFix, NoFixYet, FixQuiet, FixDeaf, FixSearching, UsedOf           string
	Coordinates, LastCoordinates, Accuracy, Altitude, Speed, PositionAge, JustNow, HDOP, Metre string

	Sky, SkyDrawn, NoSky, RingsAre, FilledIsUsed, SizeIsSignal, SkyTable, SkyCaption string
	Constellation, SatNumber, Elevation, Azimuth, Signal, InFix, Yes, No             string
	North, East, South, West                                                         string

	Track, TrackDrawn, TrackAbout, NoTrack, ExportGPX, TrackFades, TrackFences string
}

func englishPosition() positionWords {
	return positionWords{
		Position: "Position", Fix2D: "2D fix", Fix3D: "3D fix", NoFix: "No fix",
		NoFixYet: "Nothing that tells of a position has come from the receiver yet.", FixQuiet: "The receiver has told nothing for {age}.",
		FixDeaf:      "The receiver hears no satellite. Give the antenna a free view of the sky, and check its plug.",
		FixSearching: "It is searching. The strongest satellite has {n} dB-Hz; four above about 30 are needed.", UsedOf: "{used} of {heard} satellites heard are used",
		Coordinates: "Latitude, longitude", LastCoordinates: "Last latitude, longitude", Accuracy: "Accuracy", Altitude: "Above the sea", Speed: "Speed", PositionAge: "Age of the position", JustNow: "just now", HDOP: "HDOP", Metre: "{n} m",

		Sky: "Satellites", SkyDrawn: "The sky as {name} sees it: {used} of {heard} satellites heard are used", NoSky: "The receiver does not tell of satellites.",
		RingsAre: "The rim is the horizon, the middle straight up; the rings are 30° and 60° up.", FilledIsUsed: "Filled: used in the fix", SizeIsSignal: "the bigger, the stronger",
		SkyTable: "As a table", SkyCaption: "Satellites that {name} tells of",
		Constellation: "System", SatNumber: "Number", Elevation: "Elevation", Azimuth: "Azimuth", Signal: "dB-Hz", InFix: "Used", Yes: "yes", No: "no",
		North: "N", East: "E", South: "S", West: "W",

		Track: "Track of the last day", TrackDrawn: "Where {name} was in the last {age}: {wide} from west to east, {high} from south to north", TrackAbout: "The line is true to {error}.",
		NoTrack: "There has been no position yet.", ExportGPX: "Save as GPX", TrackFades: "What is older is fainter.", TrackFences: "Dashed: fences.",
	}
}

func finnishPosition() positionWords {
	return positionWords{
		Position: "Sijainti", Fix2D: "2D-paikannus", Fix3D: "3D-paikannus", NoFix: "Ei paikannusta",
		NoFixYet: "Vastaanottimesta ei ole vielä tullut sijaintia koskevaa tietoa.", FixQuiet: "Vastaanotin on ollut vaiti {age}.",
		FixDeaf:      "Vastaanotin ei kuule yhtään satelliittia. Siirrä antenni niin, että taivas näkyy esteettä, ja tarkista antennin liitin.",
		FixSearching: "Paikannusta haetaan. Vahvimman satelliitin signaali on {n} dB-Hz; tarvitaan neljä, joilla se on yli noin 30.", UsedOf: "käytössä {used} satelliittia, kuuluvissa {heard}",
		Coordinates: "Leveysaste, pituusaste", LastCoordinates: "Viimeisin leveysaste, pituusaste", Accuracy: "Tarkkuus", Altitude: "Korkeus merenpinnasta", Speed: "Nopeus", PositionAge: "Sijainnin ikä", JustNow: "juuri nyt", HDOP: "HDOP", Metre: "{n} m",

		Sky: "Satelliitit", SkyDrawn: "Taivas, jonka {name} näkee: käytössä {used} satelliittia, kuuluvissa {heard}", NoSky: "Vastaanotin ei kerro satelliiteista.",
		RingsAre: "Reuna on taivaanranta ja keskikohta suoraan ylhäällä; renkaat ovat 30° ja 60° korkeudella.", FilledIsUsed: "Täytetty: käytössä paikannuksessa", SizeIsSignal: "mitä suurempi, sitä vahvempi",
		SkyTable: "Taulukkona", SkyCaption: "Satelliitit, joista {name} kertoo",
		Constellation: "Järjestelmä", SatNumber: "Numero", Elevation: "Korkeuskulma", Azimuth: "Suuntakulma", Signal: "dB-Hz", InFix: "Käytössä", Yes: "kyllä", No: "ei",
		North: "P", East: "I", South: "E", West: "L",

		Track: "Viimeisen vuorokauden reitti", TrackDrawn: "Missä {name} on ollut, kesto {age}: lännestä itään {wide}, etelästä pohjoiseen {high}", TrackAbout: "Viiva pitää paikkansa {error} tarkkuudella.",
		NoTrack: "Sijaintia ei ole vielä saatu.", ExportGPX: "Tallenna GPX-tiedostona", TrackFades: "Vanhempi osuus on haaleampi.", TrackFences: "Katkoviiva: aitaukset.",
	}
}
