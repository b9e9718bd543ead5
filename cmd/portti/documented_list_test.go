package main

// tryRow says how a command is tried that is not tried by what it stands in. Text that
// ends in * is the beginning of a command; no page means any.
type tryRow struct{ page, text, how, why string }

// howTried is the part of the list that is written by hand. A row that no page needs any
// more fails TestDocumented.
func howTried() []tryRow {
	const (
		bluetooth = "needs a machine with a Bluetooth adapter and BlueZ"
		server    = "named in a sentence; the journal, the unit and the package are the system's own"
		another   = "another distribution's package manager; .ci/package looks into this package"
		play      = "ansible in .ci/container-fleet runs this play, over ssh, with and without these tags"
		hardware  = "the container has no such device"
		ends      = "fails in the container, where no second machine and no such card is"
		long      = "minutes long, and for who develops portti; CI has it as a phase or runs it at night"
	)
	return []tryRow{
		{"README.md", "make *", checked, long},
		{"README.md", "scp *", excused, "needs a Raspberry Pi"},
		{"README.md", "ssh pi *", checked, "needs a Raspberry Pi; .ci/container installs so from a folder of its own"},
		{"README.md", "portti explain *", here, "TestDocumentedRuns"},
		{"README.md", "portti config check --offline", here, "TestDocumentedRuns"},
		{"README.md", "sudo portti doctor", typed, ""},
		{"README.md", "sudo portti netcheck", typed, ""},
		{"README.md", "sudo portti bundle", typed, ""},
		{"README.md", "sudo portti gps", typed, ""},
		{"README.md", "portti devices show NAME", typed, ""},
		{"README.md", "sudo portti logs", typed, ""},
		{"README.md", "portti top", typed, ""},
		{"README.md", "sudo portti web link", typed, ""},
		{"README.md", "bin/portti status -c try.toml", typed, ""},
		{"SECURITY.md", "portti version", here, "TestDocumentedRuns"},
		{"SECURITY.md", "systemctl cat portti", typed, ""},
		{"docs/codes.md", "*", checked, "the catalogue's advice, as explain gives it; .ci/breaks types the first action of each break"},
		{"docs/bluez.md", "sudo *", excused, bluetooth},
		{"docs/bluez.md", "bluetoothctl list", excused, bluetooth},
		{"docs/ble-bridge.md", "sudo portti test tags", checked, hardware},
		{"docs/wirepas.md", "portti devices show sink", checked, hardware},
		{"docs/wirepas.md", "sudo portti test sink *", checked, hardware},
		{"docs/position.md", "sudo portti gps roof *", checked, hardware},
		{"docs/receivers.md", "python3 envelope.py *", excused, "the peers tests run each program of this page"},
		{"docs/gps.md", "sudo systemctl disable --now gpsd.socket gpsd", excused, "stops gpsd, where there is one"},
		{"docs/first-steps.md", "apt install", excused, "the name of the command above it, which is typed"},
		{"docs/status.md", "portti 1.4.0", excused, "the first words of a screen"},
		{"docs/status.md", "portti stopped", excused, "the first words of a line that portti status --short prints"},
		{"docs/status.md", "portti unknown", excused, "likewise"},
		{"docs/first-steps.md", "sudo systemctl enable portti-stick.service", typed, ""},
		{"docs/fleet.md", "sudo mount -o ro /dev/sda2 /mnt", excused, ends},
		{"docs/fleet.md", "sudo umount /mnt", excused, ends},
		{"docs/fleet.md", "ansible-playbook *", excused, play},
		{"docs/fleet.md", "portti receive *", checked, "the container has a receiver at that port; TestFleetDeliversOverABrokenConnection has one"},
		{"docs/fleet.md", "portti simulate --fleet *", checked, "TestSimulateFleetEnds runs it with fewer gateways"},
		{"docs/monitoring.md", "journalctl *", typed, ""},
		{"docs/operation.md", "systemctl reload portti", excused, server},
		{"docs/packages.md", "journalctl *", typed, ""},
		{"docs/packages.md", "apt *", excused, "the part removed of .ci/container-package has dpkg do both"},
		{"docs/packages.md", "sudo dnf *", excused, another},
		{"docs/packages.md", "sudo apk *", excused, another},
		{"docs/packages.md", "opkg *", excused, another},
		{"docs/page.md", "ssh -L *", excused, "needs a second machine"},
		{"docs/position.md", "systemctl daemon-reload *", excused, "restarts chrony, which the container does not run; the peers tests have a chronyd take the time"},
		{"docs/position.md", "chronyc sources", excused, "likewise"},
		{"docs/promise.md", "PORTTI_KILLS=*", checked, long},
		{"docs/receivers.md", "portti simulate --against *", checked, "the peers tests run it against the programs of this page, with --kill"},
		{"docs/recordings.md", "portti recording", excused, "the first words of a recording, not a command"},
		{"docs/wirepas.md", "sudo systemctl disable --now wirepasSink1.service", excused, "stops another maker's program, where there is one"},
	}
}
