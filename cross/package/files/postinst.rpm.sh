user
folders
second
settle
if [ "$1" -gt 1 ]; then
	if ! fits; then unfit restarted
	elif systemd_runs && systemctl is-active --quiet portti; then systemctl restart portti
	fi
else
	if has systemctl; then systemctl --no-reload preset portti.service >/dev/null 2>&1 || true; fi
	hello
	say "start it, now and at each boot: sudo systemctl enable --now portti"
fi
