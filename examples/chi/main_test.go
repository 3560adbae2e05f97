package main_test

import (
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/kanuu-io/kanuu-go"
	app "github.com/kanuu-io/kanuu-go/examples/chi"
	"github.com/kanuu-io/kanuu-go/examples/internal/demotest"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestMain(m *testing.M) { demotest.Main(m, "chi", app.NewHandler) }

func TestApp(t *testing.T) {
	t.Parallel()
	demotest.Run(t, "chi", app.NewHandler)
}

func TestConformance(t *testing.T) {
	t.Parallel()

	conformance.Test(t, conformance.Framework{Build: func(app conformance.App) http.Handler {
		who := kanuu.IdentifierResolverFunc(app.Who)

		r := chi.NewRouter()
		r.Handle(conformance.Path, kanuu.NewRedirectHandler(app.Client, who, app.Options))
		r.With(func(next http.Handler) http.Handler { return app.Gate.Handler(who, next) }).Handle(conformance.GatedPath, app.Page)
		r.Method(http.MethodPost, conformance.WebhookPath, app.Webhook)

		return r
	}}).CheckTable(t, "../../README.md", "chi")
}
