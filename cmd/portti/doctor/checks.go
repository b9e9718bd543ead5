package doctor

import (
	"slices"
	"strings"
)

// Checks are all there are, in the order of their numbers: one file a family, one line
// a check.
func Checks() []Check {
	all := slices.Concat(
		configurationChecks(),
		serviceChecks(),
		portChecks(),
		readingChecks(),
		clockChecks(),
	)
	slices.SortFunc(all, func(a, b Check) int { return strings.Compare(a.ID, b.ID) })
	return all
}
