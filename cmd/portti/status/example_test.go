package status_test

import (
	"fmt"

	"portti/cmd/portti/status"
)

// What is wrong is found anew each time; Problems keeps since when.
func ExampleProblems() {
	problems := status.NewProblems()
	problems.Sync([]status.Finding{{Code: "BUF-SLOW", Args: []string{"seconds", "12"}}})
	document := status.Document{Problems: problems.Active()}
	for _, p := range document.Problems {
		fmt.Printf("%s %s: %s\n%s\n", p.Severity, p.Code, p.Title, p.Sentence)
	}
	// Output:
	// warning BUF-SLOW: Disk is slow
	// Saving readings took 12 s at a time: more of them are in memory only, and would be lost if the power failed.
}

func ExampleDocument_Glance() {
	document := status.Document{
		Link:   status.Link{State: status.LinkWaiting},
		Buffer: status.Buffer{Waiting: 1, HeadroomS: 7200},
	}
	fmt.Println(document.Glance())
	// Output: Not connected, 1 reading waits, nothing lost; room for about 2 h 0 min.
}
