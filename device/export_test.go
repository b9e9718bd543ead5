package device

import "testing"

// DewKind is the example of CONTRIBUTING.md, for the tests outside this package.
func DewKind() Kind { return dewKind() }

// Decoded is what a driver makes of bytes, without times.
func Decoded(t testing.TB, k Kind, c Config, in []byte) string {
	t.Helper()
	d, err := k.New(c, Env{})
	if err != nil {
		t.Fatal(err)
	}
	out := &collect{}
	_ = d.Run(&pieces{data: in}, out)
	return out.String()
}
