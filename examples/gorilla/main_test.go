package main_test

import (
	"net/http"
	"testing"

	"github.com/gorilla/mux"

	"github.com/kanuu-io/kanuu-go"
	app "github.com/kanuu-io/kanuu-go/examples/gorilla"
	"github.com/kanuu-io/kanuu-go/examples/internal/demotest"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestMain(m *testing.M) { demotest.Main(m, "gorilla/mux", app.NewHandler) }

func TestApp(t *testing.T) {
	t.Parallel()
	demotest.Run(t, "gorilla/mux", app.NewHandler)
}

func TestConformance(t *testing.T) {
	t.Parallel()

	conformance.Test(t, conformance.Framework{Build: func(app conformance.App) http.Handler {
		who := kanuu.IdentifierResolverFunc(app.Who)

		r := mux.NewRouter()
		r.Handle(conformance.Path, kanuu.NewRedirectHandler(app.Client, who, app.Options))
		r.Handle(conformance.GatedPath, app.Gate.Handler(who, app.Page))
		r.Handle(conformance.WebhookPath, app.Webhook).Methods(http.MethodPost)

		return r
	}}).CheckTable(t, "../../README.md", "gorilla/mux")
}
