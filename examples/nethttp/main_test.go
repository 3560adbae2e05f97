package main_test

import (
	"testing"

	"github.com/kanuu-io/kanuu-go/examples/internal/demotest"
	app "github.com/kanuu-io/kanuu-go/examples/nethttp"
)

func TestMain(m *testing.M) { demotest.Main(m, "net/http", app.NewHandler) }

func TestApp(t *testing.T) {
	t.Parallel()
	demotest.Run(t)
}
