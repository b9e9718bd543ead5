if has rc-service; then
	rc-service --ifstarted portti stop || true
	rc-update del portti >/dev/null 2>&1 || true
fi
