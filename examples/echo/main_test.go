package main_test

import (
	"testing"

	app "github.com/kanuu-io/kanuu-go/examples/echo"
	"github.com/kanuu-io/kanuu-go/examples/internal/demotest"
)

func TestMain(m *testing.M) { demotest.Main(m, "Echo", app.NewHandler) }

func TestApp(t *testing.T) {
	t.Parallel()
	demotest.Run(t)
}
