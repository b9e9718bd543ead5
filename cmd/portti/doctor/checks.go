package doctor

import (
	"slices"
	"sort"
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
		diskChecks(), networkChecks(), hostChecks(),
	)
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID }) // a generic sort is 8 KB more of program
	return all
}
