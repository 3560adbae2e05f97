package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/doctor"
	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/emulator"
)

func (a *app) doctorCommand() *cobra.Command {
	var (
		setup      doctor.Setup
		signingKey string
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what is wrong with a set-up, and what to do",
		Long: `Find out what is wrong with a set-up, and what to do. Each finding is one line.

It looks at ` + kanuu.EnvAPIKey + `, ` + kanuu.EnvBaseURL + ` and PADDLE_PUBLIC_KEY, at the server's
certificate and at this machine's clock. It makes no nonce at Kanuu: whether the
key is accepted shows when Kanuu is asked for the subscription of
"` + doctor.Identifier + `", which does not exist.

With --app-url it examines the running application: /webhooks/paddle, /billing,
the page of --gate, the session cookies and the clock. It sends alerts named
kanuu_doctor, without a customer: without a signature, which has to be answered 401;
too large, 413; and signed by the emulator or the key of --signing-key, which has to
be answered 200. The signed one reaches handlers of "*" and the table of kanuusql.
To examine the application as a customer who is logged in, set
` + doctor.EnvCookie + ` to the Cookie header of the browser.

Exits with 1 when something failed; a warning is no failure.`,
		Example: `  kanuu doctor
  kanuu doctor --app-url http://localhost:8080 --gate /pro
  kanuu doctor --json | jq '.checks[] | select(.status == "fail")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			for flag, value := range map[string]string{"--webhook-url": setup.WebhookURL, "--app-url": setup.AppURL} {
				if value != "" && !isAbsolute(value) {
					return usage("write it like http://localhost:8080/", "%s %q is not an absolute URL", flag, value)
				}
			}
			if setup.AppURL != "" && setup.WebhookURL == "" {
				setup.WebhookURL = strings.TrimRight(setup.AppURL, "/") + "/webhooks/paddle"
			}
			if signingKey != "" {
				if setup.SigningKey, err = emulator.ReadSigningKey(signingKey); err != nil {
					return usage("", "--signing-key: %w", err)
				}
			}
			return a.doctor(cmd.Context(), setup)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringVar(&setup.AppURL, "app-url", "", "the application's base `URL`, to examine it as it runs")
	f.StringVar(&setup.Gate, "gate", "", "`PATH` of a gated page below --app-url")
	f.StringVar(&setup.WebhookURL, "webhook-url", "", "the application's `URL` for webhooks (default: --app-url/webhooks/paddle)")
	f.StringVar(&signingKey, "signing-key", "", "PEM `FILE` with the RSA key that signs an alert (default: the emulator's)")
	return cmd
}

func (a *app) doctor(ctx context.Context, setup doctor.Setup) error {
	var (
		findings []doctor.Finding
		failed   int
	)
	setup.APIKey, setup.BaseURL = a.Getenv(kanuu.EnvAPIKey), a.Getenv(kanuu.EnvBaseURL)
	setup.PublicKey, setup.Cookie = a.Getenv("PADDLE_PUBLIC_KEY"), a.Getenv(doctor.EnvCookie)
	setup.Now, setup.RootCAs = a.Now, a.RootCAs
	doctor.Examine(ctx, setup, func(f doctor.Finding) {
		findings = append(findings, f)
		if f.Status == doctor.Fail {
			failed++
		}
		if !a.json {
			a.printFinding(f)
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.json {
		if err := a.printJSON(struct {
			OK     bool             `json:"ok"`
			Checks []doctor.Finding `json:"checks"`
		}{failed == 0, findings}); err != nil {
			return err
		}
	}
	if failed > 0 {
		return &failure{code: exitFailure}
	}
	return nil
}

// printFinding writes what is wrong and what to do in one line.
func (a *app) printFinding(f doctor.Finding) {
	line := fmt.Sprintf("%-4s  %-12s  %s", f.Status, f.Check, f.Detail)
	if f.Remedy != "" {
		line += " → " + f.Remedy
	}
	fmt.Fprintln(a.Stdout, strings.ReplaceAll(printable(line), "\n", " "))
}
