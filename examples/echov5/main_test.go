package main_test

import (
	"testing"

	app "github.com/kanuu-io/kanuu-go/examples/echov5"
	"github.com/kanuu-io/kanuu-go/examples/internal/demotest"
)

func TestMain(m *testing.M) { demotest.Main(m, "Echo v5", app.NewHandler) }

func TestApp(t *testing.T) {
	t.Parallel()
	demotest.Run(t)
}
