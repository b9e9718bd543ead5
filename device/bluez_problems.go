package device

func scanProblems() []Problem {
	return []Problem{
		{Code: codeBLENoAdapter, Title: "No Bluetooth adapter", ImpactsData: true,
			Sentence: "{subject}: {why}.",
			Actions:  []string{"See what there is: `bluetoothctl list; hciconfig -a`", "Compare with adapter of this [[device]], and after a change: `sudo portti reload`; or plug the adapter in. On a Raspberry Pi take dtoverlay=disable-bt out of config.txt, then: `sudo reboot`"}},
		{Code: codeBLENoBlueZ, Title: "Bluetooth service does not run", ImpactsData: true,
			Sentence: "{subject}: {why}.",
			Actions:  []string{"Install and start it: `sudo apt install bluez; sudo systemctl enable --now bluetooth`", "See what it says: `journalctl -u bluetooth -n 20`"}},
		{Code: codeBLEBlocked, Title: "Bluetooth is blocked", ImpactsData: true,
			Sentence: "{subject}: {why}.",
			Actions:  []string{"Unblock it: `sudo rfkill unblock bluetooth`", "If it stays blocked there is a switch or a setting of the machine's firmware: `rfkill list`"}},
		{Code: codeBLERights, Title: "Bluetooth is not allowed", ImpactsData: true,
			Sentence: "{subject}: {why}.",
			Actions:  []string{"Let the gateway's user in: `sudo usermod -aG bluetooth portti && sudo systemctl restart portti`", "If that does not help, install portti's policy for the bus: docs/bluez.md"}},
		{Code: codeBLEStalled, Title: "Bluetooth hears nothing any more", ImpactsData: true,
			Sentence: "{subject}: advertisements came and then none, though the scan was begun again and the adapter was switched off and on.",
			Actions:  []string{"Check that the tags are still in reach and have power", "If they have: `sudo systemctl restart bluetooth`, then pull the adapter out and plug it in again, or restart the machine", "See what the adapter did: `dmesg | grep -i bluetooth | tail`"}},
	}
}
