//go:build !race

package kanuugin_test

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/kanuu-io/kanuu-go"
	kanuugin "github.com/kanuu-io/kanuu-go/adapters/gin"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestAllocations(t *testing.T) {
	conformance.TestAllocations(t, conformance.Framework{Build: func(app conformance.App) http.Handler {
		who := func(c *gin.Context) (kanuu.Identity, error) { return app.Who(c.Request) }
		router := gin.New()
		kanuugin.Mount(router, conformance.Path, app.Client, who, app.Options)
		router.GET(conformance.GatedPath, kanuugin.Gate(app.Gate, who), gin.WrapF(app.Page))
		return router
	}})
}
