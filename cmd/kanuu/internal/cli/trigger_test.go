package cli_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func TestTrigger(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int // of the application; 0: it is not running
		chaos  kanuutest.Chaos
		code   int
		stdout string
		stderr string
	}{
		"taken": {status: 200, stdout: "200, taken"},
		"wrong key": {status: 401, code: 4, stdout: "answered with 401",
			stderr: "kanuu doctor"},
		"wrong path":     {status: 404, code: 4, stdout: "answered with 404", stderr: "check the path"},
		"redirect":       {status: 302, code: 4, stdout: "redirect", stderr: "the application did not take the alert"},
		"it failed":      {status: 500, code: 4, stdout: "answered with 500", stderr: "application's log"},
		"it is not up":   {code: 4, stdout: "connection refused", stderr: "start the application"},
		"lost by chaos":  {status: 200, chaos: kanuutest.Chaos{Lose: 1}, code: 4, stdout: "it was lost", stderr: "end the chaos"},
		"twice by chaos": {status: 200, chaos: kanuutest.Chaos{Duplicate: 1}, stdout: "200, taken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/login")
				w.WriteHeader(tt.status)
			}))
			t.Cleanup(app.Close)
			if tt.status == 0 {
				app.Close()
			}

			fake := newFake(t)
			fake.SetWebhookURL(app.URL)
			fake.SetChaos(tt.chaos)

			got := run(t, environmentOf(fake), "trigger", "subscription_updated", "user:42")
			assert.Equal(t, tt.code, got.code, got.stderr)
			assert.Contains(t, got.stdout, tt.stdout)
			assert.Contains(t, got.stdout, "identifier  user:42\n")
			assert.Contains(t, got.stderr, tt.stderr)

			// Another customer: alerts about the first one wait for each other.
			got = run(t, environmentOf(fake), "trigger", "subscription_updated", "user:43", "--json")

			assert.Equal(t, tt.code, got.code, got.stderr)
			said := decode(t, got.stdout)
			assert.Equal(t, tt.code == 0, said["accepted"])
			assert.Equal(t, "subscription_updated", said["alert_name"])
			assert.Equal(t, "user:43", said["identifier"])
			assert.NotEmpty(t, said["fields"])
		})
	}
}

func TestTriggerWithFields(t *testing.T) {
	t.Parallel()
	app, use, events := newApp(t)
	fake := newFake(t)
	fake.SetWebhookURL(app.URL)
	use(fake.PublicKey())

	got := run(t, environmentOf(fake), "trigger", "subscription_updated", "user:42",
		"--field", "status=paused", "--field", "paused_reason=a=b, c", "--field", "tags[]=red", "--field", "coupon=")

	require.Equal(t, 0, got.code, got.stderr)
	event := <-events
	assert.Equal(t, kanuu.StatusPaused, event.Status())
	assert.Equal(t, "a=b, c", event.Fields.Get("paused_reason"))
	tag, _ := event.Fields.Lookup("tags", "0")
	assert.Equal(t, "red", tag)
	coupon, has := event.Fields.Lookup("coupon")
	assert.True(t, has)
	assert.Empty(t, coupon)
	assert.Equal(t, "user:42", event.Identifier, "the other fields stay")

	got = run(t, environmentOf(fake), "trigger", "subscription_updated", "user:42", "--field", "quantity=2", "--json")

	require.Equal(t, 0, got.code, got.stderr)
	fields, _ := decode(t, got.stdout)["fields"].(map[string]any)
	assert.Equal(t, "2", fields["quantity"])
}

func TestTriggerWithoutWebhookURL(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	got := run(t, nil, "trigger", "subscription_created", "42", "--emulator", fake.URL+"/")
	assert.Equal(t, 4, got.code)
	assert.Contains(t, got.stdout, "none: it was not sent")
	assert.Contains(t, got.stderr, "start the emulator with --webhook-url")

	require.Len(t, fake.Deliveries(), 1)
}

// The emulator answers before the alert was sent, where something holds it up.
func TestTriggerHeldUp(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ chaos, remedy string }{
		"behind another": {"", "an earlier alert about the same customer was not taken"},
		"for chaos":      {"delayed", "end the chaos"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "/base/control/api/trigger", r.URL.Path)
				_, _ = w.Write([]byte(`{"alert_id": "7", "alert_name": "subscription_created", "identifier": "42",
					"state": "waiting", "tries": 0, "status": 0, "error": "", "chaos": "` + tt.chaos + `"}`))
			}))
			t.Cleanup(server.Close)

			got := run(t, nil, "trigger", "subscription_created", "42", "--emulator", server.URL+"/base")
			assert.Equal(t, 4, got.code)
			assert.Contains(t, got.stdout, "none yet: it was not sent so far")
			assert.Contains(t, got.stderr, tt.remedy)
		})
	}
}

func TestTriggerUsage(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	for name, tt := range map[string]struct {
		args   []string
		code   int
		stderr string
	}{
		"no identifier":    {[]string{"subscription_created"}, 2, "accepts 2 arg(s), received 1"},
		"nothing":          {nil, 2, "accepts 2 arg(s), received 0"},
		"mistyped":         {[]string{"subscription_cancled", "42"}, 2, `no alert is named "subscription_cancled": use one of`},
		"no customer's":    {[]string{"transfer_paid", "42"}, 2, "use one of subscription_created, subscription_updated"},
		"empty identifier": {[]string{"subscription_created", ""}, 2, "Identifier is empty"},
		"Kanuu itself":     {[]string{"subscription_created", "42", "--emulator", "https://kanuu.io/"}, 2, "is Kanuu itself"},
		"field not K=V":    {[]string{"subscription_created", "42", "--field", "status"}, 2, `--field "status" is not KEY=VALUE`},
		"field, no name": {[]string{"subscription_created", "42", "--field", "=paused"}, 2,
			`--field "=paused" is not KEY=VALUE`},
		"field twice": {[]string{"subscription_created", "42", "--field", "a=b", "--field", "a=c"}, 2,
			`--field has the key "a" twice`},
		"field of its own": {[]string{"subscription_created", "42", "--field", "alert_id=7"}, 2,
			"the field alert_id cannot be set"},
		"no URL": {[]string{"subscription_created", "42", "--emulator", "127.0.0.1:4242"}, 2,
			"write it like http://127.0.0.1:4242"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, environmentOf(fake), append([]string{"trigger"}, tt.args...)...)
			assert.Equal(t, tt.code, got.code)
			assert.Empty(t, got.stdout)
			assert.Contains(t, got.stderr, tt.stderr)
		})
	}
}

func TestTriggerWithoutEmulator(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/login")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, tt := range map[string]struct {
		handler http.Handler // nil: nobody is there
		code    int
		stderr  string
	}{
		"nobody":          {nil, 5, "there is no emulator at http://127.0.0.1:"},
		"a page":          {answer(200, "<html>"), 1, "no emulator, or another version of it (it answered 200)"},
		"other JSON":      {answer(200, "{}"), 1, "no emulator"},
		"nothing there":   {answer(404, "404 page not found"), 1, "it answered 404"},
		"JSON, but a 404": {answer(404, `{"error": "not found"}`), 1, "it answered 404"},
		"a redirect":      {answer(302, ""), 1, "it answered 302"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(tt.handler)
			t.Cleanup(server.Close)
			if tt.handler == nil {
				server.Close()
			}
			got := run(t, nil, "trigger", "subscription_created", "42", "--emulator", server.URL)

			assert.Equal(t, tt.code, got.code)
			assert.Empty(t, got.stdout)
			assert.Contains(t, got.stderr, tt.stderr)
			assert.Contains(t, got.stderr, "start `kanuu emulator`")
		})
	}
}

func TestTriggerCompletion(t *testing.T) {
	t.Parallel()
	assert.Contains(t, run(t, nil, "__complete", "trigger", "").stdout, "subscription_payment_refunded\n")
	assert.NotContains(t, run(t, nil, "__complete", "trigger", "subscription_created", "").stdout,
		"subscription_payment_refunded")
}
