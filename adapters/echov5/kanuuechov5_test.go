package kanuuechov5_test

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/kanuu-io/kanuu-go"
	kanuuechov5 "github.com/kanuu-io/kanuu-go/adapters/echov5"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestConformance(t *testing.T) {
	t.Parallel()

	conformance.TestRedirect(t, func(client *kanuu.Client, who conformance.Who, options *kanuu.RedirectOptions) http.Handler {
		e := echo.New()
		kanuuechov5.Mount(e, conformance.Path, client, func(c *echo.Context) (kanuu.Identity, error) {
			return who(c.Request())
		}, options)

		return e
	})
}

func TestGateConformance(t *testing.T) {
	t.Parallel()

	conformance.TestGate(t, func(gate *kanuu.Gate, who conformance.Who, page http.HandlerFunc) http.Handler {
		e := echo.New()
		e.Any(conformance.GatedPath, func(c *echo.Context) error {
			page(c.Response(), c.Request())

			return nil
		}, kanuuechov5.Gate(gate, func(c *echo.Context) (kanuu.Identity, error) { return who(c.Request()) }))

		return e
	})
}
