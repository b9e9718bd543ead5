package buffer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	bolt "go.etcd.io/bbolt"
)

// # Upgrades
//
// A program reads the formats before its own by making files of its own out of
// them when it opens the queue. Each file, the segments first and "state" last:
//
//	write the new one under a temporary name, sync it and the directory
//	rename the old one to <name>.v<version>, sync the directory
//	rename the new one to <name>, sync the directory
//
// The old files stay until the queue has been opened and has saved its state in
// the new format; so there must be room for both. A power cut leaves each file
// old, new, or only as .v<version>, which is renamed back; then it begins again.
// Where any file is of a later format than the program's, nothing is touched.
// To go back to the old program before its files are gone: give them their names
// again. A golden copy of each format lies in testdata/golden and is read by a test.

// migration knows one format before this one.
type migration struct {
	version uint16
	// format says whether a segment's fact of that name is of this version.
	format func(fact []byte) bool
	// segment fills a file of the next version.
	segment func(from, to *bolt.Tx) error
	// state reads a slot of this version.
	state func(slot []byte) (state, error)
}

// migrations lists the formats that can be read, oldest first. There is none
// yet: no version before 1 was ever given out.
func migrations() []migration { return nil }

const oldInfix = ".v"

// oldName is what a file of an older format is renamed to.
func oldName(name string, version uint16) string {
	return fmt.Sprintf("%s%s%d", name, oldInfix, version)
}

// parseOldName gives the name that an old file had.
func parseOldName(old string) (name string, ok bool) {
	i := strings.LastIndex(old, oldInfix)
	if i < 0 {
		return "", false
	}
	name = old[:i]
	_, err := strconv.ParseUint(old[i+len(oldInfix):], 10, 16)
	return name, err == nil && (name == sidecarName || isSegment(name))
}

// migrate brings the files in the directory to this format, and lists what is
// there then.
func (q *Queue) migrate(names []string) ([]string, error) {
	if len(q.opt.older) == 0 {
		return names, nil
	}
	for _, old := range names {
		if name, ok := parseOldName(old); ok && !slices.Contains(names, name) {
			if err := q.fs.Rename(old, name); err != nil {
				return nil, err
			}
			names = append(names, name)
		}
	}
	slot, version, err := readSlot(q.fs)
	if errors.Is(err, syscall.EIO) {
		slot, version, err = readSlot(q.fs)
	}
	switch {
	case err == nil && version > formatVersion:
		return nil, newerFormat(version)
	case err != nil && !damaged(err): // it may be sound: to go on would be to forget it
		return nil, err
	case err != nil || version < formatVersion: // "state" is the last
		if err := q.migrateAll(names, slot, version); err != nil {
			return nil, err
		}
	}
	return q.fs.List()
}

func (q *Queue) migrateAll(names []string, slot []byte, version uint16) error {
	old := map[string]uint16{}
	for _, name := range names {
		if !isSegment(name) {
			continue
		}
		v, err := q.versionOf(name)
		if errors.Is(err, syscall.EIO) { // once is not for ever, and an old file that is not known for one cannot be salvaged
			v, err = q.versionOf(name)
		}
		if errors.Is(err, ErrNewer) {
			return fmt.Errorf("%s: %w", name, err)
		} else if err != nil && !damaged(err) {
			return fmt.Errorf("cannot look at %s: %w", name, err)
		} else if err == nil && v < formatVersion {
			old[name] = v
		}
	}
	for _, name := range names {
		if v, is := old[name]; is {
			if err := q.migrateSegment(name, v); err != nil {
				return fmt.Errorf("cannot bring %s from format %d to %d: %w", name, v, formatVersion, err)
			}
		}
	}
	if slot == nil { // none that can be read: the queue begins a new epoch, as always
		return nil
	}
	return q.migrateState(slot, version, len(old))
}

// readSlot gives the newest slot whose checksum is right, of whatever version.
func readSlot(f FS) (slot []byte, version uint16, err error) {
	file, size, err := openAside(f, sidecarName)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	buf := make([]byte, min(size, sidecarSize))
	if _, err := readFull(file, buf, 0); err != nil {
		return nil, 0, err
	}
	gen := uint64(0)
	for at := 0; at+slotHeader+4 <= len(buf); at += slotSize {
		s := buf[at:min(at+slotSize, len(buf))]
		n := slotHeader + int(binary.LittleEndian.Uint16(s[10:]))
		if string(s[:8]) != slotMagic() || n+4 > len(s) {
			continue
		}
		if body, err := unseal(s[:n+4]); err == nil {
			// The generation is the first number in every version.
			d := decoder{b: body[slotHeader:]}
			if g := d.uint(); slot == nil || g > gen {
				slot, gen = s, g
			}
		}
	}
	if slot == nil {
		return nil, 0, errDamaged
	}
	return slot, binary.LittleEndian.Uint16(slot[8:]), nil
}

// versionOf is the format of a segment. With one that is damaged loading deals.
func (q *Queue) versionOf(name string) (version uint16, err error) {
	err = q.withSegment(name, func(tx *bolt.Tx) error {
		m := tx.Bucket(factsBucket())
		if m == nil {
			return errDamaged
		}
		fact := m.Get([]byte("format"))
		if err := checkFormat(fact); err == nil || errors.Is(err, ErrNewer) {
			version = formatVersion
			return err
		}
		for _, o := range q.opt.older {
			if o.format(fact) {
				version = o.version
				return nil
			}
		}
		return errDamaged
	})
	return version, err
}

func (q *Queue) withSegment(name string, f func(*bolt.Tx) error) error {
	if _, err := precheck(q.fs, name, contents); err != nil {
		return err
	}
	db, err := q.fs.OpenDB(name, true, int(q.sz.segment), q.sz.limit())
	if err != nil {
		return err
	}
	err = guard("read "+name, func() error { return db.View(f) })
	return errors.Join(err, db.Close())
}

// migrateSegment makes the segment of each next version out of the one before.
func (q *Queue) migrateSegment(name string, version uint16) error {
	from := name
	for _, o := range q.opt.older {
		if o.version < version {
			continue
		}
		to := fmt.Sprintf("%s.%d%s", name, o.version, tmpSuffix)
		if err := ignoreMissing(q.fs.Remove(to)); err != nil {
			return err
		}
		db, err := q.fs.OpenDB(to, false, int(q.sz.segment), 2*q.sz.limit())
		if err != nil {
			return err
		}
		err = q.withSegment(from, func(in *bolt.Tx) error {
			return guard("write "+to, func() error {
				return db.Update(func(out *bolt.Tx) error { return o.segment(in, out) })
			})
		})
		if err = errors.Join(err, db.Close()); err != nil {
			return err
		}
		from = to
	}
	return q.replace(name, from, version)
}

// replace puts a new file in the place of an old one, which is kept.
func (q *Queue) replace(name, made string, version uint16) error {
	err := q.fs.SyncDir()
	if err == nil {
		err = q.fs.Rename(name, oldName(name, version))
	}
	if err == nil {
		err = q.fs.SyncDir()
	}
	if err == nil {
		err = q.fs.Rename(made, name)
	}
	if err == nil {
		err = q.fs.SyncDir()
	}
	return err
}

// migrateState makes the state file.
func (q *Queue) migrateState(slot []byte, version uint16, segments int) error {
	i := slices.IndexFunc(q.opt.older, func(o migration) bool { return o.version == version })
	if i < 0 {
		return fmt.Errorf("%s has format %d, which no version that reads it is known of: %w", sidecarName, version, errDamaged)
	}
	st, err := q.opt.older[i].state(slot)
	if err != nil {
		return fmt.Errorf("cannot bring %s from format %d to %d: %w", sidecarName, version, formatVersion, err)
	}
	const made = sidecarName + ".new" + tmpSuffix
	if err := ignoreMissing(q.fs.Remove(made)); err != nil {
		return err
	}
	file, err := q.fs.Open(made, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	text := make([]byte, sidecarSize)
	copy(text[st.gen%2*slotSize:], st.encode())
	_, err = file.WriteAt(text, 0)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = q.replace(sidecarName, made, version)
	}
	if err == nil {
		q.info("buffer.migrated", "buffer brought to a newer format", "count", segments, "from", version, "to", formatVersion)
	}
	return err
}

// dropOld removes the files of the format before, now that everything was read
// and saved in this one. What stays is tried again at the next start.
func (q *Queue) dropOld(names []string) {
	for _, old := range names {
		if _, ok := parseOldName(old); ok {
			if err := q.fs.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
				q.warn("buffer.leftover", "a file of an older format cannot be removed", "file", old, "err", err)
			}
		}
	}
}
