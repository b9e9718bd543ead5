case "$1" in
remove)
	settle
	say "kept the readings in /var/lib/portti and the configuration in /etc/portti; to remove them too: sudo apt purge portti"
	;;
purge)
	rm -rf /var/lib/portti /etc/portti /run/portti /etc/systemd/system/portti.service.d
	if has deb-systemd-helper; then
		deb-systemd-helper purge portti.service >/dev/null || true
		deb-systemd-helper unmask portti.service >/dev/null || true
	fi
	if has update-rc.d; then
		update-rc.d portti remove >/dev/null
	fi
	settle
	;;
esac
