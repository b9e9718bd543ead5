package device

func modbusProblems() []Problem {
	return []Problem{
		{Code: codeModbusException, Title: "Unit refuses a request", ImpactsData: true,
			Sentence: "{subject}: a unit answers that it cannot give what it is asked for. {detail}.",
			Actions: []string{"Illegal data address: compare address and table of its registers with its manual, or take another map, then: `sudo portti reload`", "Illegal function: another table has them, holding or input; correct it, then: `sudo portti reload`",
				"See the requests and answers: `portti tail {subject} --raw`"}},
		{Code: codeModbusSilent, Title: "Unit does not answer", ImpactsData: true,
			Sentence: "{subject}: a unit on the line does not answer. {detail}.",
			Actions: []string{"Check the unit's power, its address, and baud, parity and stop_bits of this [[device]] against what is set on it; after a change: `sudo portti reload`", "Where none answers, swap the wires A and B",
				"Check the line's end resistors and that no two units have one address", "Where answers come late, as through a tcp:// port over a radio link, raise timeout, then: `sudo portti reload`"}},
	}
}
