
# user makes the account, and lets it use serial ports.
user() {
	if ! id -u portti >/dev/null 2>&1; then
		addgroup -S portti
		adduser -S -D -H -h /var/lib/portti -s /sbin/nologin -G portti portti
	fi
	id -nG portti | grep -qw dialout || addgroup portti dialout
}
