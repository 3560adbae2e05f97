package cli_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/cli"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// environment of a command.
type environment map[string]string

// environmentOf is the environment that names a fake Kanuu.
func environmentOf(fake *kanuutest.Server) environment {
	return environment{"KANUU_API_KEY": kanuutest.DefaultAPIKey, "KANUU_BASE_URL": fake.URL}
}

// with returns a copy in which one variable is different.
func (e environment) with(name, value string) environment {
	other := environment{name: value}
	for n, v := range e {
		if n != name {
			other[n] = v
		}
	}
	return other
}

// result of a command.
type result struct {
	code           int
	stdout, stderr string
}

func run(t *testing.T, env environment, args ...string) result {
	t.Helper()
	return runWith(t.Context(), cli.Program{}, env, args...)
}

func runWith(ctx context.Context, program cli.Program, env environment, args ...string) result {
	var stdout, stderr strings.Builder
	program.Getenv = func(name string) string { return env[name] }
	program.Stdout, program.Stderr = &stdout, &stderr
	code := program.Run(ctx, args)
	return result{code, stdout.String(), stderr.String()}
}

func newFake(t *testing.T) *kanuutest.Server {
	t.Helper()
	fake := kanuutest.NewServer(nil)
	t.Cleanup(fake.Close)
	return fake
}

// decode reads one JSON value and nothing after it.
func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var value map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &value), "%q", text)
	return value
}

func TestUsage(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	for name, tt := range map[string]struct {
		args   []string
		env    environment
		stderr []string
	}{
		"mistyped command": {args: []string{"subscriptoin", "42"},
			stderr: []string{`unknown command "subscriptoin"`, "Did you mean this?", "subscription"}},
		"unknown command": {args: []string{"launch"}, stderr: []string{`unknown command "launch"`, "kanuu --help"}},
		"unknown flag": {args: []string{"nonce", "42", "--xyzzy"},
			stderr: []string{"unknown flag: --xyzzy", "kanuu COMMAND --help"}},
		"no identifier": {args: []string{"nonce"},
			stderr: []string{"accepts 1 arg(s), received 0", "`kanuu COMMAND --help`"}},
		"two identifiers":  {args: []string{"subscription", "user", "42"}, stderr: []string{"accepts 1 arg(s), received 2"}},
		"empty identifier": {args: []string{"nonce", ""}, env: environmentOf(fake), stderr: []string{"Identifier is empty"}},
		"no email": {args: []string{"nonce", "42", "--email", "ann"}, env: environmentOf(fake),
			stderr: []string{"Email is not an email address"}},
		"supplemental not K=V": {args: []string{"nonce", "42", "--supplemental", "spring"}, env: environmentOf(fake),
			stderr: []string{`"spring" is not KEY=VALUE`}},
		"supplemental twice": {args: []string{"nonce", "42", "--supplemental", "a=b", "--supplemental", "a=c"},
			env:    environmentOf(fake),
			stderr: []string{`"a" twice`}},
		"a path as webhook URL": {args: []string{"doctor", "--webhook-url", "/webhooks"},
			stderr: []string{`"/webhooks" is not an absolute URL`}},
		"no key": {args: []string{"nonce", "42"}, stderr: []string{"APIKey is empty", "kanuu emulator"}},
		"key with Bearer": {args: []string{"nonce", "42"}, env: environmentOf(fake).with("KANUU_API_KEY", "Bearer s3cret"),
			stderr: []string{`APIKey starts with "Bearer "`}},
		"plain http to a stranger": {
			args: []string{"subscription", "42"}, env: environmentOf(fake).with("KANUU_BASE_URL", "http://kanuu.io"),
			stderr: []string{"plain http", "check KANUU_API_KEY and KANUU_BASE_URL"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, tt.env, tt.args...)
			assert.Equal(t, 2, got.code)
			assert.Empty(t, got.stdout)
			for _, text := range tt.stderr {
				assert.Contains(t, got.stderr, text)
			}
			assert.NotContains(t, got.stderr, "s3cret")
			assert.True(t, strings.HasPrefix(got.stderr, "kanuu: "), got.stderr)
		})
	}
}

func TestUsageAsJSON(t *testing.T) {
	t.Parallel()
	got := run(t, nil, "nonce", "42", "--emial", "ann@example.com", "--json")
	assert.Equal(t, 2, got.code)
	assert.Empty(t, got.stdout)
	said := decode(t, got.stderr)
	assert.Equal(t, "unknown flag: --emial", said["error"])
	assert.Contains(t, said["remedy"], "--help")
	assert.InDelta(t, 2, said["exit_code"], 0)
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args   []string
		stdout []string
	}{
		"root":            {nil, []string{"Exit codes:", "KANUU_API_KEY", "doctor", "completion"}},
		"--help":          {[]string{"--help"}, []string{"Exit codes:"}},
		"command":         {[]string{"help", "nonce"}, []string{"one-time link", "--supplemental KEY=VALUE"}},
		"version":         {[]string{"version"}, []string{"kanuu ", "go1."}},
		"version as JSON": {[]string{"version", "--json"}, []string{`"version":`, `"go":`, `"platform":`}},
		"bash":            {[]string{"completion", "bash"}, []string{"__start_kanuu"}},
		"zsh":             {[]string{"completion", "zsh"}, []string{"#compdef kanuu"}},
		"words":           {[]string{"__complete", "help", ""}, []string{"nonce\tMake", "doctor\tFind"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, nil, tt.args...)
			assert.Equal(t, 0, got.code)
			for _, text := range tt.stdout {
				assert.Contains(t, got.stdout, text)
			}
		})
	}
}

// Every command has --json and explains itself with an example.
func TestHelpOfEachCommand(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"emulator", "trigger", "nonce", "subscription", "doctor"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, nil, name, "--help")
			assert.Equal(t, 0, got.code)
			assert.Contains(t, got.stdout, "--json")
			assert.Contains(t, got.stdout, "Examples:\n  kanuu "+name)
			assert.Empty(t, got.stderr)
		})
	}
}

func TestNonce(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	got := run(t, environmentOf(fake), "nonce", "user:42", "--email", "ann@example.com", "--supplemental",
		"campaign=spring, early",
		"--supplemental", "x=a=b")

	require.Equal(t, 0, got.code, got.stderr)
	assert.Regexp(t, `\A`+fake.URL+`/manage/acme/[0-9a-f]{32}\n\z`, got.stdout)
	assert.Contains(t, got.stderr, `is "user:42" in the portal`)

	asked := fake.Requests()
	require.Len(t, asked, 1)
	assert.JSONEq(t, `{"identifier":"user:42","email":"ann@example.com","supplemental":{"campaign":"spring, early","x":"a=b"}}`,
		string(asked[0].Body))
}

// The link is shown once, on stdout, and never in the talk beside it.
func TestNonceAsJSON(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	got := run(t, environmentOf(fake), "nonce", "--json", "--", "-42&")
	require.Equal(t, 0, got.code, got.stderr)
	assert.Contains(t, got.stdout, `"-42&"`)
	said := decode(t, got.stdout)
	assert.Equal(t, "-42&", said["identifier"])
	assert.Regexp(t, `/manage/acme/[0-9a-f]{32}$`, said["url"])
	assert.Len(t, said, 2)
	assert.Empty(t, got.stderr)
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	month := time.Now().AddDate(0, 1, 0)
	for name, tt := range map[string]struct {
		has    kanuutest.Subscription
		code   int
		stdout string
		json   string
	}{
		"active": {
			has:    kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 67, SubscriptionID: 700001, PaidUntil: month},
			stdout: "identifier    user:42\nsubscribed    yes\nstatus        active\nplan          67\nsubscription  700001\n",
			json: `{"identifier":"user:42","is_subscribed":true,"is_trialing":false,"on_grace_period":false,` +
				`"status":"active","plan_id":67,"subscription_id":700001}`,
		},
		"trialing": {
			has: kanuutest.Subscription{Status: kanuutest.StatusTrialing, PlanID: 67, SubscriptionID: 700001,
				PaidUntil: month},
			stdout: "identifier    user:42\nsubscribed    yes, on trial\nstatus        trialing\nplan          " +
				"67\nsubscription  700001\n",
			json: `{"identifier":"user:42","is_subscribed":true,"is_trialing":true,"on_grace_period":false,` +
				`"status":"trialing","plan_id":67,"subscription_id":700001}`,
		},
		"cancelled, paid for": {
			has: kanuutest.Subscription{Status: "deleted", PlanID: 67, SubscriptionID: 700001, PaidUntil: month},
			stdout: "identifier    user:42\nsubscribed    yes, until what was paid for is over\nstatus        deleted\nplan   " +
				"       67\nsubscription  700001\n",
			json: `{"identifier":"user:42","is_subscribed":true,"is_trialing":false,"on_grace_period":true,` +
				`"status":"canceled","plan_id":67,"subscription_id":700001}`,
		},
		"cancelled, over": {
			has:    kanuutest.Subscription{Status: kanuutest.StatusCanceled, PlanID: 67, SubscriptionID: 700001},
			code:   3,
			stdout: "identifier    user:42\nsubscribed    no\nstatus        canceled\nplan          67\nsubscription  700001\n",
			json: `{"identifier":"user:42","is_subscribed":false,"is_trialing":false,"on_grace_period":false,` +
				`"status":"canceled","plan_id":67,"subscription_id":700001}`,
		},
		"unknown": {
			code:   3,
			stdout: "identifier    user:42\nsubscribed    no\nstatus        -\nplan          -\nsubscription  -\n",
			json: `{"identifier":"user:42","is_subscribed":false,"is_trialing":false,"on_grace_period":false,` +
				`"status":null,"plan_id":null,"subscription_id":null}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t)
			fake.SetSubscription("user:42", tt.has)

			got := run(t, environmentOf(fake), "subscription", "user:42")
			assert.Equal(t, result{tt.code, tt.stdout, ""}, got)

			got = run(t, environmentOf(fake), "subscription", "user:42", "--json")
			assert.Equal(t, tt.code, got.code)
			assert.JSONEq(t, tt.json, got.stdout)
			assert.Empty(t, got.stderr)
		})
	}
}

// A server cannot write into the terminal what it likes.
func TestSubscriptionWithControlCharacters(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.SetSubscription("42", kanuutest.Subscription{Status: "\x1b]0;owned\a\u202egnp", PaidUntil: time.Now().Add(time.Hour)})

	got := run(t, environmentOf(fake), "subscription", "42")
	assert.NotContains(t, got.stdout, "\x1b")
	assert.NotContains(t, got.stdout, "\a")
	assert.NotContains(t, got.stdout, "\u202e")
	assert.Contains(t, got.stdout, "]0;owned")
}

func TestExitCodeOfAnswers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault  kanuutest.Fault
		key    string
		closed bool
		code   int
		stderr string
	}{
		"wrong key":        {key: "s3cret-of-another-team", code: 1, stderr: "set KANUU_API_KEY to the key"},
		"payment required": {fault: kanuutest.Fault{Status: 402}, code: 1, stderr: "20 active customers"},
		"refused":          {fault: kanuutest.Fault{Status: 422}, code: 1, stderr: "correct what Kanuu names"},
		"garbage":          {fault: kanuutest.Fault{Body: "<html>"}, code: 1, stderr: "check that KANUU_BASE_URL is Kanuu's"},
		"too many calls": {fault: kanuutest.Fault{Status: 429, Header: map[string][]string{"Retry-After": {"3600"}}}, code: 5,
			stderr: "wait a moment"},
		"down": {fault: kanuutest.Fault{Status: 503, Header: map[string][]string{"Retry-After": {"3600"}}}, code: 5,
			stderr: "kanuu doctor"},
		"unreachable": {closed: true, code: 5, stderr: "run `kanuu doctor`"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, command := range []string{"nonce", "subscription"} {
				fake := newFake(t)
				if tt.key == "" {
					fake.Inject(tt.fault)
				}

				if tt.closed {
					fake.Close()
				}
				env := environmentOf(fake)
				if tt.key != "" {
					env = env.with("KANUU_API_KEY", tt.key)
				}

				got := run(t, env, command, "42")
				assert.Equal(t, tt.code, got.code, command)
				assert.Empty(t, got.stdout)
				assert.Contains(t, got.stderr, tt.stderr)
				assert.NotContains(t, got.stderr, "s3cret")

				got = run(t, env, command, "42", "--json")
				assert.Equal(t, tt.code, got.code, command)
				assert.Empty(t, got.stdout)
				assert.InDelta(t, tt.code, decode(t, got.stderr)["exit_code"], 0)
				assert.NotContains(t, got.stderr, "s3cret")
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, command := range [][]string{{"nonce", "42"}, {"subscription", "42"}, {"doctor"}} {
		got := runWith(ctx, cli.Program{}, environmentOf(fake), command...)
		assert.Equal(t, 130, got.code, command)
		assert.Equal(t, "kanuu: interrupted\n", got.stderr, command)
	}
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	env := environmentOf(fake).with("PADDLE_PUBLIC_KEY", kanuutest.NewSigner().PublicKey())

	got := run(t, env, "doctor")
	assert.Equal(t, 0, got.code)
	assert.Equal(t, `ok    api key       KANUU_API_KEY is set
ok    base url      `+fake.URL+` answers
ok    certificate   none needed: plain http on this machine, as the emulator has it
ok    clock         it agrees with the server's
ok    key accepted  Kanuu answered about "kanuu-doctor", which does not exist
ok    public key    PADDLE_PUBLIC_KEY is the emulator's
`, got.stdout)
	assert.Empty(t, got.stderr)

	got = run(t, env.with("PADDLE_PUBLIC_KEY", "").with("KANUU_API_KEY", "s3cret"), "doctor")

	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stdout, "fail  key accepted  fetch subscription: the API key was refused")
	assert.Contains(t, got.stdout, " → set KANUU_API_KEY to the key")
	assert.Contains(t, got.stdout, "warn  public key    PADDLE_PUBLIC_KEY is not set")
	assert.NotContains(t, got.stdout, "s3cret")
	assert.Empty(t, got.stderr)
}

func TestDoctorAsJSON(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	got := run(t, environmentOf(fake), "doctor", "--json")
	assert.Equal(t, 0, got.code, "a warning is no failure")
	said := decode(t, got.stdout)
	assert.Equal(t, true, said["ok"])
	assert.Len(t, said["checks"], 6)
	assert.Contains(t, said["checks"], map[string]any{"check": "api key", "status": "ok", "detail": "KANUU_API_KEY is set"})

	got = run(t, environmentOf(fake).with("KANUU_API_KEY", ""), "doctor", "--json")

	assert.Equal(t, 1, got.code)
	assert.Equal(t, false, decode(t, got.stdout)["ok"])
}
