package kanuu_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestGateConforms(t *testing.T) {
	t.Parallel()

	conformance.TestGate(t, func(gate *kanuu.Gate, who conformance.Who, page http.HandlerFunc) http.Handler {
		mux := http.NewServeMux()
		mux.Handle(conformance.GatedPath, gate.Handler(kanuu.IdentifierResolverFunc(who), page))

		return mux
	})
}

func TestNewGatePanics(t *testing.T) {
	t.Parallel()

	client, _ := setup(t)
	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) { return ann, nil })

	assert.PanicsWithValue(t, "kanuu: the client of a gate is nil: did NewClient return an error?", func() { kanuu.NewGate(nil, nil) })
	assert.PanicsWithValue(t, `kanuu: GateOptions.BillingURL "https://kanuu.io" is not a path of this application: start it with one slash, such as "/billing"`,
		func() { kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "https://kanuu.io"}) })
	assert.Panics(t, func() { kanuu.NewGate(client, &kanuu.GateOptions{LoginURL: "//evil.example"}) })
	assert.Panics(t, func() { kanuu.NewGate(client, nil).Handler(nil, http.NotFoundHandler()) })
	assert.Panics(t, func() { kanuu.NewGate(client, nil).Handler(who, nil) })
}
