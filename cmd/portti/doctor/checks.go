package doctor

import "slices"

// Checks are all there are, in the order of their numbers: one file a family, one line
// a check.
func Checks() []Check {
	return slices.Concat(
		configurationChecks(),
		serviceChecks(),
		portChecks(),
		readingChecks(),
		clockChecks(),
	)
}
