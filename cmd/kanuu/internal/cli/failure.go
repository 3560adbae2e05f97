package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kanuu-io/kanuu-go"
)

// The exit codes. Scripts rely on them: they are never given another meaning.
const (
	exitOK            = 0
	exitFailure       = 1
	exitUsage         = 2
	exitNotSubscribed = 3
	exitNotAccepted   = 4
	exitUnavailable   = 5
	exitInterrupted   = 130
)

const exitCodeHelp = `Exit codes:
  0    done
  1    it failed: stderr says why and what to do
  2    the command cannot be run as written: arguments, flags, environment
  3    kanuu subscription: not subscribed
  4    kanuu trigger: the application did not answer 200
  5    Kanuu or the emulator cannot be reached, or is too busy: later may work
  130  interrupted with Ctrl-C (kanuu emulator: 0, it is how to stop it)`

// failure is why a command ended with another code than 0. Without an err, the
// data on stdout says it all.
type failure struct {
	code   int
	err    error
	remedy string
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

func usage(remedy, format string, args ...any) error {
	return &failure{code: exitUsage, err: fmt.Errorf(format, args...), remedy: remedy}
}

// meanings is the one table from an error of the library to the exit code and
// the remedy. The first row that matches counts.
var meanings = []failure{
	{exitInterrupted, context.Canceled, ""},
	{exitUsage, kanuu.ErrInvalidIdentity, ""},
	{
		exitFailure, kanuu.ErrInvalidAPIKey,
		"set " + kanuu.EnvAPIKey + " to the key that the Kanuu dashboard shows for this team",
	},
	{
		exitFailure, kanuu.ErrPaymentRequired,
		"subscribe to Kanuu in its dashboard: the free plan ends at 20 active customers",
	},
	{exitFailure, kanuu.ErrValidation, "correct what Kanuu names"},
	{exitUnavailable, kanuu.ErrRateLimited, "wait a moment, then run it again"},
	{
		exitFailure, kanuu.ErrUnexpectedResponse,
		"check that " + kanuu.EnvBaseURL + " is Kanuu's; `kanuu doctor` looks closer",
	},
	{
		exitUnavailable, kanuu.ErrUnavailable,
		"run `kanuu doctor`, which finds out what is in the way; if it is Kanuu itself, wait",
	},
}

// explain makes a failure of any error that a command returned.
func (a *app) explain(ctx context.Context, err error) *failure {
	if a.started && ctx.Err() != nil { // whatever it was that did not end well
		return &failure{code: exitInterrupted, err: errors.New("interrupted")}
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if !a.started { // the library for command lines refused the arguments
		return &failure{exitUsage, err, "`kanuu --help` lists the commands, `kanuu COMMAND --help` what each takes"}
	}
	if config, ok := errors.AsType[*kanuu.ConfigError](err); ok {
		remedy := "check " + kanuu.EnvAPIKey + " and " + kanuu.EnvBaseURL
		if a.Getenv(kanuu.EnvAPIKey) == "" {
			remedy = "export " + kanuu.EnvAPIKey + ", or start `kanuu emulator` and paste what it prints"
		}
		return &failure{exitUsage, config, remedy}
	}
	for _, m := range meanings {
		if errors.Is(err, m.err) {
			return &failure{m.code, err, m.remedy}
		}
	}
	return &failure{code: exitFailure, err: err}
}

// report says on stderr why the program ends as it does.
func (a *app) report(f *failure) {
	if f.err == nil {
		return
	}
	if a.json {
		// With nowhere to write to, the exit code remains.
		_ = writeJSON(a.Stderr, struct {
			Error    string `json:"error"`
			Remedy   string `json:"remedy,omitempty"`
			ExitCode int    `json:"exit_code"`
		}{f.err.Error(), f.remedy, f.code})
		return
	}
	a.say("kanuu: " + strings.TrimPrefix(f.err.Error(), "kanuu: ")) // which the library's errors begin with
	if f.remedy != "" {
		a.say("  " + f.remedy)
	}
}
