package gateway

import (
	"fmt"
	"net/http"

	"portti/cmd/portti/web"
)

// PageSessions is who is signed in to the local page.
type PageSessions struct {
	Sessions []web.Session `json:"sessions"`
}

// PageRevoked is how many sessions were ended.
type PageRevoked struct {
	Ended int `json:"ended"`
}

// withPage adds what concerns the local page's guests. It is for the control socket alone:
// nobody lets himself in, or another, by the page.
func (g *Gateway) withPage(members http.Handler) http.Handler {
	log := g.opt.Log
	mux := http.NewServeMux()
	mux.Handle("/", members)
	mux.HandleFunc("POST /api/v1/web/link", func(w http.ResponseWriter, r *http.Request) {
		role := web.View
		switch asked := r.URL.Query().Get("role"); asked {
		case "", string(web.View):
		case string(web.Act):
			role = web.Act
		default:
			http.Error(w, fmt.Sprintf("there is no role %q: view or act", asked), http.StatusBadRequest)
			return
		}
		l, err := g.page.link(role, g.doors.why(doorPage))
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		answer(w, l, log)
	})
	mux.HandleFunc("GET /api/v1/web/sessions", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, PageSessions{g.page.page.Sessions()}, log)
	})
	mux.HandleFunc("POST /api/v1/web/revoke", func(w http.ResponseWriter, r *http.Request) {
		id, all := r.URL.Query().Get("id"), r.URL.Query().Get("all") == "true"
		if (id == "") != all {
			http.Error(w, "say id=ID or all=true", http.StatusBadRequest)
			return
		}
		answer(w, PageRevoked{g.page.page.Revoke(id)}, log)
	})
	return mux
}
