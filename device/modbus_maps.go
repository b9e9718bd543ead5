package device

import (
	"portti/device/fields"
	"portti/device/modbus"
)

// modbusMap is the registers of one series of meters.
type modbusMap struct {
	name  string
	table modbus.Table
	rows  []modbusRow
}

// modbusRow is one register of a map. All numbers have the high byte and the high word
// first; the value sent is the register's, moved by places to the left (-1: tenths).
type modbusRow struct {
	address int
	kind    string
	places  int
	field   string
}

// modbusMaps are the maps that come with portti: facts of the makers' public documents,
// in our fields, which docs/modbus.md lists with their units.
//
//	sdm120, sdm630  Eastron, "SDM120-Modbus" and "SDM630-Modbus V2, Modbus protocol
//	                implementation": input registers, floats in two registers
//	b23             ABB, "B23/B24 User Manual" 2CMC485003M0201, chapter 9: holding
//	                registers, all bits set (signed: but the highest) = no such value
//	iem3155         Schneider Electric, "iEM3000 series user manual" DOCA0005EN, register
//	                list: numbered from 1 there, so 3028 has address 3027; power in kW
//	                and energy in Wh there
func modbusMaps() []modbusMap {
	return []modbusMap{
		{"b23", modbus.Holding, []modbusRow{
			{0x5000, "u64", -2, "energyImport"}, {0x5004, "u64", -2, "energyExport"},
			{0x5B00, "u32", -1, "voltageL1"}, {0x5B02, "u32", -1, "voltageL2"}, {0x5B04, "u32", -1, "voltageL3"},
			{0x5B0C, "u32", -2, "currentL1"}, {0x5B0E, "u32", -2, "currentL2"}, {0x5B10, "u32", -2, "currentL3"},
			{0x5B14, "i32", -2, "power"}, {0x5B16, "i32", -2, "powerL1"}, {0x5B18, "i32", -2, "powerL2"}, {0x5B1A, "i32", -2, "powerL3"},
			{0x5B1C, "i32", -2, "reactivePower"}, {0x5B24, "i32", -2, "apparentPower"},
			{0x5B2C, "u16", -2, "frequency"}, {0x5B3A, "i16", -3, "powerFactor"},
		}},
		{"iem3155", modbus.Holding, []modbusRow{
			{2999, "f32", 0, "currentL1"}, {3001, "f32", 0, "currentL2"}, {3003, "f32", 0, "currentL3"},
			{3027, "f32", 0, "voltageL1"}, {3029, "f32", 0, "voltageL2"}, {3031, "f32", 0, "voltageL3"},
			{3053, "f32", 3, "powerL1"}, {3055, "f32", 3, "powerL2"}, {3057, "f32", 3, "powerL3"},
			{3059, "f32", 3, "power"}, {3067, "f32", 3, "reactivePower"}, {3075, "f32", 3, "apparentPower"},
			{3109, "f32", 0, "frequency"}, {3203, "i64", -3, "energyImport"}, {3207, "i64", -3, "energyExport"},
		}},
		{"sdm120", modbus.Input, []modbusRow{
			{0, "f32", 0, "voltage"}, {6, "f32", 0, "current"}, {12, "f32", 0, "power"}, {18, "f32", 0, "apparentPower"},
			{24, "f32", 0, "reactivePower"}, {30, "f32", 0, "powerFactor"}, {70, "f32", 0, "frequency"},
			{72, "f32", 0, "energyImport"}, {74, "f32", 0, "energyExport"},
		}},
		{"sdm630", modbus.Input, []modbusRow{
			{0, "f32", 0, "voltageL1"}, {2, "f32", 0, "voltageL2"}, {4, "f32", 0, "voltageL3"},
			{6, "f32", 0, "currentL1"}, {8, "f32", 0, "currentL2"}, {10, "f32", 0, "currentL3"},
			{12, "f32", 0, "powerL1"}, {14, "f32", 0, "powerL2"}, {16, "f32", 0, "powerL3"},
			{52, "f32", 0, "power"}, {56, "f32", 0, "apparentPower"}, {60, "f32", 0, "reactivePower"}, {62, "f32", 0, "powerFactor"},
			{70, "f32", 0, "frequency"}, {72, "f32", 0, "energyImport"}, {74, "f32", 0, "energyExport"},
		}},
	}
}

// points are the registers of a map, as those that a configuration names.
func (m modbusMap) points() []modbusPoint {
	all, types := make([]modbusPoint, 0, len(m.rows)), modbusTypes()
	for _, r := range m.rows {
		row := types[r.kind]
		row.Name, row.Mul, row.Decimals = r.field, 1, max(-r.places, 0)
		for range r.places {
			row.Mul *= 10
		}
		row.NA, row.HasNA = m.absent(r.kind, row)
		all = append(all, modbusPoint{span: modbus.Span{Table: m.table, Address: r.address, Count: row.Size / 2}, row: row})
	}
	return all
}

// absent is what a register holds where the meter has no such value.
func (m modbusMap) absent(kind string, row fields.Row) (raw uint64, ok bool) {
	all := uint64(1)<<(8*row.Size) - 1
	switch {
	case m.name == "iem3155" && kind == "i64":
		return 1 << 63, true
	case m.name == "b23" && row.Type == fields.Signed:
		return all >> 1, true
	}
	return all, m.name == "b23"
}
