case "$1" in
remove)
	settle
	say "kept the readings in /var/lib/portti and the configuration in /etc/portti; to remove them too: sudo apt purge portti"
	;;
purge)
	rm -rf /var/lib/portti /etc/portti /run/portti /etc/systemd/system/portti.service.d
	has deb-systemd-helper && { deb-systemd-helper purge portti.service; deb-systemd-helper unmask portti.service; } >/dev/null || true
	has update-rc.d && update-rc.d portti remove >/dev/null || true
	settle
	;;
esac
