package web

// supportWords are those of the page with what somebody takes along.
type supportWords struct {
	Support, SupportBack, SupportOnlyActs string

	SupportFile, SupportFileText, SupportPrivate, SupportFileGet, SupportLook, SupportMore string

	SupportReadings, SupportReadingsText, SupportHeld, SupportRead, SupportFromTo, SupportReadingsGet, SupportNothing string
	SupportCut, SupportUndated, SupportImport, SupportStick                                                           string

	SupportBusyTitle, SupportBusyText, SupportFailedTitle, SupportFailedText string
}

func supportEnglish() supportWords {
	return supportWords{
		Support: "Support", SupportBack: "Back to the page", SupportOnlyActs: "This session may only look. For one that may download, make a link on the gateway:",

		SupportFile:     "Support file",
		SupportFileText: "One file for whoever helps you: state, problems, configuration, figures and what the machine is like. Secrets are taken out, and no readings are in it.",
		SupportPrivate:  "Leave out positions, ids and addresses", SupportFileGet: "Download the support file",
		SupportLook: "Nothing is sent anywhere: look into the file, then pass it on yourself.",
		SupportMore: "Of the log the newest lines alone are in it, and nothing that only root may read. A file with all of it, made on the gateway:",

		SupportReadings:     "Waiting readings",
		SupportReadingsText: "Copies all readings that wait into one file, which another gateway can deliver. Nothing is removed here, and this gateway goes on. Whoever has the file can read them.",
		SupportHeld:         "Delivered, still held", SupportRead: "These are from", SupportFromTo: "{from} to {to}",
		SupportReadingsGet: "Download {n} readings", SupportNothing: "No readings wait.",
		SupportUndated: "The clock is not set yet. The import leaves readings whose time is not known: download again once the clock is set, or see --guess of the import.",
		SupportCut:     "A file that was cut off is noticed: the browser says that the download failed, and the import that the last line is missing.",
		SupportImport:  "On the other gateway, while it is stopped:",
		SupportStick:   "The service itself writes to no stick. To a stick in this gateway, once it is mounted:",

		SupportBusyTitle: "Somebody downloads this already", SupportBusyText: "One such file is made at a time. Wait until the other download has ended, then try again.",
		SupportFailedTitle: "The file could not be made", SupportFailedText: "The log of the gateway says why: portti logs. Try again.",
	}
}

func supportFinnish() supportWords {
	return supportWords{
		Support: "Tuki", SupportBack: "Takaisin sivulle", SupportOnlyActs: "Tällä istunnolla on vain katseluoikeus. Luo yhdyskäytävässä linkki, jolla voi ladata tiedostoja:",

		SupportFile:     "Tukitiedosto",
		SupportFileText: "Yksi tiedosto sille, joka auttaa: tila, ongelmat, asetukset, luvut ja tiedot laitteistosta. Salaisuudet on poistettu, eikä tiedostossa ole lukemia.",
		SupportPrivate:  "Jätä pois sijainnit, tunnukset ja osoitteet", SupportFileGet: "Lataa tukitiedosto",
		SupportLook: "Mitään ei lähetetä minnekään: katso tiedostoon ja välitä se itse eteenpäin.",
		SupportMore: "Lokista siinä ovat vain uusimmat rivit, eikä siinä ole mitään, minkä vain pääkäyttäjä saa lukea. Tiedosto, jossa on kaikki, tehdään yhdyskäytävässä:",

		SupportReadings:     "Odottavat lukemat",
		SupportReadingsText: "Kopioi kaikki odottavat lukemat yhteen tiedostoon, jonka toinen yhdyskäytävä voi toimittaa perille. Täältä ei poisteta mitään, ja tämä yhdyskäytävä jatkaa toimintaansa. Kuka tahansa, jolla tiedosto on, voi lukea lukemat.",
		SupportHeld:         "Perillä, vielä tallessa", SupportRead: "Niiden aika", SupportFromTo: "{from} – {to}",
		SupportReadingsGet: "Lataa lukemat ({n})", SupportNothing: "Lukemia ei odota.",
		SupportUndated: "Kelloa ei ole vielä asetettu. Tuonti jättää lukemat, joiden aikaa ei tiedetä: lataa uudelleen, kun kello on asetettu, tai katso tuonnin valitsinta --guess.",
		SupportCut:     "Kesken jäänyt tiedosto huomataan: selain kertoo latauksen epäonnistuneen, ja tuonti kertoo viimeisen rivin puuttuvan.",
		SupportImport:  "Toisessa yhdyskäytävässä, kun se on pysäytetty:",
		SupportStick:   "Palvelu ei itse kirjoita muistitikulle. Tässä yhdyskäytävässä olevalle tikulle, kun se on liitetty:",

		SupportBusyTitle: "Joku lataa tätä jo", SupportBusyText: "Tällaisia tiedostoja tehdään yksi kerrallaan. Odota, kunnes toinen lataus on päättynyt, ja yritä sitten uudelleen.",
		SupportFailedTitle: "Tiedostoa ei voitu tehdä", SupportFailedText: "Yhdyskäytävän loki kertoo syyn: portti logs. Yritä uudelleen.",
	}
}
