[ "$1" = configure ] || exit 0
account
second
if has deb-systemd-helper; then
	deb-systemd-helper unmask portti.service >/dev/null || true
	if deb-systemd-helper --quiet was-enabled portti.service; then
		deb-systemd-helper enable portti.service >/dev/null || true
	else # somebody disabled it
		deb-systemd-helper update-state portti.service >/dev/null || true
	fi
fi
if has update-rc.d; then
	update-rc.d portti defaults >/dev/null
fi
settle

act() { # as the administrator's policy allows
	if systemd_runs && has deb-systemd-invoke; then deb-systemd-invoke "$1" portti.service >/dev/null || true
	elif ! [ -d /run/systemd/system ] && has invoke-rc.d; then invoke-rc.d --quiet portti "$1" || true
	fi
}
running() {
	if systemd_runs; then systemctl is-active --quiet portti; else /etc/init.d/portti status >/dev/null 2>&1; fi
}
first=no
[ ! -e /run/portti.first ] || first=yes
rm -f /run/portti.first
if ! fits; then
	if [ $first = yes ]; then unfit started; else unfit restarted; fi
elif running; then
	act restart
elif [ $first = yes ]; then # one that somebody stopped stays so
	act start
	hello
fi
