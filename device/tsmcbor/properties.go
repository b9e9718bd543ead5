package tsmcbor

import "sort"

// Property gives the name of a key and by how many places the decimal point of its
// values is moved. It does not allocate.
func Property(key uint64) (name string, decimals int, ok bool) {
	i := sort.Search(len(properties), func(i int) bool { return properties[i].key >= key })
	if i == len(properties) || properties[i].key != key {
		return "", 0, false
	}
	return properties[i].name, properties[i].decimals, true
}

// properties are the published keys by their numbers. 1210 and 1211 are the people
// counted in and out, and have nothing to do with messages of those numbers.
var properties = [...]struct {
	key      uint64
	name     string
	decimals int
}{
	{20, "pwr", 0}, {21, "batl", 1}, {22, "chrg", 0}, {23, "requestTsmId", 0}, {24, "timestamp", 0},
	{25, "transactionId", 0}, {26, "uptime", 0}, {27, "status", 0}, {28, "interval", 0}, {30, "temp", 1},
	{31, "lght", 0}, {32, "humd", 1}, {33, "airp", 3}, {34, "level", 0}, {35, "min", 0}, {36, "max", 0},
	{37, "mode", 0}, {38, "state", 0}, {39, "pressure", 3}, {40, "accx", 0}, {41, "accy", 0}, {42, "accz", 0},
	{43, "move", 0}, {44, "moveCount", 0}, {45, "dist", 0}, {46, "hall", 0}, {47, "hallCount", 0}, {48, "switch", 0},
	{49, "switchCount", 0}, {56, "gforce", 0}, {57, "gforceMax", 0}, {59, "voltage", 6}, {60, "wpnode", 0},
	{61, "rssi", 0}, {62, "tuid", 0}, {65, "rssiDbm", 0}, {70, "swVersion", 0}, {71, "modelCode", 0},
	{81, "activityLevel", 3}, {89, "energyLevel", 0}, {111, "resistance", 0}, {112, "index", 0}, {113, "count", 0},
	{146, "messageIndex", 0}, {147, "deviceState", 0}, {154, "restartCount", 0}, {170, "lastUpdate", 0},
	{171, "static", 0}, {181, "length", 0}, {182, "data", 0}, {183, "command", 0}, {184, "payload", 0},
	{190, "angle", 1}, {191, "duration", 0}, {256, "measurementInterval", 0}, {257, "measurementFrequency", 0},
	{258, "reportInterval", 0}, {259, "impactThresholdMin", 0}, {260, "impactThresholdMax", 1},
	{261, "idleInterval", 0}, {262, "accelerometerMode", 0}, {263, "threshold", 0}, {264, "enableLed", 0},
	{266, "weatherMode", 0}, {267, "hallMode", 0}, {268, "leakageMode", 0}, {269, "autoCalibration", 0},
	{270, "calibrationValue", 0}, {271, "filterValue", 0}, {272, "commandId", 0}, {273, "temperatureMode", 0},
	{274, "intervalMultiplier", 0}, {275, "temperatureHysteresis", 1}, {276, "humidityHysteresis", 1},
	{277, "pressureHysteresis", 3}, {278, "lightHysteresis", 0}, {279, "resistanceHysteresis", 0},
	{280, "orientationHysteresis", 0}, {281, "carbonDioxideHysteresis", 0}, {282, "tvocHysteresis", 0},
	{283, "carbonDioxide", 0}, {284, "tvoc", 0}, {285, "staticFilter", 0}, {286, "dynamicFilter", 0},
	{287, "samples", 0}, {288, "averaging", 0}, {289, "rounding", 0}, {290, "pressureCompensate", 0},
	{291, "energyLevelThreshold", 0}, {292, "activityLevelThreshold", 3}, {543, "autoRole", 0}, {544, "lowLatency", 0},
	{1000, "histogram0", 0}, {1001, "histogram1", 0}, {1002, "histogram2", 0}, {1003, "histogram3", 0},
	{1004, "histogram4", 0}, {1005, "histogram5", 0}, {1006, "histogram6", 0}, {1007, "histogram7", 0},
	{1008, "histogram8", 0}, {1009, "histogram9", 0}, {1100, "profileId", 0}, {1101, "tempMin", 1},
	{1102, "tempMax", 1}, {1103, "humdMin", 1}, {1104, "humdMax", 1}, {1105, "fromTimestamp", 0}, {1210, "in", 0},
	{1211, "out", 0}, {1279, "echo", 0},
}
