package conformance_test

import (
	"testing"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestMemoryStoreConforms(t *testing.T) {
	t.Parallel()
	conformance.TestSharedCache(t, func(*testing.T) func() kanuu.SharedCache { return conformance.NewMemoryStore().Connect })
}
