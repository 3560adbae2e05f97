package routers_test

import (
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/gorilla/mux"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/examples/internal/routers"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, mount := range map[string]func(portal http.Handler, who kanuu.IdentifierResolver, app conformance.App) http.Handler{
		"net/http": func(portal http.Handler, who kanuu.IdentifierResolver, app conformance.App) http.Handler {
			r := http.NewServeMux()
			routers.MountServeMux(r, portal, app.Webhook, app.Gate, who, app.Page)
			return r
		},
		"chi": func(portal http.Handler, who kanuu.IdentifierResolver, app conformance.App) http.Handler {
			r := chi.NewRouter()
			routers.MountChi(r, portal, app.Webhook, app.Gate, who, app.Page)
			return r
		},
		"gorilla/mux": func(portal http.Handler, who kanuu.IdentifierResolver, app conformance.App) http.Handler {
			r := mux.NewRouter()
			routers.MountGorilla(r, portal, app.Webhook, app.Gate, who, app.Page)
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conformance.Test(t, conformance.Framework{Build: func(app conformance.App) http.Handler {
				who := kanuu.IdentifierResolverFunc(app.Who)
				return mount(kanuu.NewRedirectHandler(app.Client, who, app.Options), who, app)
			}})
		})
	}
}
