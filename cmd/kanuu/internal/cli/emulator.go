package cli

import (
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
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/emulator"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

const defaultAddr = "127.0.0.1:4242"

// emulatorFlags as they were given.
type emulatorFlags struct {
	addr                         string
	allowRemote, tls             bool
	certFile, appURL, webhookURL string
	key, signingKey              string
	plans, hosts                 []string
	freeCustomers                int
}

func (a *app) emulatorCommand() *cobra.Command {
	var flags emulatorFlags

	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Run Kanuu on this machine: API, portal and signed webhooks",
		Long: `Run Kanuu on this machine: the API, the portal to click through, webhooks that
are signed and arrive, and faults on demand. It needs no account, costs nothing
and keeps all in memory: what it knows ends with it.

stdout gets the environment variables for the application, to be pasted or
evaluated. stderr gets a line for each call and each try of a webhook. Stop it
with Ctrl-C.

Whoever reaches it can subscribe to anything for nothing. So it listens on this
machine only, unless --allow-remote is given, and refuses requests from pages of
other sites and for host names that are not local, unless --host names them.`,
		Example: `  kanuu emulator
  kanuu emulator --app-url http://localhost:8080/ --webhook-url http://localhost:8080/webhooks/paddle
  kanuu emulator --plan "` + emulator.PlanForm + `" --plan "67:Pro:290.00 EUR/year, 14 days trial"
  openssl genrsa -out paddle.pem 2048 && kanuu emulator --signing-key paddle.pem`,
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.emulator(cmd.Context(), flags) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}

	f := cmd.Flags()
	f.StringVar(&flags.addr, "addr", defaultAddr, "`HOST:PORT` to listen on; port 0 takes any that is free")
	f.BoolVar(&flags.allowRemote, "allow-remote", false, "let --addr be one that other machines reach")
	f.StringArrayVar(&flags.hosts, "host", nil,
		"host `NAME` to answer for besides localhost and IP addresses, such as a container's; repeatable")
	f.BoolVar(&flags.tls, "tls", false, "speak https, with a new certificate")
	f.StringVar(&flags.certFile, "tls-cert", "", "`FILE` to write that certificate to (default: one in your cache folder)")
	f.StringVar(&flags.appURL, "app-url", "", "`URL` that \"Back to your application\" leads to")
	f.StringVar(&flags.webhookURL, "webhook-url", "", "`URL` of the application that webhooks are posted to")
	f.StringVar(&flags.key, "key", kanuutest.DefaultAPIKey, "API `KEY` to ask for")
	f.StringVar(&flags.signingKey, "signing-key", "",
		"PEM `FILE` with the RSA key that signs webhooks (default: a new key each time)")
	f.StringArrayVar(&flags.plans, "plan", nil, "`PLAN` on sale, such as \""+emulator.PlanForm+
		"\"; repeatable (default: a Basic and a Pro plan)")
	f.IntVar(&flags.freeCustomers, "free-customers", 0,
		"answer 402 while more than `N` customers are subscribed, as Kanuu does with 20; 0: never")
	return cmd
}

func (a *app) emulator(ctx context.Context, flags emulatorFlags) error {
	config, err := flags.read()
	if err != nil {
		return err
	}
	var printing sync.Mutex

	config.Report = func(e emulator.Event) {
		printing.Lock()
		defer printing.Unlock()
		a.printEvent(e)
	}

	running, err := emulator.Listen(ctx, config)
	if err != nil {
		return listenFailure(flags.addr, err)
	}

	if err := a.introduce(running, config); err != nil {
		return err
	}

	if err := running.Serve(ctx); err != nil {
		return err
	}

	if !a.json {
		a.say(stylePlain, "stopped")
	}
	return nil
}

// read checks the flags.
func (f emulatorFlags) read() (emulator.Config, error) {
	none := emulator.Config{}

	host, port, err := net.SplitHostPort(f.addr)
	if err != nil {
		return none, usage("write it like "+defaultAddr, "--addr %q is not HOST:PORT", f.addr)
	}

	for _, given := range []struct{ flag, value, like string }{
		{"--app-url", f.appURL, "http://localhost:8080/"},
		{"--webhook-url", f.webhookURL, "http://localhost:8080/webhooks/paddle"},
	} {
		if given.value != "" && !isAbsolute(given.value) {
			return none, usage("write it like "+given.like, "%s %q is not an absolute URL", given.flag, given.value)
		}
	}

	if f.freeCustomers < 0 {
		return none, usage("", "--free-customers %d is negative", f.freeCustomers)
	}

	if _, err := kanuu.NewClient(kanuu.Config{APIKey: f.key}); err != nil {
		return none, usage("", "--key cannot be one: %w", err)
	}

	config := emulator.Config{
		Addr: f.addr, AllowRemote: f.allowRemote, Hosts: f.hosts, APIKey: f.key,
		AppURL: f.appURL, WebhookURL: f.webhookURL, FreeCustomers: f.freeCustomers,
	}
	if config.Plans, err = emulator.ParsePlans(f.plans); err != nil {
		return none, usage("", "--plan: %w", err)
	}

	if f.signingKey != "" {
		if config.SigningKey, err = emulator.ReadSigningKey(f.signingKey); err != nil {
			return none, usage("make one with: openssl genrsa -out paddle.pem 2048", "--signing-key: %w", err)
		}
	}

	if f.tls || f.certFile != "" {
		if config.CertFile, err = certFile(f.certFile, host, port); err != nil {
			return none, usage("name a file with --tls-cert", "--tls: %w", err)
		}
	}
	return config, nil
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

// listenFailure says what to do about an address.
func listenFailure(addr string, err error) error {
	switch {
	case errors.Is(err, emulator.ErrRemote):
		return usage("listen on "+defaultAddr+", or give --allow-remote if everybody there may subscribe for nothing", "%w", err)
	case errors.Is(err, syscall.EADDRINUSE):
		return &failure{
			exitFailure, err,
			"another program has the port, perhaps another emulator: take the next with --addr " + neighbour(addr) +
				", or any free one with port 0",
		}
	case errors.Is(err, emulator.ErrAddress):
		return &failure{exitFailure, err, "choose another with --addr, such as " + defaultAddr}
	default:
		return err
	}
}

// neighbour is the address one port up.
func neighbour(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || number == 65535 {
		return defaultAddr
	}
	return net.JoinHostPort(host, strconv.FormatUint(number+1, 10))
}

// introduce prints what an application has to know, and people.
func (a *app) introduce(running *emulator.Emulator, config emulator.Config) error {
	variables := running.Environment()
	if a.json {
		env := make(map[string]string, len(variables))
		for _, v := range variables {
			env[v.Name] = v.Value
		}
		return a.printJSON(struct {
			URL         string            `json:"url"`
			ControlURL  string            `json:"control_url"`
			WebhookURL  string            `json:"webhook_url"`
			Environment map[string]string `json:"environment"`
		}{running.URL, running.ControlURL(), config.WebhookURL, env})
	}

	for _, v := range variables {
		if _, err := fmt.Fprintf(a.Stdout, "export %s=%s\n", v.Name, quote(v.Value)); err != nil {
			return err
		}
	}

	a.say(stylePlain, "")
	a.say(styleBold, "Kanuu runs on this machine: nothing is charged, and all is forgotten when it stops (Ctrl-C).")
	if running.Remote {
		a.say(styleError, "WARNING: other machines reach it at "+config.Addr+
			". Whoever does can subscribe to anything for nothing.")
	}

	webhooks := config.WebhookURL
	if webhooks == "" {
		webhooks = "nowhere yet: give --webhook-url, or set it on the control page"
	}

	a.say(stylePlain, "  application  paste the lines above into its shell and start it")
	a.say(stylePlain, "  portal       opens behind the application's link, or one of `kanuu nonce IDENTIFIER`")
	a.say(stylePlain, "  control      "+running.ControlURL())
	a.say(stylePlain, "  webhooks     "+webhooks)
	if config.SigningKey == nil {
		a.say(styleFaint, "  The public key is another one at each start; --signing-key keeps it.")
	}

	if config.CertFile != "" {
		a.say(styleFaint, "  With SSL_CERT_FILE, a program trusts this certificate alone: use it for the application only.")
	}

	a.say(stylePlain, "")
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

	at := a.paint(a.Stderr, styleFaint, e.Time.Format(time.TimeOnly))
	if e.Kind == emulator.Notice {
		fmt.Fprintf(a.Stderr, "%s  %s\n", at, oneLine(e.Name))
		return
	}

	name, status, s := e.Name, "---", styleError
	if e.Kind == emulator.Webhook {
		name = "webhook " + name
	}

	if e.Status != 0 {
		status, s = strconv.Itoa(e.Status), styleWarn
	}

	if e.Status >= 200 && e.Status < 300 {
		s = styleGood
	}
	columns := []string{
		at, fmt.Sprintf("%-38s", oneLine(name)), a.paint(a.Stderr, s, status), fmt.Sprintf("%-12s", oneLine(e.Identifier)),
		a.paint(a.Stderr, styleFaint, e.Took.Round(100*time.Microsecond).String()), a.paint(a.Stderr, s, oneLine(e.Error)),
	}
	fmt.Fprintln(a.Stderr, strings.TrimRight(strings.Join(columns, "  "), " "))
}
