//go:build !race

package kanuuecho_test

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/kanuu-io/kanuu-go"
	kanuuecho "github.com/kanuu-io/kanuu-go/adapters/echo"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestAllocations(t *testing.T) {
	conformance.TestAllocations(t, conformance.Framework{Build: func(app conformance.App) http.Handler {
		who := func(c echo.Context) (kanuu.Identity, error) { return app.Who(c.Request()) }
		e := echo.New()
		kanuuecho.Mount(e, conformance.Path, app.Client, who, app.Options)
		// As a middleware of the route it would be one more: echo calls those anew for each request.
		e.GET(conformance.GatedPath, kanuuecho.Gate(app.Gate, who)(echo.WrapHandler(app.Page)))
		return e
	}})
}
