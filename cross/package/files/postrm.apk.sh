say "kept the readings in /var/lib/portti and the configuration in /etc/portti; to remove them too: rm -r /var/lib/portti /etc/portti"
