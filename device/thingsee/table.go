package thingsee

import "math"

// The ends of a field without a published or physical limit.
const (
	lo = -math.MaxFloat64
	hi = math.MaxFloat64
)

// table holds what doc.go names as sources, by rising ID, and the private
// profile 90. Where no page prints a limit but nature does, ours stands:
// nothing is colder than -273.15 °C, no battery is over 100 %, and
// what a sensor says of a broken probe (65535, 3276.7) is often beyond them.
//
// Columns of a field: name, type, unit, least, greatest, required.
var table = [...]Definition{
	{1000, "Header-only message", Both, nil},
	{1100, "Thing system info", Up, []Field{
		{"swVersion", String, "", lo, hi, false}, {"modelCode", String, "", lo, hi, false},
		{"psn", String, "", lo, hi, false},
	}},
	{1101, "Thing information request", Down, []Field{{"requestTsmId", Integer, "", lo, hi, true}}},
	{1102, "Thing information unavailable response", Up, []Field{{"requestTsmId", Integer, "", lo, hi, true}}},
	{1110, "Thing battery info", Up, []Field{{"batl", Number, "%", 0, 100, true}, {"chrg", Integer, "", 0, 2, false}}},
	{1111, "Thing orientation info", Up, []Field{
		{"accx", Number, "mG", lo, hi, false}, {"accy", Number, "mG", lo, hi, false},
		{"accz", Number, "mG", lo, hi, false},
	}},
	{1112, "Thing uptime info", Up, []Field{{"uptime", Number, "s", 0, hi, false}}},
	{1113, "Temperature (undocumented)", Up, []Field{{"temp", Number, "°C", -273.15, 3000, false}}},
	{1200, "Wirepas network neighbouring data", Up, []Field{
		{"wpnode", String, "", lo, hi, true}, {"rssi", Number, "0-255 scale", 0, 255, true},
		{"rssiDbm", Number, "dBm", lo, hi, false}, {"neighNodeInfo", Number, "", lo, hi, false},
		{"neighRadioPower", Number, "", lo, hi, false}, {"neighRadioPowerDbm", Number, "dBm", lo, hi, false},
	}},
	{1201, "Wirepas node identification", Both, []Field{
		{"wpnode", Number, "", lo, hi, true}, {"tuid", String, "", lo, hi, false},
	}},
	{1202, "Sensor network neighbouring data", Up, []Field{
		{"tuid", String, "", lo, hi, true}, {"rssi", Number, "0-255 scale", 0, 255, true},
		{"rssiDbm", Number, "dBm", lo, hi, false}, {"neighNodeInfo", Number, "", lo, hi, false},
		{"neighRadioPower", Number, "", lo, hi, false}, {"neighRadioPowerDbm", Number, "dBm", lo, hi, false},
	}},
	{1203, "Bluetooth node identification", Both, []Field{
		{"btid", String, "", lo, hi, false}, {"tuid", String, "", lo, hi, false},
	}},
	{1205, "Sensor network identification", Both, []Field{
		{"tuid", String, "", lo, hi, false}, {"btid", String, "", lo, hi, false},
		{"wpnode", String, "", lo, hi, false},
	}},
	{1206, "iBeacon configuration", Down, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"beaconData", Buffer, "", lo, hi, false},
		{"beaconMajor", Integer, "", lo, hi, false}, {"beaconMinor", Integer, "", lo, hi, false},
		{"beaconChannels", Integer, "", lo, hi, false}, {"reportInterval", Integer, "ms", 100, 60000, false},
		{"txPower", Integer, "dBm", lo, hi, false},
	}},
	{1207, "Eddystone configuration", Down, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"beaconFrame", Integer, "", lo, hi, false},
		{"beaconData", Buffer, "", lo, hi, false}, {"beaconChannels", Integer, "", lo, hi, false},
		{"reportInterval", Integer, "ms", lo, hi, false}, {"txPower", Integer, "dBm", lo, hi, false},
	}},
	{1208, "Generic beacon configuration", Down, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"txPower", Integer, "dBm", lo, hi, false},
		{"reportInterval", Integer, "ms", lo, hi, false}, {"index", Integer, "", 0, 2, false},
		{"beaconChannels", Integer, "", lo, hi, false}, {"beaconData", Buffer, "", lo, hi, false},
	}},
	{1210, "Cellular location data", Up, []Field{
		{"lat", Number, "deg", -90, 90, false}, {"lon", Number, "deg", -180, 180, false},
		{"lacr", Number, "m", 0, hi, false},
	}},
	{1211, "Cellular RF data", Up, []Field{
		{"cellRsrp", Number, "dBm", lo, hi, false}, {"cellRsrq", Number, "dB", lo, hi, false},
		{"cellSinr", Number, "dB", lo, hi, false}, {"cellRssi", Number, "dBm", lo, hi, false},
		{"cellRscp", Number, "dBm", lo, hi, false}, {"cellEcn0", Number, "dB", lo, hi, false},
		{"cellLac", Number, "", lo, hi, false}, {"cellId", Number, "", lo, hi, false},
		{"cellTac", Number, "", lo, hi, false}, {"cellRat", String, "", lo, hi, false},
	}},
	{1212, "Cellular identification", Up, []Field{
		{"imei", String, "", lo, hi, false}, {"imsi", String, "", lo, hi, false},
		{"mcc_mnc", String, "", lo, hi, false}, {"operatorName", String, "", lo, hi, false},
	}},
	{1220, "Wirepas node diagnostics", Up, []Field{
		{"nodeAccessCycle", Number, "", lo, hi, false}, {"nodeRole", Number, "", lo, hi, false},
		{"nodeVoltage", Number, "", lo, hi, false}, {"nodeMaxBufferUsage", Number, "", lo, hi, false},
		{"nodeAverageBufferUsage", Number, "", lo, hi, false}, {"nodeMemAllocFails", Number, "", lo, hi, false},
		{"nodeScannings", Number, "", lo, hi, false}, {"nodeDroppedPackets", Number, "", lo, hi, false},
		{"nodeDutyCycle", Number, "", lo, hi, false}, {"nodeCurrentAntenna", Number, "", lo, hi, false},
	}},
	{1221, "Wirepas scratchpad sequence", Up, []Field{{"scratchpadSeqNumber", Number, "", lo, hi, false}}},
	{1222, "Wirepas traffic diagnostics", Up, []Field{
		{"nodeAccessCycle", Number, "", lo, hi, false}, {"nodeClusterChannel", Number, "", lo, hi, false},
		{"nodeChannelReliability", Number, "", lo, hi, false}, {"nodeRxAmount", Number, "", lo, hi, false},
		{"nodeTxAmount", Number, "", lo, hi, false}, {"nodeAlohaRxRatio", Number, "", lo, hi, false},
		{"nodeReservedRxSuccessRatio", Number, "", lo, hi, false},
	}},
	{1300, "Gateway firmware update", Down, []Field{{"binaries", Array, "", lo, hi, false}}},
	{1301, "Gateway firmware status", Up, []Field{
		{"result", String, "", lo, hi, false}, {"resultReason", String, "", lo, hi, false},
	}},
	{1302, "Wirepas OTAP update", Down, []Field{
		{"binaryUrl", String, "", lo, hi, false}, {"binaryVersion", String, "", lo, hi, false},
		{"binarySHA", String, "", lo, hi, false}, {"binaryFlags", Number, "", lo, hi, false},
		{"scratchpadSeqNumber", Number, "", 1, 254, false}, {"targetNodeIds", Array, "", lo, hi, false},
	}},
	{1303, "Wirepas OTAP status", Up, []Field{
		{"result", String, "", lo, hi, false}, {"resultReason", String, "", lo, hi, false},
	}},
	{1312, "Firmware binary version", Up, []Field{
		{"binaryType", String, "", lo, hi, false}, {"binaryVersion", String, "", lo, hi, false},
	}},
	{1313, "Hardware identification", Up, []Field{{"hwid", String, "", lo, hi, false}}},
	{1400, "Diagnostics info", Up, []Field{
		{"diagGroup", Integer, "", 0, 5, false}, {"diagType", String, "", lo, hi, false},
		{"diagData", String, "", lo, hi, false},
	}},
	{1401, "Enable diagnostics", Down, []Field{
		{"diagGroup", Integer, "", 0, 5, false}, {"diagExpiry", Number, "unix s", lo, hi, false},
		{"diagInterval", Number, "s", lo, hi, false}, {"diagLevel", Number, "", lo, hi, false},
	}},
	{1402, "Remote command", Both, []Field{
		{"command", String, "", lo, hi, false}, {"payload", String, "", lo, hi, false},
		{"transactionId", Integer, "", 0, 2147483647, false}, {"result", Number, "", lo, hi, false},
	}},
	{1403, "Error info", Up, []Field{
		{"errorType", String, "", lo, hi, false}, {"errorCause", String, "", lo, hi, false},
	}},
	{1404, "Remote reset request", Down, nil},
	{1500, "Sensor application interval configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"measurementInterval", Number, "s", lo, hi, false},
		{"reportInterval", Number, "s", lo, hi, false},
	}},
	{1501, "Wirepas node role configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"nodeRole", Number, "", 0, 1, false},
		{"autoRole", Number, "", 0, 1, false}, {"lowLatency", Number, "", 0, 1, false},
	}},
	{1502, "Wirepas access cycle configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"nodeAccessCycle", Number, "", 0, 3, false},
	}},
	{1503, "Battery profile configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"profileId", Number, "", 0, 3, false},
	}},
	{1504, "Low-power storage mode", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"enabled", Number, "", 0, 1, false},
	}},
	{1505, "Sensor LED control", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"profileId", Number, "", 0, 1, false},
		{"duration", Number, "s", lo, hi, false},
	}},
	{1600, "Ping request", Down, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"wpnode", Number, "", lo, hi, false},
	}},
	{2100, "Occupancy info", Up, []Field{{"state", Integer, "", 0, 1, false}}},
	{2101, "Jam detection", Up, []Field{{"state", Integer, "", 0, 1, false}}},
	{3100, "Edge core state change", Up, []Field{{"state", Integer, "", 0, 2, false}}},
	{3200, "Edge sync DB data command", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"binaryType", String, "", lo, hi, false},
		{"data", Buffer, "", lo, hi, false}, {"result", String, "", lo, hi, false},
		{"resultReason", String, "", lo, hi, false},
	}},
	{3300, "Edge core stats diagnostics", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"data", String, "", lo, hi, false},
	}},
	{3400, "Edge core binary event", Up, []Field{
		{"payload", Buffer, "", lo, hi, false}, {"index", Integer, "", 0, hi, false},
		{"count", Integer, "", lo, hi, false}, {"checksum", String, "", lo, hi, false},
	}},
	{10100, "Movement", Up, []Field{{"move", Integer, "", 0, 1, false}, {"moveCount", Integer, "", lo, hi, false}}},
	{10110, "Weather", Up, []Field{
		{"airp", Number, "Pa", 0, 2e6, false}, {"humd", Number, "%", 0, 100, false},
		{"temp", Number, "°C", -273.15, 3000, false}, {"lght", Number, "", 0, hi, false},
	}},
	{10111, "Carbon dioxide", Up, []Field{{"level", Number, "ppm", lo, hi, false}}},
	{10112, "Air particle level", Up, []Field{
		{"level", Number, "ppm", lo, hi, false}, {"min", Number, "µm", lo, hi, false},
		{"max", Number, "µm", lo, hi, false},
	}},
	{10113, "Air particle mass concentration", Up, []Field{
		{"level", Number, "µg/m³", lo, hi, false}, {"min", Number, "µm", lo, hi, false},
		{"max", Number, "µm", lo, hi, false},
	}},
	{10114, "Air particle number concentration", Up, []Field{
		{"level", Number, "1/m³", lo, hi, false}, {"min", Number, "µm", lo, hi, false},
		{"max", Number, "µm", lo, hi, false},
	}},
	{10115, "Typical particle size", Up, []Field{{"level", Number, "µm", lo, hi, false}}},
	{10116, "Total volatile organic compounds", Up, []Field{{"level", Number, "ppb", lo, hi, false}}},
	{11200, "Gateway heartbeat summary", Up, []Field{
		{"slotInterval", Number, "s", lo, hi, false}, {"slotBitCount", Integer, "", lo, hi, false},
		{"heartbeats", Array, "", lo, hi, false},
	}},
	{11201, "Gateway heartbeat single-device state change", Up, []Field{
		{"tuid", String, "", lo, hi, false}, {"slotInterval", Number, "s", lo, hi, false},
		{"slotBitCount", Integer, "", lo, hi, false}, {"slotBits", Number, "", lo, hi, false},
	}},
	{11210, "Gateway heartbeat configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"heartbeatInterval", Number, "min", lo, hi, false},
		{"reportInterval", Number, "min", lo, hi, false}, {"instantMode", Boolean, "", lo, hi, false},
		{"updateSinkCost", Boolean, "", lo, hi, false}, {"sinkCostMin", Number, "", lo, hi, false},
		{"sinkCostMax", Number, "", lo, hi, false}, {"sinkCostStep", Number, "per hour", lo, hi, false},
	}},
	{11211, "Gateway heartbeat request summary", Down, nil},
	{11310, "Send Wirepas raw packet", Both, []Field{
		{"wpnode", Number, "", lo, hi, false}, {"payload", Buffer, "bytes", 1, 102, false},
		{"srcEndpoint", Integer, "", 0, 255, false}, {"dstEndpoint", Integer, "", 0, 255, false},
		{"transactionId", Integer, "", 0, 2147483647, false}, {"result", Number, "", lo, hi, false},
	}},
	{11311, "Receive Wirepas raw packet", Up, []Field{
		{"wpnode", Number, "", lo, hi, false}, {"payload", Buffer, "", lo, hi, false},
		{"srcEndpoint", Integer, "", 0, 255, false}, {"dstEndpoint", Integer, "", 0, 255, false},
	}},
	{11312, "Wirepas raw packet reception configuration", Both, []Field{
		{"receiveEndpoints", Array, "", lo, hi, false}, {"diagSrcEndpoints", Array, "", lo, hi, false},
		{"transactionId", Integer, "", 0, 2147483647, false},
	}},
	{11320, "Wirepas application config data", Both, []Field{
		{"appConfigData", Buffer, "", lo, hi, false}, {"transactionId", Integer, "", 0, 2147483647, false},
	}},
	{11500, "Secondary MQTT configuration", Down, []Field{
		{"host", String, "", lo, hi, false}, {"port", Integer, "", lo, hi, false},
		{"tls", Boolean, "", lo, hi, false}, {"anonymous", Boolean, "", lo, hi, false},
		{"username", String, "", lo, hi, false}, {"password", String, "", lo, hi, false},
		{"publishTopic", String, "", lo, hi, false},
	}},
	{11501, "Secondary MQTT control", Down, []Field{
		{"enabled", Boolean, "", lo, hi, false}, {"tsopsMode", Integer, "", 0, 2, false},
	}},
	{12100, "Weather info", Up, []Field{
		{"airp", Number, "Pa", 0, 2e6, false}, {"humd", Number, "%", 0, 100, false},
		{"temp", Number, "°C", -273.15, 3000, false}, {"lght", Number, "lux", 0, 1e6, false},
	}},
	{12101, "Magneto switch info", Up, []Field{
		{"hall", Integer, "", 0, 1, true}, {"hallCount", Integer, "", lo, hi, false},
	}},
	{12102, "Leakage resistance data", Up, []Field{{"resistance", Number, "", lo, hi, false}}},
	{12200, "Environment sensor configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"accelerometerMode", Integer, "", 0, 2, false},
		{"weatherMode", Integer, "", -1, 0, false}, {"hallMode", Integer, "", -1, 1, false},
		{"leakageMode", Integer, "", 0, 1, false},
	}},
	{12210, "Weather sensor configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"intervalMultiplier", Integer, "", lo, hi, false},
		{"weatherMode", Integer, "", 0, 1, false}, {"temperatureHysteresis", Number, "°C", lo, hi, false},
		{"humidityHysteresis", Number, "%", lo, hi, false}, {"pressureHysteresis", Number, "Pa", lo, hi, false},
		{"lightHysteresis", Number, "lux", lo, hi, false},
	}},
	{12211, "Magneto switch configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"intervalMultiplier", Integer, "", lo, hi, false},
		{"hallMode", Integer, "", 0, 1, false},
	}},
	{12212, "Leakage sensor configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"intervalMultiplier", Integer, "", lo, hi, false},
		{"leakageMode", Integer, "", 0, 1, false}, {"resistanceHysteresis", Number, "", lo, hi, false},
	}},
	{13100, "Movement count", Up, []Field{{"moveCount", Integer, "", 0, hi, false}}},
	{13101, "Temperature data", Up, []Field{{"temp", Number, "°C", -273.15, 3000, false}}},
	{13102, "Occupancy count", Up, []Field{
		{"count", Integer, "", 0, hi, false}, {"duration", Integer, "s", 0, hi, false},
	}},
	{13103, "Directional people count", Up, []Field{
		{"in", Integer, "", lo, hi, false}, {"out", Integer, "", lo, hi, false},
		{"totalIn", Number, "", lo, hi, false}, {"totalOut", Number, "", lo, hi, false},
		{"amountIn", Number, "", lo, hi, false},
	}},
	{13200, "PIR sensor configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"threshold", Integer, "", 60, 1100, false},
		{"enableLed", Integer, "", 0, 1, false}, {"mode", Integer, "", 0, 2, false},
		{"passiveReportInterval", Integer, "s", 0, 86400, false},
	}},
	{13210, "Occupancy light configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"mode", Integer, "", 0, 2, false},
		{"index", Integer, "", 0, 2, false}, {"staticFilter", Integer, "", 0, 1, false},
		{"threshold", Integer, "", 0, hi, false}, {"duration", Integer, "s", 0, hi, false},
	}},
	{13211, "Occupancy light single light configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"index", Integer, "", 0, 2, false},
		{"max", Integer, "%", 0, 100, false},
	}},
	{16100, "Vibration info", Up, []Field{
		{"activityLevel", Number, "%", 0, 100, false}, {"energyLevel", Number, "", lo, hi, false},
		{"histogram0", Integer, "", lo, hi, false}, {"histogram1", Integer, "", lo, hi, false},
		{"histogram2", Integer, "", lo, hi, false}, {"histogram3", Integer, "", lo, hi, false},
		{"histogram4", Integer, "", lo, hi, false}, {"histogram5", Integer, "", lo, hi, false},
		{"histogram6", Integer, "", lo, hi, false}, {"histogram7", Integer, "", lo, hi, false},
		{"histogram8", Integer, "", lo, hi, false}, {"histogram9", Integer, "", lo, hi, false},
	}},
	{16200, "Accelerometer sensor configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"intervalMultiplier", Integer, "", lo, hi, false},
		{"accelerometerMode", Integer, "", 0, 2, false}, {"orientationHysteresis", Number, "deg", lo, hi, false},
		{"energyLevelThreshold", Number, "", lo, hi, false}, {"activityLevelThreshold", Number, "%", lo, hi, false},
		{"impactThreshold", Number, "mG", lo, hi, false}, {"fullScale", Number, "G", lo, hi, false},
	}},
	{17100, "Distance info", Up, []Field{{"dist", Number, "mm", 0, hi, false}}},
	{17110, "Distance sensor profile configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"profileId", Integer, "", 0, 3, false},
	}},
	{17200, "Distance 2 info", Up, []Field{
		{"dist", Number, "mm", 0, hi, false}, {"status", Integer, "", lo, hi, false},
		{"ambientRate", Number, "", lo, hi, false}, {"numberOfSPADs", Number, "", lo, hi, false},
		{"signalPerSPAD", Number, "", lo, hi, false},
	}},
	{17201, "Distance 2 2D area info", Up, []Field{{"dist", Array, "mm", lo, hi, false}}},
	{17210, "Distance 2 temperature info", Up, []Field{{"temp", Number, "°C", -273.15, 3000, false}}},
	{17220, "Distance 2 sensor configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"rangingMode", Integer, "", 1, 2, false},
		{"rangingTimingBudget", Integer, "ms", lo, hi, false}, {"rangingROI", Array, "", lo, hi, false},
		{"reportingHysteresisAbsolute", Number, "mm", lo, hi, false},
		{"reportingHysteresisRelative", Number, "%", lo, hi, false},
		{"reportingIgnoreErrors", Integer, "", 0, 1, false}, {"reportingEnableDebug", Integer, "", 0, 1, false},
		{"accelerometerMode", Integer, "", 0, 1, false}, {"temperatureMode", Integer, "", 0, 1, false},
		{"mode", Integer, "", 0, 1, false}, {"peopleCountingOrientation", Integer, "", 0, 3, false},
		{"peopleCountingDistanceThreshold", Number, "mm", lo, hi, false},
	}},
	{18100, "Angular position info", Up, []Field{{"angle", Number, "deg", 0, 360, false}}},
	{18101, "Temperature info", Up, []Field{{"temp", Number, "°C", -273.15, 3000, false}}},
	{18200, "LED control request", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"profileId", Integer, "", 0, 1, false},
		{"duration", Number, "s", lo, hi, false},
	}},
	{24100, "Carbon dioxide level", Up, []Field{
		{"carbonDioxide", Number, "ppm", 0, 1e6, false}, {"status", Integer, "", -1, 2, false},
	}},
	{24101, "Total volatile organic compounds", Up, []Field{{"tvoc", Number, "ppb", 0, 1e9, false}}},
	{24200, "Carbon dioxide configuration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"averaging", Integer, "", 1, 10, false},
		{"rounding", Integer, "ppm", 1, 1000, false}, {"samples", Integer, "", 1, 32, false},
		{"staticFilter", Integer, "", 0, 10, false}, {"dynamicFilter", Integer, "", 0, hi, false},
		{"autoCalibration", Integer, "h", 0, 65535, false}, {"calibrationValue", Integer, "ppm", 0, 65535, false},
		{"pressureCompensate", Integer, "", 0, hi, false}, {"carbonDioxideHysteresis", Number, "ppm", lo, hi, false},
	}},
	{24201, "Carbon dioxide manual calibration", Both, []Field{
		{"transactionId", Integer, "", 0, 2147483647, false}, {"calibrationValue", Integer, "ppm", lo, hi, false},
	}},
	{24202, "TVOC configuration", Both, nil},
	{24500, "Carbon dioxide read hardware component versions", Both, nil},
	{24501, "TVOC reset", Both, nil},
	{25100, "Power cover info", Up, []Field{{"usbState", Integer, "", 0, 1, false}}},
	{28009, "Radar occupancy", Up, []Field{
		{"dist", Number, "mm", 0, hi, false}, {"echo", Number, "", lo, hi, false},
		{"state", Integer, "", 0, 1, false},
	}},
	{90100, "GNSS fix detail", Up, []Field{
		{"lat", Number, "deg", -90, 90, false}, {"lon", Number, "deg", -180, 180, false},
		{"lacr", Number, "m", 0, hi, false}, {"alt", Number, "m", lo, hi, false},
		{"speed", Number, "m/s", 0, hi, false}, {"heading", Number, "deg", 0, 360, false},
		{"sats", Integer, "", 0, hi, false}, {"hdop", Number, "", 0, hi, false},
		{"fixType", Integer, "", 0, hi, false}, {"jump", Integer, "", 0, 1, false},
	}},
	{90110, "AIS position", Up, []Field{
		{"mmsi", Integer, "", 1, 999999999, true}, {"aisType", Integer, "", 1, 27, false},
		{"lat", Number, "deg", -90, 90, false}, {"lon", Number, "deg", -180, 180, false},
		{"lacr", Number, "m", 0, hi, false}, {"speed", Number, "m/s", 0, hi, false},
		{"course", Number, "deg", 0, 360, false}, {"heading", Integer, "deg", 0, 359, false},
		{"rot", Number, "deg/min", -720, 720, false}, {"navStatus", Integer, "", 0, 14, false},
		{"alt", Number, "m", 0, hi, false}, {"offPosition", Integer, "", 0, 1, false},
		{"virtual", Integer, "", 0, 1, false}, {"own", Integer, "", 0, 1, false},
	}},
	{90111, "AIS static", Up, []Field{
		{"mmsi", Integer, "", 1, 999999999, true}, {"aisType", Integer, "", 1, 27, false},
		{"name", String, "", lo, hi, false}, {"callsign", String, "", lo, hi, false},
		{"imo", Integer, "", 1, 1<<30 - 1, false}, {"shipType", Integer, "", 1, 255, false},
		{"aidType", Integer, "", 1, 31, false},
		{"toBow", Integer, "m", 0, 511, false}, {"toStern", Integer, "m", 0, 511, false},
		{"toPort", Integer, "m", 0, 63, false}, {"toStarboard", Integer, "m", 0, 63, false},
		{"draught", Number, "m", 0, 25.5, false}, {"destination", String, "", lo, hi, false},
		{"eta", String, "", lo, hi, false}, {"vendor", String, "", lo, hi, false},
		{"mothership", Integer, "", 1, 999999999, false}, {"own", Integer, "", 0, 1, false},
	}},
	{90120, "Geofence crossed", Up, []Field{
		{"fence", String, "", lo, hi, true}, {"inside", Integer, "", 0, 1, true},
		{"lat", Number, "deg", -90, 90, false}, {"lon", Number, "deg", -180, 180, false},
	}},
	{90200, "Generic value", Up, nil},
	{90300, "Loss statement", Up, []Field{
		{"reason", String, "", lo, hi, true}, {"count", Integer, "", 0, hi, true},
		{"from", Number, "s", lo, hi, false}, {"to", Number, "s", lo, hi, false},
		{"device", String, "", lo, hi, false},
		{"atLeast", Boolean, "", lo, hi, false}, {"atMost", Integer, "", 0, hi, false},
	}},
	{90310, "Gateway health", Up, []Field{
		{"waiting", Integer, "", 0, hi, false}, {"lostFull", Integer, "", 0, hi, false},
		{"lostAge", Integer, "", 0, hi, false}, {"lostRate", Integer, "", 0, hi, false},
		{"lostMemory", Integer, "", 0, hi, false}, {"lostIo", Integer, "", 0, hi, false},
		{"lostCorrupt", Integer, "", 0, hi, false}, {"lostRollback", Integer, "", 0, hi, false},
		{"lostShrink", Integer, "", 0, hi, false}, {"headroom", Number, "s", 0, hi, false},
		{"rtt", Number, "ms", 0, hi, false}, {"devicesOk", Integer, "", 0, hi, false},
		{"devices", Integer, "", 0, hi, false}, {"clockTrusted", Integer, "", 0, 1, false},
		{"uptime", Number, "s", 0, hi, false},
		{"read", Integer, "", 0, hi, false}, {"acked", Integer, "", 0, hi, false},
		{"quarantined", Integer, "", 0, hi, false}, {"connects", Integer, "", 0, hi, false},
		{"devicesMissing", Integer, "", 0, hi, false}, {"devicesBusy", Integer, "", 0, hi, false},
		{"devicesSilent", Integer, "", 0, hi, false}, {"devicesGarbage", Integer, "", 0, hi, false},
		{"clockSource", String, "", lo, hi, false}, {"problems", Integer, "", 0, hi, false},
		{"problem", String, "", lo, hi, false}, {"started", String, "", lo, hi, false},
		{"version", String, "", lo, hi, false}, {"config", String, "", lo, hi, false},
		{"labels", String, "", lo, hi, false},
		{"transactionId", Integer, "", 0, 2147483647, false},
	}},
}
