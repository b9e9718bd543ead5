# Prepended to every script of every package. They run with systemd, in a chroot
# without it, and on systems that do not have it; what is not there is passed over.
# FORMAT is deb, rpm, apk or ipk, BUFFER the format of the buffer's files.
set -eu

has() { command -v "$1" >/dev/null 2>&1; }
systemd_runs() { [ -d /run/systemd/system ] && has systemctl; }
say() { echo "portti: $*"; }

# account makes the user, and lends its group the configuration. Where the user is there
# already the rest is no reason to leave the package half installed.
account() { portti service account --quiet || id -u portti >/dev/null 2>&1; }

# second takes away the unit that "portti service install" made before there was a
# package: in /etc it would hide the package's. taken is then enabled, if that was.
second() {
	taken=no
	unit=/etc/systemd/system/portti.service
	if [ -f "$unit" ] && head -n 1 "$unit" | grep -q 'Written by "portti service install"'; then
		[ ! -e /etc/systemd/system/multi-user.target.wants/portti.service ] || taken=enabled
		rm -f "$unit" /etc/systemd/system/multi-user.target.wants/portti.service
		say "removed $unit, made by \"portti service install\": the package's unit is in charge now"
		[ ! -x /usr/local/bin/portti ] || say "/usr/local/bin/portti is not used any more; to remove it: sudo rm /usr/local/bin/portti"
	fi
}

# fits says whether the configuration would let this version start.
fits() { portti config check --quiet >/dev/null 2>&1; }

unfit() {
	say "the configuration has mistakes for this version, so the gateway was not $1:" >&2
	portti config check 2>&1 | sed 's/^/  /' >&2 || true
	say "when it is mended: sudo portti service restart" >&2
}

# hello tells a new user what to do, where nothing is set.
hello() {
	! grep -q '^ *\[\[device\]\]\|^ *urls\? *=' /etc/portti/portti.toml /etc/portti/conf.d/*.toml 2>/dev/null || return 0
	cat <<-TEXT
		portti: installed. It reads nothing and sends nothing until it is told to:
		  sudo portti setup wss://your.server/path    the server and its token
		  sudo portti discover --add                  the devices that are plugged in
		  portti status                               whether it works
	TEXT
}

# settle tells udev, the journal and the bus of the files that they keep a copy of. The bus
# has read its own before there was the user whom it names.
settle() {
	systemd_runs || return 0
	systemctl daemon-reload
	busctl call org.freedesktop.DBus / org.freedesktop.DBus ReloadConfig >/dev/null 2>&1 || true
	if udevadm control --reload 2>/dev/null; then
		udevadm trigger --subsystem-match=tty --action=change 2>/dev/null || true
	fi
	journalctl --update-catalog >/dev/null 2>&1 || true
}
