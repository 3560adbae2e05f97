package conformance_test

import (
	"net/http"
	"testing"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

// The core's own handlers pass the suite.
func TestConformance(t *testing.T) {
	t.Parallel()
	conformance.Test(t, conformance.Framework{Build: func(app conformance.App) http.Handler {
		who := kanuu.IdentifierResolverFunc(app.Who)
		mux := http.NewServeMux()
		mux.Handle(conformance.Path, kanuu.NewRedirectHandler(app.Client, who, app.Options))
		mux.Handle(conformance.GatedPath, app.Gate.Handler(who, app.Page))
		mux.Handle("POST "+conformance.WebhookPath, app.Webhook)
		return mux
	}})
}
