package kanuuechov5_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/kanuu-io/kanuu-go"
	kanuuechov5 "github.com/kanuu-io/kanuu-go/adapters/echov5"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestConformance(t *testing.T) {
	t.Parallel()

	conformance.Test(t, conformance.Framework{Reports: true, Build: func(app conformance.App) http.Handler {
		who := func(c *echo.Context) (kanuu.Identity, error) { return app.Who(c.Request()) }

		e := echo.New()
		answer := e.HTTPErrorHandler
		e.HTTPErrorHandler = func(c *echo.Context, err error) {
			app.Report(echo.StatusCode(err), err)
			answer(c, err)
		}

		kanuuechov5.Mount(e, conformance.Path, app.Client, who, app.Options)
		e.Any(conformance.GatedPath, echo.WrapHandler(app.Page), kanuuechov5.Gate(app.Gate, who))
		e.POST(conformance.WebhookPath, echo.WrapHandler(app.Webhook))

		return e
	}})
}

var _ = errors.New
