package clock

import "golang.org/x/sys/unix"

func askKernel() string {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return judge(state, int(t.Status), err)
}

// judge turns adjtimex's answer into a reason, "" when the clock is
// synchronised. Setting the clock by hand makes the kernel say that it is not.
func judge(state, status int, err error) string {
	switch {
	case err != nil:
		return "the kernel may not be asked whether its clock is synchronised: " + err.Error()
	case state == unix.TIME_ERROR, status&unix.STA_UNSYNC != 0:
		return "the kernel's clock is not synchronised: no time server was reached since boot"
	}
	return ""
}
