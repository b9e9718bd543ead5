package main

import (
	"math"
	"runtime/debug"
	"testing"
	"testing/fstest"
)

// Row 71: the limit is the least of our control group and those around it, in
// both versions of the kernel's interface.
func TestMemoryLimit(t *testing.T) {
	const one, two = "sys/fs/cgroup/memory", "sys/fs/cgroup"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
		none  bool
	}{
		"version 2": {want: 48 << 20, files: map[string]string{
			"proc/self/cgroup": "0::/system.slice/portti.service\n",
			two + "/system.slice/portti.service/memory.max": "50331648\n", two + "/system.slice/memory.max": "max\n"}},
		"the one around is smaller": {want: 32 << 20, files: map[string]string{
			"proc/self/cgroup": "0::/a/b\n", two + "/a/b/memory.max": "50331648\n", two + "/a/memory.max": "33554432\n"}},
		"version 2 without a limit": {none: true, files: map[string]string{
			"proc/self/cgroup": "0::/a\n", two + "/a/memory.max": "max\n"}},
		"version 1": {want: 24 << 20, files: map[string]string{
			"proc/self/cgroup":                      "9:name=systemd:/x\n4:cpu,memory:/a\n0::/\n",
			one + "/a/memory.limit_in_bytes":        "25165824\n",
			one + "/memory.limit_in_bytes":          "9223372036854771712\n",
			"sys/fs/cgroup/x/memory.limit_in_bytes": "1\n"}},
		"version 1 without a limit": {none: true, files: map[string]string{
			"proc/self/cgroup": "4:memory:/a\n", one + "/a/memory.limit_in_bytes": "9223372036854771712\n"}},
		"a path from outside of the container": {want: 64 << 20, files: map[string]string{
			"proc/self/cgroup": "4:memory:/docker/0123\n", one + "/memory.limit_in_bytes": "67108864\n"}},
		"above the container": {want: 64 << 20, files: map[string]string{
			"proc/self/cgroup": "0::/../../a\n", two + "/memory.max": "67108864\n"}},
		"a name with a colon": {want: 48 << 20, files: map[string]string{
			"proc/self/cgroup": "0::/a:b\n", two + "/a:b/memory.max": "50331648"}},
		"no control groups": {none: true, files: nil},
		"nonsense": {none: true, files: map[string]string{
			"proc/self/cgroup": "\n::\n0\nmemory\n0::/a\n4:memory:\n", two + "/a/memory.max": "lots", one + "/memory.limit_in_bytes": "-1"}},
		"nought": {none: true, files: map[string]string{
			"proc/self/cgroup": "0::/a\n", two + "/a/memory.max": "0\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := memoryLimit(tree(c.files))
			if ok == c.none || got != c.want {
				t.Errorf("%d %v, want %d", got, ok, c.want)
			}
		})
	}
}

func tree(files map[string]string) fstest.MapFS {
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

// Row 71: the collector is told four fifths of it, and GOMEMLIMIT stands.
func TestLimitMemory(t *testing.T) {
	was := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(was)
	root := tree(map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "1000000000\n"})
	limitMemory("72MiB", root)
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("with GOMEMLIMIT in the environment the limit was set to %d", got)
	}
	limitMemory("", tree(nil))
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("without control groups the limit was set to %d", got)
	}
	limitMemory("", root)
	if got := debug.SetMemoryLimit(-1); got != 800_000_000 {
		t.Errorf("the limit was set to %d, want 800000000", got)
	}
}
