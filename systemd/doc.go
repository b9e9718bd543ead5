// Package systemd makes portti a good service: it installs the hardened unit, or the
// init script of another init system, tells systemd when the daemon is ready and what it
// does, and feeds the watchdog only while every part moves.
//
// The daemon uses a Notifier and Watch, the command line a Service: see the
// examples.
//
// # Promises
//
//   - Nothing here is needed to run: without NOTIFY_SOCKET every message is a
//     no-op, so the same binary runs on a terminal or under another init.
//   - Install can be repeated. It never overwrites a configuration, and
//     Uninstall never removes readings, configuration or user.
//   - What the service may touch is in the unit's text, one line each, and
//     systemd enforces it: no capability, no new privilege, a read-only system
//     but for /var/lib/portti and /run/portti, serial ports and no other
//     device. Folders elsewhere that the configuration names are let in by a drop-in
//     when the service is started or restarted through here.
//   - A start or restart with a configuration that the daemon would refuse does not
//     happen: what runs goes on.
//   - Where a package brought a unit or an init script, that one is used. There is
//     never a second.
//
// # Limits
//
//   - Only systemd 250 or newer is tested; older ones ignore lines that they
//     do not know. Type=notify-reload would need 253, so reload is a SIGHUP.
//   - UMask=0077 applies to the control sockets too: the daemon gives one to the
//     group by chmod 0660, and one that only says how it is to everybody.
//   - OpenRC, SysV and OpenWrt's procd give the daemon its user, a pid file, a start
//     after each end and reload by SIGHUP. Everything else in the unit is systemd's alone:
//     the sandbox with its devices and system calls, the memory limit, the watchdog,
//     waiting for readiness. There the user's rights are the only fence.
//   - On OpenWrt /var is in memory: a state folder elsewhere, such as /srv/portti, is
//     what survives a power cut.
//   - BlueZ is asked over D-Bus, whose socket is AF_UNIX under /run: the unit allows that,
//     the bus's own policy lets any user of the system ask, and no capability is needed.
//   - chronyd is told the time through a socket in /run (clock_out of a device), which
//     ProtectSystem does not keep from being written to; who may is up to its owner and
//     mode, which a drop-in for chronyd's own unit sets: docs/position.md.
//   - No LoadCredential: a credential is copied once at start, while a token
//     file that changes is used at once. Who wants one adds a drop-in with
//     LoadCredential=uplink-token:PATH and sets credential = "uplink-token".
//
// # Why service.Run is not used
//
// Under systemd, installing, removing, starting and stopping go through kardianos/service,
// with our unit in place of its template, which has none of the hardening, no
// readiness and two minutes of RestartSec. For the other init systems the library's scripts
// would run the daemon as root and not start it again (SysV), or give it up after five
// ends (procd); what is left of it there is a file and a link, which are written here. The unit is rendered before it gets
// there, because the library quotes neither % nor $ nor a backslash. Its Run
// is left out: under systemd it only calls Start, waits for SIGTERM with a
// handler of its own, and calls Stop. It cannot tell that the daemon failed
// inside unless RunWait says so, and it knows no second signal and no end of
// the stream. `portti run` is an ordinary program that ends by itself, which
// is all that systemd needs; an error inside ends the process and so is seen.
package systemd
