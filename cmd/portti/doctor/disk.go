package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
)

func diskChecks() []Check {
	return []Check{
		{ID: "C26", Family: "CLK", Title: "battery clock in UTC", Run: checkZone},
		{ID: "C27", Family: "BUF", Title: "free disk", Run: checkFree},
		{ID: "C28", Family: "HW", Title: "file system sound", Run: checkFileSystem},
		{ID: "C29", Family: "BUF", Title: "buffer reads", Run: checkBuffer},
		{ID: "C30", Family: "BUF", Title: "buffer on a disk", Run: checkPlace},
		{ID: "C31", Family: "HW", Title: "speed of the card", Run: checkSync},
		{ID: "C32", Family: "HW", Title: "wear of the card", Run: checkWear},
		{ID: "C33", Family: "BUF", Title: "room in the buffer", Run: checkRoom},
	}
}

// Limits of the disk.
const (
	fewInodes   = 5                // percent free
	slowFlush   = 250              // ms, on average since boot
	badFlush    = 1000             //
	fewFlushes  = 100              // before an average says anything
	worn        = 8                // life_time in tenths: 8 = 70 to 80 % used
	manyWrites  = 20 << 30         // bytes a day, which wear out a small card within a few years
	quickBuffer = 16 << 20         // bytes that are read well within the limit of a check, on a slow card too
	littleRoom  = 4 * time.Hour    //
	noRoom      = 30 * time.Minute //
)

// settings are the configuration, or what is built in where it has mistakes.
func (h *Host) settings() *config.Config {
	if h.Config != nil {
		return h.Config
	}
	return config.Defaults()
}

// checkZone looks whether the battery clock is read as local time: it is then an hour or
// more wrong until a time server answers, and again at each change of summer time.
func checkZone(_ context.Context, h *Host, r *Report) {
	lines := strings.Split(h.Read("etc/adjtime"), "\n")
	_, err := fs.Stat(h.Root, "sys/class/rtc/rtc0")
	switch {
	case len(lines) >= 3 && strings.TrimSpace(lines[2]) == "LOCAL":
		r.Warn("", "The battery clock is kept in local time: after a start without network the time is wrong by the zone, and twice a year by an hour.",
			"Keep it in UTC: `sudo timedatectl set-local-rtc 0 --adjust-system-clock`")
	case err != nil:
		r.Skip("this machine has no battery clock")
	default:
		r.Pass("in UTC")
	}
}

func checkFree(_ context.Context, h *Host, r *Report) {
	if h.Disk == nil {
		r.Skip("the disk cannot be asked here")
		return
	}
	cfg := h.settings()
	at := cfg.Paths.State
	d, err := h.Disk(at)
	for ; errors.Is(err, fs.ErrNotExist) && at != "/"; d, err = h.Disk(at) {
		at = path.Dir(at) // it is made at the first start
	}
	if err != nil || d.Size == 0 {
		r.Skip("%s cannot be asked how full it is", at)
		return
	}
	least := uint64(max(cfg.Buffer.MinFreeDisk, 0))
	free := config.Size(d.Free / 1e6 * 1e6).String()
	clean := []string{"See what takes the room: `sudo du -xh --max-depth=2 / | sort -h | tail`", "Old packages and logs: `sudo apt clean; sudo journalctl --vacuum-size=50M`"}
	switch {
	case d.Inodes > 0 && d.FreeInodes*100 < d.Inodes*fewInodes:
		r.Warn(at, fmt.Sprintf("Only %d of %d files more can be made on the disk, however much room there is.", d.FreeInodes, d.Inodes),
			"See which folder has so many files: `sudo du -x --inodes --max-depth=2 / | sort -n | tail`")
	case d.Free < least:
		r.Fail(at, fmt.Sprintf("Only %s of the disk is free, less than min_free_disk (%s): the buffer does not grow any more.", free, cfg.Buffer.MinFreeDisk), clean...)
	case d.Free < 2*least || d.Free < d.Size/20:
		r.Warn(at, fmt.Sprintf("Only %s of the disk is free, %d %% of it.", free, d.Free*100/d.Size), clean...)
	default:
		r.Pass("%s free, %d %%", free, d.Free*100/d.Size)
	}
}

// mount is a line of /proc/self/mountinfo.
type mount struct {
	point, kind, source string
	options             []string // of the mount and of its file system
	device              string   // major:minor
}

// mounts are those of the machine as a process sees them, the last one first.
func (h *Host) mounts() []mount {
	var all []mount
	for line := range strings.Lines(h.Read("proc/self/mountinfo")) {
		before, after, _ := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if len(f) < 6 || len(g) < 3 {
			continue
		}
		point := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`).Replace(f[4])
		all = append(all, mount{point: point, kind: g[0], source: g[1], device: f[2], options: append(strings.Split(f[5], ","), strings.Split(g[2], ",")...)})
	}
	slices.Reverse(all)
	return all
}

// mountOf is the mount that holds a path.
func (h *Host) mountOf(p string) (m mount, ok bool) {
	for _, c := range h.mounts() {
		in := c.point == "/" || p == c.point || strings.HasPrefix(p, c.point+"/")
		if in && len(c.point) > len(m.point) {
			m, ok = c, true
		}
	}
	return m, ok
}

func checkFileSystem(_ context.Context, h *Host, r *Report) {
	if len(h.mounts()) == 0 {
		r.Skip("the mounts of this machine cannot be read")
		return
	}
	state := h.settings().Paths.State
	if m, ok := h.mountOf(state); ok && slices.Contains(m.options, "ro") {
		r.Fail(m.point, fmt.Sprintf("The file system that holds %s is read-only: readings are kept in memory only. The kernel does that after an error of the card.", state),
			"See why: `sudo dmesg | grep -iE 'mmc|ext4|remount|I/O'`", "If it was made so on purpose, give portti a writable one: state in [paths]", "After an error of the card save the readings, and replace it: `sudo portti queue export`")
	}
	counts, _ := fs.Glob(h.Root, "sys/fs/ext4/*/errors_count")
	for _, file := range counts {
		n, err := strconv.Atoi(h.Read(file))
		if err != nil || n == 0 {
			continue
		}
		disk := path.Base(path.Dir(file))
		r.Warn(disk, fmt.Sprintf("The file system on %s has noted %s: the card is failing, or the power was cut while it wrote.", disk, status.Count(uint64(n), "error")),
			"See what they were: `sudo dmesg | grep -iE 'mmc|ext4|I/O'`", "Have it checked at the next start: fsck.mode=force in /boot/firmware/cmdline.txt, or wherever the kernel's command line stands; then `sudo reboot`", "If the number grows save the readings, and replace the card: `sudo portti queue export`")
	}
}

// checkBuffer reads the buffer where no gateway does: a running one has read what it has
// open, and tells by itself what it set aside.
func checkBuffer(ctx context.Context, h *Host, r *Report) {
	dir := h.settings().Paths.BufferDir()
	switch s := h.Status; {
	case s != nil && s.Buffer.State == status.BufferDegraded:
		r.Fail("", "The running gateway cannot use its disk as it should: "+s.Buffer.LastError+".", "See what it says: `portti status`", "Read every record: `sudo portti queue check`")
		return
	case s != nil:
		r.Pass("the running gateway reads and writes it")
		return
	case h.Buffer == nil:
		r.Skip("the buffer cannot be read here")
		return
	}
	size, err := sizeBelow(h.Root, strings.TrimPrefix(dir, "/"))
	switch {
	case errors.Is(err, fs.ErrPermission):
		r.Skip("only root may read the buffer")
		return
	case errors.Is(err, fs.ErrNotExist):
		r.Pass("there is none yet")
		return
	case size > quickBuffer:
		r.Skip("it is too large to be read in a moment: sudo portti queue check")
		return
	}
	faults, err := h.Buffer(ctx, dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Pass("there is none yet")
	case errors.Is(err, fs.ErrPermission):
		r.Skip("only root may read the buffer")
	case err != nil:
		r.Fail(dir, "The buffer cannot be read: "+err.Error()+".", "See what is wrong: `sudo portti queue check`")
	case len(faults) > 0:
		r.Fail(dir, fmt.Sprintf("The buffer is damaged: %s. At the next start the gateway keeps what can be read, sets the rest aside and counts what is lost.", faults[0]),
			"Take the readings off this card first: `sudo portti queue export > readings.jsonl`", "See everything that is wrong: `sudo portti queue check`")
	default:
		r.Pass("every record is sound")
	}
}

// sizeBelow is how many bytes the files below a folder have.
func sizeBelow(root fs.FS, dir string) (size int64, err error) {
	err = fs.WalkDir(root, dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return size, err
}

func checkPlace(_ context.Context, h *Host, r *Report) {
	state := h.settings().Paths.State
	m, ok := h.mountOf(state)
	switch {
	case !ok:
		r.Skip("the mounts of this machine cannot be read")
	case m.kind == "tmpfs" || m.kind == "ramfs":
		r.Fail(state, fmt.Sprintf("The buffer is in memory (%s on %s): every reading that waits is lost when the power is cut.", m.kind, m.point),
			"Name a folder on the card or a disk: state in [paths]; see where there is one: `df -hT`")
	case m.kind == "overlay":
		r.Warn(state, fmt.Sprintf("The buffer is on an overlay (%s): where its upper layer is in memory, as on a read-only image, every reading that waits is lost when the power is cut.", m.point),
			"See where the upper layer is: `findmnt -t overlay -o TARGET,OPTIONS`", "Name a folder on a disk of its own: state in [paths]")
	default:
		r.Pass("%s on %s", m.kind, m.source)
	}
}

// diskstats are the counters of a whole disk; nil = there is none of that name.
func (h *Host) diskstats(name string) []uint64 {
	for line := range strings.Lines(h.Read("proc/diskstats")) {
		f := strings.Fields(line)
		if len(f) < 14 || f[2] != name {
			continue
		}
		all := make([]uint64, len(f))
		for i, text := range f {
			all[i], _ = strconv.ParseUint(text, 10, 64)
		}
		return all
	}
	return nil
}

// diskOf is the name of the whole disk that holds a path.
func (h *Host) diskOf(p string) string {
	m, ok := h.mountOf(p)
	if !ok {
		return ""
	}
	major, minor, _ := strings.Cut(m.device, ":")
	for line := range strings.Lines(h.Read("proc/diskstats")) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != major || f[1] != minor {
			continue
		}
		name := f[2]
		for _, disk := range []string{"mmcblk", "nvme", "loop"} {
			if strings.HasPrefix(name, disk) {
				before, _, _ := strings.Cut(strings.TrimPrefix(name, disk), "p")
				return disk + before
			}
		}
		return strings.TrimRight(name, "0123456789")
	}
	return ""
}

// checkSync takes the kernel's own figures: how long the disk took to make safe what was
// written to it. Nothing is written for it.
func checkSync(_ context.Context, h *Host, r *Report) {
	disk := h.diskOf(h.settings().Paths.State)
	f := h.diskstats(disk)
	if disk == "" || len(f) < 20 || f[18] < fewFlushes {
		r.Skip("the kernel has no figures of the disk that holds the buffer")
		return
	}
	average := f[19] / f[18]
	text := fmt.Sprintf("%s took %d ms on average to make safe what was written, %d times since boot", disk, average, f[18])
	slower := "Let readings wait longer in memory, which a power cut then loses: commit_every = \"5s\" in [buffer]"
	switch {
	case average >= badFlush:
		r.Fail(disk, text+". That is how a worn card begins to fail.", "Replace the card by one made for constant writing (high endurance, industrial)", slower)
	case average >= slowFlush:
		r.Warn(disk, text+", which is slow.", "See what else writes to it: `sudo iotop -oa -n 3 -b`", slower)
	default:
		r.Pass("%s", text)
	}
}

func checkWear(_ context.Context, h *Host, r *Report) {
	looked := false
	cards, _ := fs.Glob(h.Root, "sys/block/mmcblk*/device/life_time")
	for _, file := range cards {
		name := strings.Split(file, "/")[2]
		most := uint64(0)
		for _, text := range strings.Fields(h.Read(file)) {
			n, err := strconv.ParseUint(text, 0, 8)
			if err == nil {
				most = max(most, n)
			}
		}
		end := h.Read(path.Join(path.Dir(file), "pre_eol_info"))
		if most == 0 {
			continue
		}
		looked = true
		const save = "Save the readings, and replace it: `sudo portti queue export > readings.jsonl`"
		used := fmt.Sprintf("%d to %d %%", (most-1)*10, most*10)
		switch {
		case end == "0x03" || most >= 11:
			r.Fail(name, fmt.Sprintf("%s has reached the end of its life by its own account.", name), save)
		case end == "0x02" || most >= worn+1:
			r.Warn(name, fmt.Sprintf("%s has used %s of its life by its own account.", name, used), "Plan its replacement; meanwhile see what writes so much: `sudo iotop -oa -n 3 -b`")
		default:
			r.Pass("%s has used %s of its life", name, used)
		}
	}
	h.writes(r, looked)
}

// writes tells how much is written to the disk of the buffer, by the kernel's figures.
func (h *Host) writes(r *Report, looked bool) {
	disk := h.diskOf(h.settings().Paths.State)
	f := h.diskstats(disk)
	up, _, _ := strings.Cut(h.Read("proc/uptime"), " ")
	seconds, err := strconv.ParseFloat(up, 64)
	switch {
	case err != nil || seconds < 3600 || f == nil:
		if !looked {
			r.Skip("the card keeps no account of its life, and the machine has not run for an hour")
		}
	case float64(f[9])*512/seconds*86400 > manyWrites:
		r.Warn(disk, fmt.Sprintf("%s is written to with %s a day, which wears out a small card within a few years.", disk, config.Size(float64(f[9])*512/seconds*86400/1e9)*1e9),
			"See which program it is: `sudo iotop -oa -n 3 -b`", "Keep logs in memory where that is no loss: Storage=volatile in /etc/systemd/journald.conf")
	default:
		r.Pass("%s is written to with %.0f MB a day", disk, float64(f[9])*512/seconds*86400/1e6)
	}
}

func checkRoom(_ context.Context, h *Host, r *Report) {
	if h.Status == nil {
		r.Skip("the gateway does not run, which knows how fast readings come")
		return
	}
	b := h.Status.Buffer
	room := time.Duration(b.HeadroomS * float64(time.Second))
	actions := []string{"Bring the link back, if it is down: `portti netcheck`", "Give the buffer more room, where the disk has it: max_size in [buffer]; then `sudo portti reload`"}
	switch {
	case b.NoRoom():
		r.Fail("", "The buffer has no room left: for new readings others are given up.", actions...)
	case room == 0:
		r.Skip("not known yet: it takes some minutes of readings")
	case room < noRoom:
		r.Fail("", fmt.Sprintf("The buffer has room for about %s without the link.", status.InWords(room)), actions...)
	case room < littleRoom:
		r.Warn("", fmt.Sprintf("The buffer has room for about %s without the link, less than 4 hours.", status.InWords(room)), actions...)
	default:
		r.Pass("for about %s without the link", status.InWords(room))
	}
}
