set +eu # what follows reads names that need not be set
. "${IPKG_INSTROOT:-}/lib/functions.sh"
default_prerm "$0" "$@"
