//go:build !race

package kanuuechov5_test

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/kanuu-io/kanuu-go"
	kanuuechov5 "github.com/kanuu-io/kanuu-go/adapters/echov5"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestAllocations(t *testing.T) {
	conformance.TestAllocations(t, conformance.Framework{Build: func(app conformance.App) http.Handler {
		who := func(c *echo.Context) (kanuu.Identity, error) { return app.Who(c.Request()) }
		e := echo.New()
		kanuuechov5.Mount(e, conformance.Path, app.Client, who, app.Options)
		e.GET(conformance.GatedPath, echo.WrapHandler(app.Page), kanuuechov5.Gate(app.Gate, who))
		return e
	}})
}
