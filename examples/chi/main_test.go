package main_test

import (
	"testing"

	app "github.com/kanuu-io/kanuu-go/examples/chi"
	"github.com/kanuu-io/kanuu-go/examples/internal/demotest"
)

func TestMain(m *testing.M) { demotest.Main(m, "chi", app.NewHandler) }

func TestApp(t *testing.T) {
	t.Parallel()
	demotest.Run(t)
}
