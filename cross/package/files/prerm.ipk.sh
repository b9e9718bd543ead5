. "${IPKG_INSTROOT:-}/lib/functions.sh"
default_prerm "$0" "$@"
