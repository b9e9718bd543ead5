# What an older version leaves alone, before it takes the newer one's place.
for folder in /var/lib/portti/buffer.v*; do
	[ -d "$folder" ] || continue
	if [ "${folder##*.v}" -gt "$BUFFER" ] 2>/dev/null; then
		say "this version cannot read $folder, which a newer one wrote. It stays as it is; its readings are sent when that version is installed again." >&2
	fi
done
# dpkg tells the script that starts it no difference between an upgrade and a package
# that comes back after it was removed: a version was configured before either.
[ "$FORMAT $1" != "deb install" ] || touch /run/portti.first
