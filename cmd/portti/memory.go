package main

import (
	"io/fs"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitMemory tells the collector how much memory there is, so that it works
// harder before the kernel ends us: four fifths of what our control group may
// use, the rest is for the program's own pages, stacks and what the disk caches
// in our name. GOMEMLIMIT in the environment has the last word. root is /.
func limitMemory(gomemlimit string, root fs.FS) {
	if gomemlimit != "" {
		return
	}
	if limit, ok := memoryLimit(root); ok {
		debug.SetMemoryLimit(limit / 5 * 4)
	}
}

// memoryLimit is the least limit, in bytes, of our control group and of those
// around it, as far as they can be seen: in a container the path may begin
// outside of it, and the limit is that of the mounted root then.
func memoryLimit(root fs.FS) (least int64, ok bool) {
	const none = 1 << 60 // version 1 writes a number near 2^63
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(groups)) {
		top, name, group, found := limitFile(strings.TrimSpace(line))
		if !found {
			continue
		}
		for at := path.Join("/", group); ; at = path.Dir(at) {
			text, err := fs.ReadFile(root, path.Join(top, at, name))
			n, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			if err == nil && bad == nil && n > 0 && n < none && (!ok || n < least) {
				least, ok = n, true
			}
			if at == "/" {
				break
			}
		}
	}
	return least, ok
}

// limitFile says, for a line of /proc/self/cgroup, where the limits of that
// hierarchy lie, if it has any: "4:memory:/a" is version 1, "0::/a" version 2.
func limitFile(line string) (top, name, group string, ok bool) {
	_, rest, _ := strings.Cut(line, ":")
	controllers, group, ok := strings.Cut(rest, ":")
	if !ok {
		return "", "", "", false
	}
	if controllers == "" {
		return "sys/fs/cgroup", "memory.max", group, true
	}
	for c := range strings.SplitSeq(controllers, ",") {
		if c == "memory" {
			return "sys/fs/cgroup/memory", "memory.limit_in_bytes", group, true
		}
	}
	return "", "", "", false
}
