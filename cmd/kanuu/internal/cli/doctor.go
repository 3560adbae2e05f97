package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/doctor"
)

func (a *app) doctorCommand() *cobra.Command {
	var webhookURL string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what is wrong with a set-up, and what to do",
		Long: `Find out what is wrong with a set-up, and what to do.

It looks at ` + kanuu.EnvAPIKey + `, ` + kanuu.EnvBaseURL + ` and PADDLE_PUBLIC_KEY, at the server's
certificate and at this machine's clock. It makes no nonce: whether the key is
accepted shows when Kanuu is asked for the subscription of "` + doctor.Identifier + `", whom
nobody is. With --webhook-url it sends the application an alert named
kanuu_doctor, about nobody and without a signature, which has to be answered 401.

Exits with 1 when something failed; a warning is no failure.`,
		Example: `  kanuu doctor
  kanuu doctor --webhook-url http://localhost:8080/webhooks/paddle
  kanuu doctor --json | jq '.checks[] | select(.status == "fail")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if webhookURL != "" && !isAbsolute(webhookURL) {
				return usage("write it like http://localhost:8080/webhooks/paddle", "--webhook-url %q is not an absolute URL",
					webhookURL)
			}
			return a.doctor(cmd.Context(), webhookURL)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&webhookURL, "webhook-url", "",
		"the application's `URL` for webhooks, to see whether it refuses what is not signed")
	return cmd
}

func (a *app) doctor(ctx context.Context, webhookURL string) error {
	var (
		findings []doctor.Finding
		failed   int
	)
	doctor.Examine(ctx, doctor.Setup{
		APIKey:     a.Getenv(kanuu.EnvAPIKey),
		BaseURL:    a.Getenv(kanuu.EnvBaseURL),
		PublicKey:  a.Getenv("PADDLE_PUBLIC_KEY"),
		WebhookURL: webhookURL,
		Now:        a.Now,
		RootCAs:    a.RootCAs,
	}, func(f doctor.Finding) {
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

// printFinding writes a line, and below it what to do.
func (a *app) printFinding(f doctor.Finding) {
	fmt.Fprintf(a.Stdout, "%-4s  %-12s  %s\n", f.Status, f.Check, printable(f.Detail))
	if f.Remedy != "" {
		fmt.Fprintf(a.Stdout, "%s%s\n", strings.Repeat(" ", len("fail  ")), "→ "+printable(f.Remedy))
	}
}
