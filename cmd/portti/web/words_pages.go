package web

// pagesWords are those of the frame around all pages, of the acts, and of the pages of
// the settings and the log.
type pagesWords struct {
	Pages, Overview, Settings, Logs string // the header's

	Actions, ActHow, Done                                                                 string
	Ping, PingText, PingDone, PingFailed                                                  string
	Reconnect, ReconnectText, ReconnectOnline, ReconnectBusy                              string
	ReconnectWaited, ReconnectFailed, Test, TestText, TestDone, TestFailed                string
	ReloadNow, ReloadText, ReloadDone, ReloadSame, ReloadFailed                           string
	ChangeTitle, ChangeEdit, ChangeCheck, ChangeReload                                    string
	Differences, DifferencesCaption, FilesWrong, FilesSame, FilesDiffer, HiddenDiffers    string
	Setting, Running, InFile, AtReload, Value, Origin, BuiltIn, TopTable                  string
	EffectNow, EffectAdded, EffectRemoved, EffectDevice, EffectLink, EffectRestart        string
	InForce, OnlySet, AllSettings, SecretsHidden                                          string
	LogTitle, LogFilter, LogTime, LogNone, LogKept, LogEmpty, LogMore                     string
	LevelFrom, LevelAll, LevelDebug, LevelInfo, LevelWarn, LevelError, TimeAll, DeviceAll string
}

func pagesEnglish() pagesWords {
	return pagesWords{
		Pages: "Pages", Overview: "Overview", Settings: "Settings", Logs: "Logs",

		Actions: "Actions", ActHow: "By this page one can also ping the server, connect anew, test a device and reload the configuration, with a link for that:", Done: "Outcome",
		Ping: "Ping now", PingText: "Measures the round trip to the server, over the connection there is.", PingDone: "The server answered in {ms} ms.", PingFailed: "No answer to the ping.",
		Reconnect: "Reconnect now", ReconnectText: "Connects anew, or tries at once while it waits. No reading is lost.",
		ReconnectOnline: "The connection is closed in order and made again.", ReconnectBusy: "The gateway is connecting already.", ReconnectWaited: "The gateway tries to connect now.", ReconnectFailed: "The gateway does not connect.",
		Test: "Test", TestText: "Shows what is sent of a device, for up to 8 s. Its readings go their way as ever.", TestDone: "What is sent of {device}:", TestFailed: "No reading came.",
		ReloadNow: "Reload now", ReloadText: "Puts the files in force. Where they have a mistake, nothing is changed.", ReloadDone: "The configuration was read again:",
		ReloadSame: "There is nothing to change: the gateway runs by its files.", ReloadFailed: "Nothing was changed.",

		ChangeTitle: "To change a setting", ChangeEdit: "On the gateway, edit {file}, or a file of your own in {folder}", ChangeCheck: "See whether it is right:", ChangeReload: "Put it in force:",
		Differences: "Files and gateway", DifferencesCaption: "Settings that differ", FilesWrong: "The files have mistakes. The gateway goes on with what it read before.",
		FilesSame: "The gateway runs by its files.", FilesDiffer: "The files say something else than what runs.", HiddenDiffers: "(what is hidden is different)",
		Setting: "Setting", Running: "Now", InFile: "In the files", AtReload: "At a reload", Value: "Value", Origin: "From", BuiltIn: "built in", TopTable: "At the top of the file",
		EffectNow: "holds at once", EffectAdded: "device is added", EffectRemoved: "device is removed", EffectDevice: "device is opened again", EffectLink: "link is made anew", EffectRestart: "holds after a restart",
		InForce: "In force", OnlySet: "What was set", AllSettings: "All settings", SecretsHidden: "Of what is secret, or might be, only the length is shown.",

		LogTitle: "What the gateway logged", LogFilter: "Choose", LogTime: "Time", LogNone: "Nothing is kept yet. What was logged before the start:",
		LogKept: "Kept since {time}. What is older:", LogEmpty: "No line is like that.", LogMore: "The newest {n} lines are shown.",
		LevelFrom: "From level", LevelAll: "All", LevelDebug: "Debug", LevelInfo: "Info", LevelWarn: "Warning", LevelError: "Error", TimeAll: "All", DeviceAll: "All",
	}
}

func pagesFinnish() pagesWords {
	return pagesWords{
		Pages: "Sivut", Overview: "Yleiskuva", Settings: "Asetukset", Logs: "Loki",

		Actions: "Toiminnot", ActHow: "Tällä sivulla voi myös pingata palvelimen, muodostaa yhteyden uudelleen, testata laitteen ja lukea asetukset uudelleen. Siihen tarvitaan oma linkki:", Done: "Tulos",
		Ping: "Pingaa nyt", PingText: "Mittaa vasteajan palvelimelle nykyistä yhteyttä pitkin.", PingDone: "Palvelin vastasi {ms} ms:ssa.", PingFailed: "Pingiin ei tullut vastausta.",
		Reconnect: "Yhdistä uudelleen", ReconnectText: "Muodostaa yhteyden uudelleen tai yrittää heti, jos yritystä odotetaan. Lukemia ei katoa.",
		ReconnectOnline: "Yhteys suljetaan hallitusti ja muodostetaan uudelleen.", ReconnectBusy: "Yhteyttä muodostetaan jo.", ReconnectWaited: "Yhteyttä yritetään muodostaa nyt.", ReconnectFailed: "Yhteyttä ei muodosteta.",
		Test: "Testaa", TestText: "Näyttää, mitä laitteesta lähetetään, enintään 8 sekunnin ajan. Lukemat kulkevat entiseen tapaan.", TestDone: "Laitteesta {device} lähetetään:", TestFailed: "Lukemia ei tullut.",
		ReloadNow: "Lue uudelleen", ReloadText: "Ottaa tiedostot käyttöön. Jos niissä on virhe, mitään ei muuteta.", ReloadDone: "Asetukset luettiin uudelleen:",
		ReloadSame: "Muutettavaa ei ole: asetukset vastaavat tiedostoja.", ReloadFailed: "Mitään ei muutettu.",

		ChangeTitle: "Asetuksen muuttaminen", ChangeEdit: "Muokkaa yhdyskäytävässä tiedostoa {file} tai omaa tiedostoa kansiossa {folder}", ChangeCheck: "Tarkista:", ChangeReload: "Ota käyttöön:",
		Differences: "Tiedostot ja yhdyskäytävä", DifferencesCaption: "Eroavat asetukset", FilesWrong: "Tiedostoissa on virheitä. Käytössä ovat aiemmin luetut asetukset.",
		FilesSame: "Asetukset vastaavat tiedostoja.", FilesDiffer: "Tiedostoissa on muuta kuin mikä on käytössä.", HiddenDiffers: "(piilotettu osa on eri)",
		Setting: "Asetus", Running: "Nyt", InFile: "Tiedostoissa", AtReload: "Uudelleen luettaessa", Value: "Arvo", Origin: "Lähde", BuiltIn: "oletus", TopTable: "Tiedoston alussa",
		EffectNow: "tulee voimaan heti", EffectAdded: "laite lisätään", EffectRemoved: "laite poistetaan", EffectDevice: "laite avataan uudelleen", EffectLink: "yhteys muodostetaan uudelleen", EffectRestart: "tulee voimaan uudelleenkäynnistyksessä",
		InForce: "Käytössä", OnlySet: "Määritetyt", AllSettings: "Kaikki asetukset", SecretsHidden: "Salaisista tai mahdollisesti salaisista arvoista näytetään vain pituus.",

		LogTitle: "Mitä yhdyskäytävä kirjasi lokiin", LogFilter: "Rajaa", LogTime: "Aika", LogNone: "Rivejä ei vielä ole. Ennen käynnistystä kirjatut:",
		LogKept: "Rivejä on ajasta {time} alkaen. Vanhemmat:", LogEmpty: "Sellaisia rivejä ei ole.", LogMore: "Näkyvissä ovat uusimmat {n} riviä.",
		LevelFrom: "Vähintään taso", LevelAll: "Kaikki", LevelDebug: "Vianetsintä", LevelInfo: "Tiedoksi", LevelWarn: "Varoitus", LevelError: "Virhe", TimeAll: "Kaikki", DeviceAll: "Kaikki",
	}
}
