package device

// DewKind is the example of CONTRIBUTING.md, for the tests outside this package.
func DewKind() Kind { return dewKind() }
