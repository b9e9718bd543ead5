package buffer

import (
	"strings"

	"portti/buffer/crashtest"
)

// What each flush in a log is for, and the log with one of them left out. A flush
// that does nothing answers as one that does: the queue goes on alike, so one
// recorded life serves all mutants, and to leave a flush out is to leave it out of
// the log.

// Purposes of the flushes, and of the writes that are left out as a whole. "new" is
// of a file under a temporary name; "last" of its last commit before it is renamed.
const (
	forPages     = "pages of a commit"
	forMeta      = "meta page of a commit"
	forMade      = "creation of a new file"
	forNewPages  = "pages of a new file, commits before the last"
	forNewMeta   = "meta page of a new file, commits before the last"
	forLastPages = "pages of a new file, last commit"
	forLastMeta  = "meta page of a new file, last commit"
	forSlot      = "slot of the state file"
	forNewState  = "new state file"
	forLine      = "line in quarantine.log"
	forLines     = "line in quarantine.log, another one follows at once"
	forNaming    = "folder, new segment named"
	forReplacing = "folder, segment replaced"
	forAside     = "folder, damaged file set aside"
	forSalvaged  = "folder, salvaged file named"
	forState     = "folder, state file replaced"
	forLog       = "folder, quarantine.log made"
	forMoved     = "folder, wrong name put right"
	forNothing   = "folder, nothing changed"

	slotAtStart   = "slot at a start"
	slotOfNumbers = "slot that reserves numbers"
	slotOfUnlink  = "slot before a segment is unlinked"
	slotAtStop    = "slot at a stop"
	slotOfOffset  = "slot with the offset of a boot"
	slotOfNotes   = "slot of progress"
	slotUnsynced  = "third slot"
)

// purposes says what the operations of a log are for, "" where nothing is asked of
// them.
type purposes struct {
	log      []crashtest.Op
	of       []string
	names    map[int]string // by inode
	inode    map[string]int
	fresh    map[int]bool   // a bbolt file of which no commit was seen
	last     map[int]string // the last kind of write to a bbolt file
	tmp      map[int][]int  // operations that synced a file under a temporary name
	dir      string         // the latest change of the folder
	reserved uint64
	offsets  int
	opening  bool
}

func purposesOf(log []crashtest.Op) []string {
	p := &purposes{log: log, of: make([]string, len(log)), names: map[int]string{}, inode: map[string]int{},
		fresh: map[int]bool{}, last: map[int]string{}, tmp: map[int][]int{}, dir: forNothing}
	for i, o := range log {
		switch o.Kind {
		case "mark":
			if k, ok := o.Mark.(known); ok && k.opening {
				p.opening = true
			}
		case "create":
			p.create(o)
		case "remove":
			delete(p.inode, o.Name)
		case "rename":
			p.rename(o)
		case "write":
			p.write(i, o)
		case "sync":
			p.sync(i, o)
		case "syncdir":
			p.of[i], p.dir = p.dir, forNothing
		}
	}
	for i := 0; i < len(log) && log[i].Kind != "mark"; i++ {
		p.of[i] = "" // how a life found the disk
	}
	return p.of
}

func (p *purposes) create(o crashtest.Op) {
	p.names[o.Inode], p.inode[o.Name] = o.Name, o.Inode
	p.fresh[o.Inode] = strings.HasSuffix(o.Name, segSuffix+tmpSuffix)
	if o.Name == quarantineName {
		p.dir = forLog
	}
}

func (p *purposes) rename(o crashtest.Op) {
	_, there := p.inode[o.To]
	_, salvage := p.inode[o.To+salvageSuffix]
	switch {
	case o.To == sidecarName:
		p.dir = forState
	case strings.HasSuffix(o.To, salvageSuffix):
		p.dir = forAside
	case strings.HasSuffix(o.Name, movedSuffix), strings.HasSuffix(o.To, movedSuffix):
		p.dir = forMoved
	case !strings.HasSuffix(o.Name, tmpSuffix):
	case salvage:
		p.dir = forSalvaged
	case there:
		p.dir = forReplacing
	default:
		p.dir = forNaming
	}
	if syncs := p.tmp[o.Inode]; strings.HasSuffix(o.To, segSuffix) && len(syncs) > 0 {
		p.of[syncs[len(syncs)-1]] = forLastMeta
		if len(syncs) > 1 { // the first commit has one sync, each other one two
			p.of[syncs[len(syncs)-2]] = forLastPages
		}
	}
	delete(p.inode, o.Name)
	p.names[o.Inode], p.inode[o.To] = o.To, o.Inode
}

func (p *purposes) write(i int, o crashtest.Op) {
	switch {
	case p.names[o.Inode] == sidecarName:
		p.slot(i, o)
	case o.Off < 2*pageSize && !p.fresh[o.Inode]:
		p.last[o.Inode] = forMeta
	default:
		p.last[o.Inode] = forPages
	}
}

// slot finds out on which occasion a slot was written.
func (p *purposes) slot(i int, o crashtest.Op) {
	if size := int64(len(o.Data)); size >= sidecarSize && o.Off == 0 { // as a life found it
		for k := range int64(slots) {
			st, _ := decodeState(o.Data[k*slotSizeOf(size):])
			p.reserved = max(p.reserved, st.reserved)
		}
		return
	}
	st, err := decodeState(o.Data)
	if err != nil {
		return
	}
	was, offsets := p.reserved, p.offsets
	p.reserved, p.offsets = st.reserved, 0
	for _, s := range st.starts {
		p.offsets += int(bit(s.set))
	}
	switch {
	case len(o.Data)%pageSize != 0: // only synced ones have zeros behind them
		p.of[i] = slotUnsynced
	case p.opening:
		p.of[i], p.opening = slotAtStart, false
	case st.clean:
		p.of[i] = slotAtStop
	case p.offsets > offsets:
		p.of[i] = slotOfOffset
	case p.unlinksAfter(i):
		p.of[i] = slotOfUnlink
	case st.reserved > was:
		p.of[i] = slotOfNumbers
	default:
		p.of[i] = slotOfNotes
	}
}

// unlinksAfter says whether the next change after a slot removes a segment.
func (p *purposes) unlinksAfter(i int) bool {
	for _, o := range p.log[i+1:] {
		switch o.Kind {
		case "sync", "mark":
		case "remove":
			return strings.HasSuffix(o.Name, segSuffix)
		default:
			return false
		}
	}
	return false
}

func (p *purposes) sync(i int, o crashtest.Op) {
	name := p.names[o.Inode]
	fresh := p.fresh[o.Inode]
	p.fresh[o.Inode] = false
	kind := p.last[o.Inode]
	switch {
	case name == sidecarName:
		p.of[i] = forSlot
	case name == sidecarName+tmpSuffix:
		p.of[i] = forNewState
	case name == quarantineName && i+1 < len(p.log) && p.log[i+1].Inode == o.Inode:
		p.of[i] = forLines
	case name == quarantineName:
		p.of[i] = forLine
	case strings.HasSuffix(name, segSuffix):
		p.of[i] = kind
	case fresh:
		p.of[i] = forMade
	case kind == forPages:
		p.of[i] = forNewPages
		p.tmp[o.Inode] = append(p.tmp[o.Inode], i)
	default:
		p.of[i] = forNewMeta
		p.tmp[o.Inode] = append(p.tmp[o.Inode], i)
	}
}
