package web

// pagesWords are those of the frame around all pages, and of the pages besides the overview.
type pagesWords struct {
	Pages, Overview string // the header's
}

func pagesEnglish() pagesWords {
	return pagesWords{
		Pages: "Pages", Overview: "Overview",
	}
}

func pagesFinnish() pagesWords {
	return pagesWords{
		Pages: "Sivut", Overview: "Yleiskuva",
	}
}
