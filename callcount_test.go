package kanuu_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
)

// How often Kanuu is asked about one user who opens a gated page every 10 seconds for two hours.
func TestCallsPerHour(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct {
		subscribed, click bool
		first, later      int64 // the most calls in the first hour and in the second
	}{
		"subscriber":               {true, false, 12, 12},
		"subscriber after a click": {true, true, 99, 12},
		"free user":                {false, false, 360, 360},
		"free user after a click":  {false, true, 360, 360},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withTransport(t, func(t *testing.T, w *fakeTransport, client *kanuu.Client) {
				t.Helper()
				w.subscribed.Store(tc.subscribed)
				if tc.click {
					_, err := client.CreateNonce(t.Context(), user42)
					require.NoError(t, err)
				}
				hour := func() int64 {
					before := w.calls.Load()
					for range time.Hour / (10 * time.Second) {
						_, err := client.Subscription(t.Context(), user42.Identifier)
						require.NoError(t, err)
						synctest.Wait() // for a refresh in the background
						time.Sleep(10 * time.Second)
					}
					return w.calls.Load() - before
				}
				first, later := hour(), hour()
				assert.LessOrEqual(t, first, tc.first, "first hour")
				assert.LessOrEqual(t, later, tc.later, "second hour")
			})
		})
	}
}
