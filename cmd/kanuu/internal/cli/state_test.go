package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func (r *running) state(t *testing.T) (s kanuutest.State) {
	t.Helper()
	res, err := http.Get(r.env["KANUU_BASE_URL"] + "/control/api/state")
	require.NoError(t, err)
	defer res.Body.Close()
	require.NoError(t, json.NewDecoder(res.Body).Decode(&s))
	return s
}

// What a response has told is in the file, whatever happens to the process then.
func TestEmulatorKeepsItsState(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "kanuu.json")
	first := startEmulator(t, "--state", file)
	got := run(t, first.env, "nonce", "user:42")
	require.Equal(t, 0, got.code, got.stderr)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Jar: jar}
	link := strings.TrimSpace(got.stdout)
	res, err := client.Get(link)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	first.control(t, "act", `{"identifier": "user:42", "action": "subscribe", "plan_id": 67}`)
	first.control(t, "advance", `{"days": 3}`)
	before := first.state(t)
	killed, err := os.ReadFile(file) // before it stops
	require.NoError(t, err)
	assert.Equal(t, 0, first.stop())
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it has a private key")
	require.NoError(t, os.WriteFile(file, killed, 0o600)) //nolint:gosec // of the test

	second := startEmulator(t, "--state", file)
	after := second.state(t)
	assert.Equal(t, before.Customers, after.Customers)
	assert.Equal(t, before.Deliveries, after.Deliveries)
	assert.WithinDuration(t, before.Now, after.Now, 1e10)
	assert.Equal(t, first.env["PADDLE_PUBLIC_KEY"], second.env["PADDLE_PUBLIC_KEY"])
	again := strings.Replace(link, first.env["KANUU_BASE_URL"], second.env["KANUU_BASE_URL"], 1)
	res, err = client.Get(again) // cookies do not depend on the port
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, http.StatusOK, res.StatusCode, "the browser is still logged in")
}

func TestEmulatorRefusesForeignFiles(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "a list": "[]", "other JSON": `{"users": []}`, "no version": "{}",
		"another version": `{"kanuu_emulator": 2, "signing_key": "", "fake": {}}`,
		"no key":          `{"kanuu_emulator": 1, "signing_key": "", "fake": {}}`,
		"cut off":         `{"kanuu_emulator": 1, "signing_key": "`,
	} {
		file := filepath.Join(t.TempDir(), "kanuu.json")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		got := run(t, nil, "emulator", "--addr", "127.0.0.1:0", "--state", file)
		assert.Equal(t, 2, got.code, name)
		assert.Contains(t, got.stderr, "--state: no state of an emulator: ", name)
		assert.Contains(t, got.stderr, "name another file with --state", name)
		left, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, text, string(left), "it is not written to")
	}
	got := run(t, nil, "emulator", "--addr", "127.0.0.1:0", "--state", "/nowhere/kanuu.json")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, "cannot save the state")
}

func TestEmulatorSeed(t *testing.T) {
	t.Parallel()
	seed, state := filepath.Join(t.TempDir(), "seed.json"), filepath.Join(t.TempDir(), "kanuu.json")
	require.NoError(t, os.WriteFile(seed, []byte(`{
		"plans": [{"id": 5, "name": "Team", "price": "99.00", "currency": "USD"}],
		"customers": [
			{"identifier": "user:42", "plan_id": 5},
			{"identifier": "user:43", "plan_id": 5, "status": "canceled", "paid_until": "2020-01-01T00:00:00Z"}
		]
	}`), 0o600))
	emu := startEmulator(t, "--seed", seed, "--state", state)
	assert.Equal(t, 0, run(t, emu.env, "subscription", "user:42").code)
	assert.Equal(t, 3, run(t, emu.env, "subscription", "user:43").code)
	assert.Equal(t, "Team", emu.state(t).Plans[0].Name)
	emu.control(t, "remove", `{"identifier": "user:42"}`)
	emu.stop()
	emu = startEmulator(t, "--seed", seed, "--state", state)
	assert.Equal(t, "Team", emu.state(t).Plans[0].Name)
	assert.Len(t, emu.state(t).Customers, 1, "the file knows better")
}

func TestEmulatorSeedErrors(t *testing.T) {
	t.Parallel()
	plan := `{"id": 5, "name": "A", "price": "9.00", "currency": "EUR"}`
	for _, tt := range []struct{ text, want string }{
		{"", "EOF"},
		{"{} {}", "something follows"},
		{`{"plan": []}`, `unknown field "plan"`},
		{`{"customers": [{"id": 1}]}`, `unknown field "id"`},
		{`{"plans": [{"id": "5"}]}`, "plans.id"},
		{`{"plans": [{"id": 0}]}`, "plans[0].id is 0"},
		{`{"plans": [` + plan + `, {"id": 5}]}`, "plans[1].id is 5"},
		{`{"plans": [{"id": 5}]}`, "plans[0].name is empty"},
		{`{"plans": [{"id": 5, "name": "A", "price": "9,00"}]}`, `plans[0].price is "9,00": write it like 9.00`},
		{`{"plans": [{"id": 5, "name": "A", "price": "9.00", "currency": "Euro"}]}`, `currency is "Euro"`},
		{`{"plans": [` + strings.Replace(plan, "}", `, "trial_days": -1}`, 1) + `]}`, "trial_days is -1"},
		{`{"customers": [{"plan_id": 5}]}`, "customers[0].identifier: "},
		{`{"customers": [{"identifier": "1", "plan_id": 5}, {"identifier": "1"}]}`, `customers[1].identifier is "1"`},
		{`{"customers": [{"identifier": "1", "status": "lapsed"}]}`, `customers[0].status is "lapsed": use one of trialing`},
		{`{"customers": [{"identifier": "1"}]}`, "customers[0].plan_id is 0"},
		{`{"customers": [{"identifier": "1", "plan_id": 67, "paid_until": "soon"}]}`, "soon"},
		{`{"plans": [` + plan + `], "customers": [{"identifier": "1", "plan_id": 6}]}`, "plan_id is 6"},
	} {
		text, want := tt.text, tt.want
		file := filepath.Join(t.TempDir(), "seed.json")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		got := run(t, nil, "emulator", "--seed", file)
		assert.Equal(t, 2, got.code, text)
		assert.Contains(t, got.stderr, file+": ", text)
		assert.Contains(t, got.stderr, want, text)
	}
}

func TestEmulatorWithKanuuCache(t *testing.T) {
	t.Parallel()
	emu := startEmulator(t, "--kanuu-cache")
	assert.Equal(t, 3, run(t, emu.env, "subscription", "42").code)
	emu.control(t, "subscription", `{"identifier": "42", "status": "active", "plan_id": 67}`)
	assert.Equal(t, 3, run(t, emu.env, "subscription", "42").code)
	emu.control(t, "advance", `{"duration": "1h"}`)
	assert.Equal(t, 0, run(t, emu.env, "subscription", "42").code)
}
