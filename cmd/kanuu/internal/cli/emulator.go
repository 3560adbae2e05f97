package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/emulator"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

const defaultAddr = "127.0.0.1:4242"

// emulatorFlags as they were given.
type emulatorFlags struct {
	emulator.Config

	tls                  bool
	webhookURL           string
	signingKey, seedFile string
}

func (a *app) emulatorCommand() *cobra.Command {
	var flags emulatorFlags
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Run Kanuu on this machine: API, portal and signed webhooks",
		Long: `Run Kanuu on this machine: the API, the portal to click through, webhooks that
are signed and arrive, and faults on demand. It needs no account and costs
nothing. What it knows ends with it, unless --state names a file.

stdout gets the environment variables for the application, to be pasted or
evaluated. stderr gets a line for each call and each try of a webhook. Stop it
with Ctrl-C.

Any caller can subscribe to anything for nothing. So it listens on this machine
only, unless --allow-remote is given, and refuses requests from pages of other
sites and for host names that are not local, unless --host names them.`,
		Example: `  kanuu emulator
  kanuu emulator --app-url http://localhost:8080/ --webhook-url http://localhost:8080/webhooks/paddle
  kanuu emulator --state kanuu.json --seed seed.json`,
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.emulator(cmd.Context(), flags) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f, o := cmd.Flags(), &flags.Options
	f.StringVar(&flags.Addr, "addr", defaultAddr, "`HOST:PORT` to listen on; port 0 takes any that is free")
	f.BoolVar(&flags.AllowRemote, "allow-remote", false, "let --addr be one that other machines reach")
	f.StringArrayVar(&o.ControlHosts, "host", nil,
		"host `NAME` to answer for besides localhost and IP addresses, such as a container's; repeatable")
	f.BoolVar(&flags.tls, "tls", false, "speak https, with a new certificate")
	f.StringVar(&flags.CertFile, "tls-cert", "", "`FILE` to write that certificate to (default: one in your cache folder)")
	f.StringVar(&o.ReturnURL, "app-url", "", "`URL` that \"Back to your application\" leads to")
	f.StringVar(&flags.webhookURL, "webhook-url", "", "`URL` of the application that webhooks are posted to")
	f.StringVar(&o.APIKey, "key", kanuutest.DefaultAPIKey, "API `KEY` to ask for")
	f.StringVar(&flags.StateFile, "state", "", "JSON `FILE` to keep everything in for the next start, the signing key, too")
	f.StringVar(&flags.seedFile, "seed", "", "JSON `FILE` with plans and customers; the customers are for a new --state only")
	f.StringVar(&flags.signingKey, "signing-key", "",
		"PEM `FILE` with the RSA key that signs webhooks (default: that of --state, else a new key)")
	f.IntVar(&o.FreeCustomers, "free-customers", 0,
		"answer 402 while more than `N` customers are subscribed, as Kanuu does with 20; 0: never")
	f.BoolVar(&o.KanuuCache, "kanuu-cache", false, "answer from a cache of up to an hour, as Kanuu does")
	return cmd
}

func (a *app) emulator(ctx context.Context, flags emulatorFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	var printing sync.Mutex
	flags.Report = func(e emulator.Event) {
		printing.Lock()
		defer printing.Unlock()
		a.printEvent(e)
	}
	running, err := emulator.Listen(ctx, flags.Config)
	if err != nil {
		return listenFailure(err)
	}
	if err := a.introduce(running, flags.Config); err != nil {
		return err
	}
	if err := running.Serve(ctx); err != nil {
		return err
	}
	if !a.json {
		a.say("stopped")
	}
	return nil
}

// check reads the files that the flags name, too.
func (f *emulatorFlags) check() error {
	o := &f.Options
	host, port, err := net.SplitHostPort(f.Addr)
	if err != nil {
		return usage("write it like "+defaultAddr, "--addr %q is not HOST:PORT", f.Addr)
	}
	if o.ReturnURL != "" && !isAbsolute(o.ReturnURL) {
		return usage("write it like http://localhost:8080/", "--app-url %q is not an absolute URL", o.ReturnURL)
	}
	if f.webhookURL != "" && !isAbsolute(f.webhookURL) {
		return usage("write it like http://localhost:8080/webhooks/paddle", "--webhook-url %q is not an absolute URL",
			f.webhookURL)
	}
	o.Webhooks = &kanuutest.WebhookOptions{URL: f.webhookURL}
	if o.FreeCustomers < 0 {
		return usage("", "--free-customers %d is negative", o.FreeCustomers)
	}
	if _, err := kanuu.NewClient(kanuu.Config{APIKey: o.APIKey}); err != nil {
		return usage("", "--key cannot be one: %w", err)
	}
	if f.seedFile != "" {
		seed, err := emulator.ReadSeed(f.seedFile)
		if err != nil {
			return usage("its form is in the README of the command", "--seed: %w", err)
		}
		o.Plans, f.Customers = seed.Plans, seed.Customers
	}
	if f.signingKey != "" {
		if f.SigningKey, err = emulator.ReadSigningKey(f.signingKey); err != nil {
			return usage("make one with: openssl genrsa -out paddle.pem 2048", "--signing-key: %w", err)
		}
	}
	if f.tls || f.CertFile != "" {
		if f.CertFile, err = certFile(f.CertFile, host, port); err != nil {
			return usage("name a file with --tls-cert", "--tls: %w", err)
		}
	}
	return nil
}

func isAbsolute(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// certFile is the same at each start, so that a variable that names it stays
// right, and one for each address.
func certFile(given, host, port string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no cache folder for the certificate: %w", err)
	}
	name := strings.NewReplacer(":", "-", "%", "-").Replace(host + "-" + port)
	return filepath.Join(cache, "kanuu", "emulator-"+name+".pem"), nil
}

// listenFailure says what to do about an emulator that cannot start.
func listenFailure(err error) error {
	switch {
	case errors.Is(err, emulator.ErrRemote):
		return usage("listen on "+defaultAddr+", or give --allow-remote if everybody there may subscribe for nothing", "%w", err)
	case errors.Is(err, emulator.ErrState):
		return usage("name another file with --state, or remove this one to begin anew", "--state: %w", err)
	case errors.Is(err, emulator.ErrAddress):
		return &failure{exitFailure, err, "take any free port with --addr 127.0.0.1:0; another emulator may have this one"}
	}
	return err
}

// introduce prints what an application has to know, and people.
func (a *app) introduce(running *emulator.Emulator, config emulator.Config) error {
	variables, webhooks := running.Environment(), running.WebhookURL()
	if a.json {
		env := make(map[string]string, len(variables))
		for _, v := range variables {
			env[v.Name] = v.Value
		}
		return a.printJSON(map[string]any{
			"url": running.URL, "control_url": running.ControlURL(), "webhook_url": webhooks, "environment": env,
		})
	}
	for _, v := range variables {
		if _, err := fmt.Fprintf(a.Stdout, "export %s=%s\n", v.Name, quote(v.Value)); err != nil {
			return err
		}
	}
	kept := "nowhere: all is lost when it stops, and the public key is another one at each start"
	if config.StateFile != "" {
		kept = config.StateFile
	}
	a.say("\nKanuu runs on this machine, and nothing is charged. Stop it with Ctrl-C.")
	if running.Remote {
		a.say("WARNING: other machines reach it at " + config.Addr + ". Whoever does can subscribe to anything for nothing.")
	}
	a.say("  application  paste the lines above into its shell and start it")
	a.say("  portal       opens behind the application's link, or one of `kanuu nonce IDENTIFIER`")
	a.say("  control      " + running.ControlURL())
	a.say("  webhooks     " + cmp.Or(webhooks, "nowhere yet: give --webhook-url, or set it on the control page"))
	a.say("  kept in      " + kept)
	if config.CertFile != "" {
		a.say("  With SSL_CERT_FILE, a program trusts this certificate alone: use it for the application only.")
	}
	a.say("")
	return nil
}

// quote makes one word of a text for any POSIX shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// printEvent writes a line to stderr.
func (a *app) printEvent(e emulator.Event) {
	if a.json {
		_ = writeJSON(a.Stderr, e) // a log that cannot be written is no reason to stop
		return
	}
	name, status := e.Name, "---"
	switch e.Kind {
	case "notice":
		fmt.Fprintf(a.Stderr, "%s  %s\n", e.Time.Format(time.TimeOnly), oneLine(name))
		return
	case "webhook":
		name = "webhook " + name
	}
	if e.Status != 0 {
		status = strconv.Itoa(e.Status)
	}
	line := fmt.Sprintf("%s  %-38s  %s  %-12s  %s",
		e.Time.Format(time.TimeOnly), oneLine(name), status, oneLine(e.Identifier), oneLine(e.Error))
	fmt.Fprintln(a.Stderr, strings.TrimRight(line, " "))
}
