// Package control steers a fake Kanuu, by a page and by JSON.
package control

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/api"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/paddle"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/portal"
)

// Control steers the other parts.
type Control struct {
	Store  *ledger.Ledger
	API    *api.API
	Outbox *paddle.Outbox
	Portal *portal.Portal
}

const maxForm = 64 << 10

// Serves reports whether a path is the control page, its file or a call.
func Serves(path string) bool {
	return slices.Contains([]string{"/control", "/control/public-key.pem"}, path) ||
		strings.HasPrefix(path, "/control/api/")
}

// Serve answers a request for one of these paths, below the base path prefix.
func (c *Control) Serve(w http.ResponseWriter, r *http.Request, path, prefix, portalPath string) {
	pages.SetHeader(w.Header())
	call, isCall := strings.CutPrefix(path, "/control/api/")
	switch {
	case isCall:
		c.serveCall(w, r, call)
	case path == "/control":
		c.servePage(w, r, prefix, portalPath)
	default:
		w.Header().Set("Content-Type", "application/x-pem-file")
		w.Header().Set("Content-Disposition", `inline; filename="public-key.pem"`)
		_, _ = w.Write([]byte(c.Outbox.PublicKey())) // nothing is left to do for a visitor who is gone
	}
}

// Reset removes what was recorded and what goes wrong.
func (c *Control) Reset() {
	c.API.Reset()
	c.Outbox.Reset()
}

// Trigger sends an alert about an identifier that reports no change.
func (c *Control) Trigger(alert, identifier string, fields map[string]string) (alertID string, err error) {
	if identifier == "" {
		return "", errors.New("kanuutest: cannot trigger " + alert + ": the identifier is empty")
	}
	if !slices.Contains(ledger.AlertNames(), alert) {
		return "", fmt.Errorf("kanuutest: no alert is named %q: use one of %s", alert, strings.Join(ledger.AlertNames(), ", "))
	}
	return c.Outbox.Trigger(c.Store.Invent(alert, identifier), fields)
}

func (c *Control) servePage(w http.ResponseWriter, r *http.Request, prefix, portalPath string) {
	v := view{Page: prefix + "/control"}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if r.URL.Query().Has("done") {
			v.Flash = portal.Badge{Text: "Done.", Tone: "good"}
		}
		c.render(w, http.StatusOK, v)
	case http.MethodPost:
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		to, err := "", r.ParseForm()
		if err == nil {
			to, err = c.form(r.PostForm, v.Page, portalPath)
		}
		if err != nil {
			v.Flash.Text, v.Flash.Tone = "That did not work: "+strings.TrimPrefix(err.Error(), "kanuutest: ")+".", "bad"
			c.render(w, http.StatusUnprocessableEntity, v)
			return
		}
		c.flush(r, 300*time.Millisecond)             // the next page shows the result
		http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // to a path of the fake
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "this page cannot do that", http.StatusMethodNotAllowed)
	}
}
