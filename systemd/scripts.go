package systemd

import (
	"fmt"
	"strings"
)

// Kind is an init system.
type Kind string

// The init systems that a service can be installed on.
const (
	Systemd Kind = "systemd"
	OpenRC  Kind = "openrc"
	SysV    Kind = "sysv"
	Procd   Kind = "procd"
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Systemd, OpenRC, SysV, Procd} }

const initScript = "/etc/init.d/portti"

// Script returns the file that tells an init system about the service, and where
// "portti service install" puts it. Every kind but Systemd is a shell script and needs
// mode 0755. It fails for the same paths and arguments as Text.
func (u Unit) Script(kind Kind) (path, text string, err error) {
	unit, err := u.Text()
	if err != nil {
		return "", "", err
	}
	switch path = initScript; kind {
	case Systemd:
		return installedUnit, unit, nil
	case OpenRC:
		text = openrcText
	case SysV:
		text = sysvText
	case Procd:
		text = procdText
	default:
		return "", "", fmt.Errorf("cannot write a file for the init system %q: it is one of %v", kind, Kinds())
	}
	return path, strings.NewReplacer("@ORIGIN@", u.origin(), "@EXEC@", u.Exec, "@ARGS@", strings.Join(u.Args, " "), "@CONFIG@", configOf(u.Args)).Replace(text), nil
}

// What the three scripts have in common:
//
//   - "portti service prepare" makes the folders that the configuration names, and says
//     why the service would not start, with exit code 6. It runs before every start, and
//     before a restart stops anything.
//   - The supervisor never gives up. Only SysV's, which is written here, can hear that a
//     configuration became bad under a running gateway (exit 6 and 78) and leave it
//     ended; the others try again every five seconds, which costs one short process each
//     time and heals by itself once the file is good.
//   - GOMEMLIMIT is what the program would give itself under the MemoryMax of the unit.

// openrcText runs with OpenRC 0.45 and newer. It leaves no_new_privs out, which 0.45
// turns into a flag that its own supervise-daemon does not know.
const openrcText = `#!/sbin/openrc-run
# portti sensor and GPS gateway.
@ORIGIN@
# shellcheck shell=sh disable=SC2034,SC2154

name="portti"
description="sensor and GPS gateway"
description_reload="Read the configuration again"
extra_started_commands="reload"

supervisor="supervise-daemon"
pidfile="/run/supervise-portti.pid"
command="@EXEC@"
command_args="@ARGS@"
command_user="portti:portti"
umask="0077"
retry="TERM/30/KILL/5"
# It is never given up. OpenRC knows no exit status that means "do not start again": a
# configuration that became bad under a running gateway costs a try every 5 s.
respawn_delay=5
respawn_max=0
# Older than OpenRC 0.50 does not know this line; set error_log to a file there.
error_logger="logger -t portti -p daemon.notice"
export GOMEMLIMIT=76MiB

depend() {
	want localmount
	use logger
	after bootmisc clock modules
}

start_pre() {
	@EXEC@ service prepare -c @CONFIG@ --init openrc
}

# A gateway that runs is not stopped for a configuration that would not start.
stop_pre() {
	[ "$RC_CMD" != restart ] || @EXEC@ service prepare -c @CONFIG@ --init openrc
}

reload() {
	ebegin "Telling $name to read its configuration again"
	supervise-daemon "$RC_SVCNAME" --signal HUP --pidfile "$pidfile"
	eend $?
}
`

// procdText runs with OpenWrt. Returning early from start_service would tell procd that
// nothing is to run, and end a gateway that does; so what is not ready exits.
const procdText = `#!/bin/sh /etc/rc.common
# portti sensor and GPS gateway.
@ORIGIN@
# shellcheck shell=sh disable=SC2034

USE_PROCD=1
START=95
STOP=10
portti_pid=/var/run/portti.pid

portti_prepare() {
	@EXEC@ service prepare -c @CONFIG@ --init procd || exit 6
}

start_service() {
	portti_prepare
	procd_open_instance
	procd_set_param command @EXEC@ @ARGS@
	procd_set_param user portti
	procd_set_param env GOMEMLIMIT=76MiB
	procd_set_param stderr 1
	procd_set_param pidfile "$portti_pid"
	procd_set_param term_timeout 30
	# It is never given up. procd knows no exit status that means "do not start again": a
	# configuration that became bad under a running gateway costs a try every 5 s.
	procd_set_param respawn 0 5 0
	procd_close_instance
}

reload_service() {
	procd_send_signal portti
}

# A gateway that runs is not stopped for a configuration that would not start, and the
# next one begins when it has ended, since only one may use the buffer.
restart() {
	portti_prepare
	portti_old=$(cat "$portti_pid" 2>/dev/null)
	trap '' TERM
	stop "$@"
	portti_wait=0
	while [ -n "$portti_old" ] && [ -d "/proc/$portti_old" ] && [ "$portti_wait" -lt 30 ]; do
		sleep 1
		portti_wait=$((portti_wait + 1))
	done
	start "$@"
}
`

// sysvText needs a POSIX shell, /proc and start-stop-daemon, which dpkg and busybox have.
// It supervises the daemon by itself, for SysV has nobody who does.
const sysvText = `#!/bin/sh
### BEGIN INIT INFO
# Provides:          portti
# Required-Start:    $local_fs
# Required-Stop:     $local_fs
# Should-Start:      $syslog $time
# Should-Stop:       $syslog
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: portti sensor and GPS gateway
# Description:       Reads sensors and GPS, keeps the readings, sends them on.
### END INIT INFO
@ORIGIN@

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export GOMEMLIMIT=76MiB
exec=@EXEC@
args="@ARGS@"
daemon=/run/portti.pid          # of the daemon
keeper=/run/portti-keeper.pid   # of the loop that starts it again

# alive PIDFILE WORD: that process lives, and WORD is in its command line
alive() {
	pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] &&
		tr '\000' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q -e "$2"
}
daemon_lives() { alive "$daemon" "$exec"; }
keeper_lives() { alive "$keeper" " keep$\| keep "; }

prepare() {
	"$exec" service prepare -c @CONFIG@ --init sysv || exit 6
}

# keep starts the daemon and starts it again when it ends, unless it was told to stop or
# the configuration is missing (6) or has mistakes (78): trying again would not help.
keep() {
	echo $$ >"$keeper"
	stopping=
	child=
	trap 'stopping=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM INT
	while [ -z "$stopping" ]; do
		# shellcheck disable=SC2086
		(umask 077 && exec start-stop-daemon -S -q -c portti -p "$daemon" -x "$exec" -- $args) &
		child=$!
		echo "$child" >"$daemon"
		wait "$child"
		code=$?
		while kill -0 "$child" 2>/dev/null; do # a signal to this shell ended the wait
			wait "$child"
			code=$?
		done
		child=
		[ -z "$stopping" ] || break
		case $code in
		6 | 78)
			echo "portti ended with exit status $code and is not started again; see: portti config check"
			rm -f "$keeper"
			exit "$code"
			;;
		esac
		echo "portti ended with exit status $code; it is started again in 2 s"
		sleep 2
	done
	rm -f "$keeper" "$daemon"
}

start() {
	if keeper_lives; then
		echo "portti runs already"
		return 0
	fi
	command -v start-stop-daemon >/dev/null || {
		echo "portti cannot start: start-stop-daemon is not installed (package dpkg, or busybox with that applet)" >&2
		exit 5
	}
	prepare
	rm -f "$daemon" "$keeper"
	apart=
	! command -v setsid >/dev/null || apart=setsid
	if command -v logger >/dev/null; then
		$apart sh "$0" keep </dev/null 2>&1 | logger -t portti -p daemon.notice >/dev/null 2>&1 &
	else
		$apart sh "$0" keep </dev/null >/dev/console 2>&1 &
	fi
	tries=10
	while [ "$tries" -gt 0 ]; do
		! daemon_lives || return 0
		sleep 1
		tries=$((tries - 1))
	done
	echo "portti did not start; see its last words in the system log" >&2
	return 1
}

# stop passes the signal on once: the daemon takes a second one for impatience.
stop() {
	if keeper_lives; then
		kill -TERM "$(cat "$keeper")"
	elif daemon_lives; then
		kill -TERM "$(cat "$daemon")"
	fi
	tries=30
	while keeper_lives || daemon_lives; do
		if [ "$tries" = 0 ]; then
			kill -KILL "$(cat "$keeper")" "$(cat "$daemon")" 2>/dev/null
		fi
		sleep 1
		tries=$((tries - 1))
	done
	rm -f "$keeper" "$daemon"
}

status() {
	if [ ! -d /proc/self ]; then
		echo "whether portti runs is not known: there is no /proc" >&2
		return 4
	fi
	if daemon_lives; then
		echo "portti runs, process $(cat "$daemon")"
	elif [ -e "$daemon" ]; then
		echo "portti has ended by itself; see its last words in the system log"
		return 1
	else
		echo "portti is stopped"
		return 3
	fi
}

case ${1:-} in
status) status; exit ;;
start | stop | restart | try-restart | condrestart | reload | force-reload | keep) ;;
*)
	echo "usage: $0 start | stop | restart | try-restart | reload | force-reload | status" >&2
	exit 2
	;;
esac
if [ "$(id -u)" != 0 ]; then
	echo "portti cannot $1: this needs root" >&2
	exit 4
fi
[ -x "$exec" ] || [ "$1" = stop ] || {
	echo "portti cannot $1: there is no program $exec" >&2
	exit 5
}
case $1 in
start) start ;;
stop) stop ;;
keep) keep ;;
restart) prepare; stop; start ;;
try-restart | condrestart)
	daemon_lives || exit 0
	prepare; stop; start
	;;
reload | force-reload)
	daemon_lives || { echo "portti does not run" >&2; exit 7; }
	kill -HUP "$(cat "$daemon")"
	;;
esac
`
