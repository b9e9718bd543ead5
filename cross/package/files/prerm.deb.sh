# An upgrade goes on working until the new program is there.
[ "$1" = remove ] || exit 0
if systemd_runs && has deb-systemd-invoke; then
	deb-systemd-invoke stop portti.service >/dev/null
elif ! [ -d /run/systemd/system ] && [ -x /etc/init.d/portti ] && has invoke-rc.d; then
	invoke-rc.d --quiet portti stop || true
fi
