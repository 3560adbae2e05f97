// Package cli is the kanuu command without the process around it: arguments,
// environment and output are handed in, and the exit code is returned.
//
// What a command found out goes to stdout, as text for people or, with --json,
// as one JSON value for scripts. What it has to say beside that goes to stderr.
package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kanuu-io/kanuu-go"
)

// Program is what the command gets from outside. Getenv, Stdout and Stderr are
// required.
type Program struct {
	// Getenv is [os.Getenv], or a fake of it.
	Getenv func(name string) string

	// Stdout gets the data, Stderr the talk.
	Stdout, Stderr io.Writer

	// Now is the clock that `kanuu doctor` judges. Nil: [time.Now].
	Now func() time.Time

	// RootCAs that servers must have their certificate from. Nil: the system's.
	RootCAs *x509.CertPool
}

// Run executes the command that args name, without the program's own name, and
// returns the exit code, which the help text of the root command explains. It ends
// early when ctx does.
func (p Program) Run(ctx context.Context, args []string) int {
	if p.Now == nil {
		p.Now = time.Now
	}
	a := &app{Program: p}
	root := a.root() //nolint:contextcheck // cobra hands ctx to the commands
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if !a.started { // the flags may not have been read that far
		a.json = slices.Contains(args, "--json")
	}
	f := a.explain(ctx, err)
	a.report(f)
	return f.code
}

// app is one run of the program.
type app struct {
	Program

	json    bool // --json
	started bool // the arguments were fine, the command's own work began
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "kanuu",
		Short: "Run Kanuu on this machine, ask the real one, and check a set-up",
		Long: `Run Kanuu on this machine, ask the real one, and check a set-up.

` + environmentHelp + `

` + exitCodeHelp,
		Example: `  kanuu emulator                    # Kanuu on this machine; prints what to export
  kanuu doctor                      # is everything set up?
  kanuu subscription user:42 --json # for scripts`,
		Version:          kanuu.Version,
		SilenceErrors:    true, // report prints them, once
		SilenceUsage:     true, // a long text hides what went wrong
		PersistentPreRun: func(*cobra.Command, []string) { a.started = true },
		RunE:             func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON, for scripts")
	root.SetVersionTemplate("kanuu {{.Version}}\n")
	root.AddCommand(
		a.emulatorCommand(),
		a.triggerCommand(),
		a.nonceCommand(),
		a.subscriptionCommand(),
		a.doctorCommand(),
		a.schemaCommand(),
		a.versionCommand(),
	)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	return root
}

const environmentHelp = `Environment:
  KANUU_API_KEY      the key that the Kanuu dashboard shows
  KANUU_BASE_URL     where Kanuu is; https://kanuu.io when it is not set
  PADDLE_PUBLIC_KEY  the key that Paddle's dashboard shows (kanuu doctor)`

// client of the Kanuu that the environment names.
func (a *app) client() (*kanuu.Client, error) {
	return kanuu.NewClient(kanuu.Config{
		APIKey:     a.Getenv(kanuu.EnvAPIKey),
		BaseURL:    a.Getenv(kanuu.EnvBaseURL),
		HTTPClient: a.httpClient(),
	})
}

// httpClient trusts the root certificates that the program was given.
func (a *app) httpClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: a.RootCAs, MinVersion: tls.VersionTLS12},
	}}
}
