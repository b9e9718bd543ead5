[ "$1" = 0 ] || exit 0
if has systemctl; then systemctl --no-reload disable --now portti.service >/dev/null 2>&1 || true; fi
