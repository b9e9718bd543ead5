
# user makes the account. It comes from the package's sysusers file where systemd is.
user() {
	if ! id -u portti >/dev/null 2>&1; then
		if has systemd-sysusers; then
			systemd-sysusers portti.conf
		else
			useradd --system --user-group --home-dir /var/lib/portti --no-create-home --shell /usr/sbin/nologin portti
		fi
	fi
	serial
}

# serial lets it use serial ports: their group is dialout, on some systems uucp.
serial() {
	id -nG portti | grep -qw 'dialout\|uucp' || usermod -a -G dialout portti 2>/dev/null || usermod -a -G uucp portti
}
