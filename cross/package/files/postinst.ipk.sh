# OpenWrt's own way makes the user that the control file asks for, enables the init
# script and starts it, and does the first two where an image is built.
set +eu # what follows reads names that need not be set
. "${IPKG_INSTROOT:-}/lib/functions.sh"
default_postinst "$0" "$@"
[ -n "${IPKG_INSTROOT:-}" ] || hello
