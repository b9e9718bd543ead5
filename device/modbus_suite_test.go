package device_test

import (
	"testing"

	"portti/device"
	"portti/device/devicetest"
)

// badModbus are values that type "modbus" refuses.
func badModbus() map[string]any {
	unit := func(u device.ModbusUnit) any {
		return &device.ModbusOptions{Units: map[string]device.ModbusUnit{"m": u}}
	}
	return map[string]any{
		"unit":           &device.ModbusOptions{},
		"unit.m.address": unit(device.ModbusUnit{Address: 248, Map: "sdm120"}),
		"unit.m.map":     unit(device.ModbusUnit{Address: 1, Map: "sdm9"}),
		"timeout":        &device.ModbusOptions{Timeout: "1", Units: map[string]device.ModbusUnit{"m": {Address: 1, Map: "sdm120"}}},
		"register.x.unit": &device.ModbusOptions{Units: map[string]device.ModbusUnit{"m": {Address: 1, Map: "sdm120"}},
			Registers: map[string]device.ModbusRegister{"x": {Unit: "n"}}},
	}
}

func FuzzModbus(f *testing.F) {
	devicetest.Fuzz(f, named("modbus"), devicetest.Options{Keys: &device.ModbusOptions{Units: map[string]device.ModbusUnit{"meter": {Address: 1, Map: "sdm120"}}}})
}
