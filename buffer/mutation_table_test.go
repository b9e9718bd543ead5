package buffer

// allMutants are what is left out or done otherwise, one at a time.
func allMutants() []mutant {
	return append(append(withoutSync(), unwritten()...), otherwise()...)
}

// withoutSync are flushes that do nothing.
func withoutSync() []mutant {
	no := func(life, purpose string) mutant {
		return mutant{name: "no sync: " + purpose, life: life, drop: []string{purpose}}
	}
	idle := func(life, purpose, why string) mutant {
		m := no(life, purpose)
		m.idle = why
		return m
	}
	return []mutant{
		{name: "no sync at all", life: "steady", drop: []string{forPages, forMeta, forMade, forLastPages, forLastMeta,
			forSlot, forNewState, forNaming, forReplacing, forState}},
		no("steady", forPages),
		no("steady", forMeta),
		idle("steady", forMade, "nobody looks at a new file before its last sync, which takes this along; bbolt's"),
		no("steady", forLastMeta),
		idle("full", forNewPages, "as its creation; it spreads what the last sync would write at once"),
		idle("full", forNewMeta, "as its creation; it spreads what the last sync would write at once"),
		no("full", forLastMeta),
		{name: "no sync: a new file, last commit", life: "salvage", drop: []string{forLastPages, forLastMeta}},
		no("steady", forSlot),
		no("oldest", forSlot),
		no("steady", forNewState),
		no("refused", forLine),
		idle("refused", forLines, "the sync of the next line takes it along"),
		no("steady", forNaming),
		no("steady", forReplacing),
		no("full", forReplacing),
		no("steady", forState),
		no("salvage", forAside),
		no("salvage", forSalvaged),
		no("rescue", forAside),
		no("rescue", forSalvaged),
		no("refused", forLog),
		idle("misnamed", forMoved, "a start puts it right once more"),
	}
}

// unwritten is what is not written at all.
func unwritten() []mutant {
	return []mutant{
		{name: "no " + slotAtStart, life: "steady", turn: noSlot(slotAtStart)},
		{name: "no " + slotOfNumbers, life: "steady", turn: noSlot(slotOfNumbers)},
		{name: "no " + slotOfUnlink, life: "steady", turn: noSlot(slotOfUnlink)},
		{name: "no " + slotOfUnlink, life: "oldest", turn: noSlot(slotOfUnlink)},
		{name: "no " + slotOfUnlink, life: "full", turn: noSlot(slotOfUnlink),
			idle: "the thinned file has the ledger, and says what it stands for; it is for what is given up as a whole"},
		{name: "no " + slotAtStop, life: "steady", turn: noSlot(slotAtStop)},
		{name: "no " + slotOfOffset, life: "steady", turn: noSlot(slotOfOffset)},
		{name: "no " + slotOfNotes, life: "steady", turn: noSlot(slotOfNotes)},
		{name: "no commit of the ledger alone after a loss", life: "healthy", turn: noLedger(true)},
		{name: "no commit of the ledger alone else", life: "healthy", turn: noLedger(false),
			idle: "read and acked may fall by the same amount; it bounds by how much"},
	}
}

// otherwise is what is done in another way or order.
func otherwise() []mutant {
	return []mutant{
		{name: "no rename: first state file", life: "steady", turn: withoutRename(isStateTmp, forState, true),
			idle: "nothing was there to be lost; made as one that replaces another"},
		{name: "no rename: state file replaced", life: "steady", turn: withoutRename(isStateTmp, forState, false)},
		{name: "no rename: new segment", life: "steady", turn: withoutRename(isSegmentTmp, forNaming, false)},
		{name: "no rename: segment replaced", life: "steady", turn: withoutRename(isSegmentTmp, forReplacing, false)},
		{name: "no rename: thinned segment", life: "full", turn: withoutRename(isSegmentTmp, forReplacing, false)},
		{name: "no rename: salvaged file", life: "salvage", turn: withoutRename(isSegmentTmp, forSalvaged, false)},
		{name: "order: unlink before its slot", life: "steady", turn: unlinkFirst},
		{name: "order: unlink before its slot", life: "oldest", turn: unlinkFirst},
		{name: "order: unlink before its slot", life: "full", turn: unlinkFirst, idle: "as without that slot"},
		{name: "order: third slot before its commit", life: "steady", turn: thirdSlotFirst},
		{name: "order: slot over the newest one", life: "steady", turn: overTheNewest},
		{name: "order: last name before the salvaged file", life: "salvage", turn: lastNameFirst},
		{name: "order: last name before the salvaged file", life: "rescue", turn: lastNameFirst},
		{name: "order: ledger after its records", life: "late"},
	}
}
