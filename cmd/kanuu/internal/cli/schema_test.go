package cli_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
)

// The command prints what the package creates.
func TestSchema(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"postgres", "mysql", "sqlite"} {
		want, err := kanuusql.Schema(kanuusql.Dialect(dialect), "")
		require.NoError(t, err)
		assert.Equal(t, result{stdout: want}, run(t, nil, "schema", "--dialect", dialect))
	}
	got := run(t, nil, "schema", "--dialect", "sqlite", "--prefix", "shop_")
	assert.Contains(t, got.stdout, "CREATE TABLE IF NOT EXISTS shop_alerts")
	assert.NotContains(t, got.stdout, "kanuu_")
	assert.Contains(t, decode(t, run(t, nil, "schema", "--dialect", "sqlite", "--json").stdout)["schema"], "CREATE TABLE")

	for _, args := range [][]string{
		{"schema"}, {"schema", "--dialect", "oracle"}, {"schema", "--dialect", "mysql", "--prefix", "a-b"},
	} {
		got := run(t, nil, args...)
		assert.Equal(t, 2, got.code)
		assert.Contains(t, got.stderr, "use ")
	}
}
