package status

import "time"

func pageProblems() []Entry {
	return []Entry{
		{Code: "SYS-PAGE", Severity: Warning, Title: "Local page is not served", ShowAfter: 5 * time.Second,
			Sentence: "Nobody can open the local page on {addr}: {why}. Everything else works.",
			Actions:  []string{"See what holds the port, and stop it: `sudo ss -ltnp 'sport = :{port}'`", "Or set listen in [web] to another address; if nobody needs the page: `sudo portti web disable`"}},
	}
}
