# OpenWrt's own way makes the user that the control file asks for, enables the init
# script and starts it, and does the first two where an image is built.
. "${IPKG_INSTROOT:-}/lib/functions.sh"
default_postinst "$0" "$@"
[ -n "${IPKG_INSTROOT:-}" ] || { folders; hello; }
