account
second
[ "$taken" = no ] || systemctl --no-reload enable portti.service >/dev/null 2>&1 || true
settle
if [ "$1" -gt 1 ]; then
	if ! fits; then unfit restarted
	elif systemd_runs && systemctl is-active --quiet portti; then systemctl restart portti
	fi
elif systemd_runs && systemctl is-active --quiet portti; then # by what service install made
	if fits; then systemctl restart portti; else unfit restarted; fi
else
	if has systemctl; then systemctl --no-reload preset portti.service >/dev/null 2>&1 || true; fi
	hello
	say "start it, now and at each boot: sudo systemctl enable --now portti"
fi
