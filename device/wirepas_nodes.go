package device

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"portti/device/thingsee"
)

const (
	// wirepasHeard is how many unnamed nodes are remembered. More than that still work;
	// each message of theirs then allocates.
	wirepasHeard = 4096
	// wirepasFile is how long nodes_file may be: 20,000 nodes.
	wirepasFile = 1 << 20
)

// wirepasNodes gives the identities that the configuration and the file name. A file that
// is not there yet is no fault of a configuration that is only checked. When the port is
// opened it is one, since readings would go under other names than they should.
func wirepasNodes(o WirepasOptions, opening bool) (map[uint32]string, error) {
	nodes, named := make(map[uint32]string, len(o.Nodes)), make(map[string]string, len(o.Nodes))
	for _, text := range slices.Sorted(maps.Keys(o.Nodes)) {
		if err := addNode(nodes, named, text, o.Nodes[text]); err != nil {
			return nil, keyError("nodes", "%s", err)
		}
	}
	if o.NodesFile == "" {
		return nodes, nil
	}
	b, err := readAtMost(o.NodesFile, wirepasFile)
	if errors.Is(err, fs.ErrNotExist) && !opening {
		return nodes, nil
	}
	if err != nil {
		return nil, keyError("nodes_file", "must be a file that can be read: %s", err)
	}
	number := 0
	for line := range strings.Lines(string(b)) {
		number++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		text, tuid, found := strings.Cut(line, "=")
		tuid = strings.Trim(strings.TrimSpace(tuid), `"'`)
		if !found {
			return nil, keyError("nodes_file", `must have lines such as 0x00C0DB01 = "XXXX03TEMP0000001"; line %d has no =`, number)
		}
		if err := addNode(nodes, named, strings.Trim(strings.TrimSpace(text), `"'`), tuid); err != nil {
			return nil, keyError("nodes_file", "%s, in line %d", err, number)
		}
	}
	return nodes, nil
}

// addNode adds one, in words that follow the name of a key. named are the addresses by
// their identities: under one for two nodes nobody could tell their readings apart.
func addNode(nodes map[uint32]string, named map[string]string, text, tuid string) error {
	digits, base := text, 10 // a number with zeros before it is no octal one
	if hex, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		digits, base = hex, 16
	}
	address, err := strconv.ParseUint(digits, base, 32)
	if err != nil {
		return fmt.Errorf("must name nodes by their addresses, such as 0x00C0DB01, not %q", text)
	}
	if !thingsee.ValidTuid([]byte(tuid)) {
		return fmt.Errorf("of %s %s", text, tuidRule)
	}
	if nodes[uint32(address)] != "" {
		return fmt.Errorf("must name each node once; %s stands twice", text)
	}
	if other := named[tuid]; other != "" {
		return fmt.Errorf("must give each node a name of its own; %s and %s have %s", other, text, tuid)
	}
	nodes[uint32(address)], named[tuid] = tuid, text
	return nil
}

// readAtMost reads a file that the configuration names. Anything but a regular one is
// refused, since a pipe would be waited for.
func readAtMost(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%s is no file of at most %d bytes", path, most)
	}
	return os.ReadFile(path)
}

// tuid is the identity of a node.
func (w *wirepas) tuid(address uint32) string {
	if tuid, ok := w.heard[address]; ok {
		return tuid
	}
	tuid, named := w.nodes[address]
	if !named {
		tuid = fmt.Sprintf("%s000%08X", w.family, address)
	}
	if len(w.heard) < wirepasHeard {
		w.heard[address] = tuid
		w.tell()
	}
	return tuid
}
