account
hello
say "start it, now and at each boot: rc-update add portti && rc-service portti start"
