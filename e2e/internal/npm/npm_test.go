//go:build browser

package npm_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/e2e/internal/npm"
)

func TestInstall(t *testing.T) {
	t.Parallel()

	modules, err := npm.Install(t.Context())
	require.NoError(t, err)

	for _, name := range []string{"axe-core/axe.min.js", "htmx2/dist/htmx.min.js", "htmx4/dist/htmx.min.js"} {
		content, err := modules.File(name)
		require.NoError(t, err)
		assert.NotEmpty(t, content, name)
	}

	_, err = modules.File("../" + filepath.Base(t.TempDir()))
	require.Error(t, err)

	bundle, err := modules.Bundle(`import { router } from "@inertiajs/core"; window.inertia = router`)
	require.NoError(t, err)
	assert.Contains(t, string(bundle), "X-Inertia")

	_, err = modules.Bundle(`import "there-is-no-such-package"`)
	require.ErrorContains(t, err, "there-is-no-such-package")
}

// TestRegistry: what is not what was pinned is not installed, nor is a part of it.
func TestRegistry(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"another package": {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("surprise")) }, "its integrity is sha512-"},
		"no package":      {http.NotFound, "404 Not Found"},
	} {
		t.Run(name, func(t *testing.T) {
			registry := httptest.NewServer(test.answer)
			t.Cleanup(registry.Close)

			cache := t.TempDir()
			t.Setenv("npm_config_registry", registry.URL)
			t.Setenv("XDG_CACHE_HOME", cache)

			_, err := npm.Install(t.Context())

			require.ErrorContains(t, err, test.says)
			require.ErrorContains(t, err, "npm_config_registry")

			left, err := os.ReadDir(filepath.Join(cache, "kanuu-go"))
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}
