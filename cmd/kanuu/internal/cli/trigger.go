package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/control"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func (a *app) triggerCommand() *cobra.Command {
	var (
		at     string
		fields []string
	)
	cmd := &cobra.Command{
		Use:   "trigger ALERT IDENTIFIER",
		Short: "Have the emulator send the application a webhook",
		Long: `Have the emulator send the application a webhook, as if it had just happened,
and say what the application answered. The subscription in the emulator stays as
it is; to change it too, click in the portal or on the control page.

ALERT is one of
  ` + strings.Join(kanuutest.AlertNames(), "\n  ") + `

What the alert says is taken from the subscription, or made up; --field sets one
of Paddle's fields, or adds one.

Exits with 0 when the application answered 200, and with 4 when not: the
emulator then goes on trying, as Paddle does.`,
		Example: `  kanuu trigger subscription_created user:42
  kanuu trigger subscription_updated user:42 --field status=paused --field paused_reason=delinquent
  kanuu trigger subscription_payment_failed user:42 --emulator http://127.0.0.1:4243`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := (kanuu.Identity{Identifier: args[1]}).Validate(); err != nil {
				return err
			}
			chosen, err := parsePairs("--field", fields)
			if err != nil {
				return err
			}
			base := cmp.Or(at, a.Getenv(kanuu.EnvBaseURL), "http://"+defaultAddr)
			if !isAbsolute(base) {
				return usage("write it like http://"+defaultAddr, "the emulator's URL %q is not absolute", base)
			}
			if isKanuu(base) {
				return usage("start `kanuu emulator`, and paste what it prints or give --emulator",
					"%s is Kanuu itself, which sends alerts only when something happened", base)
			}
			return a.trigger(cmd.Context(), base, map[string]any{"alert": args[0], "identifier": args[1], "fields": chosen})
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return kanuutest.AlertNames(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().StringArrayVar(&fields, "field", nil, "`KEY=VALUE` for a field of the alert; repeatable")
	cmd.Flags().StringVar(&at, "emulator", "", "base `URL` of the emulator (default: "+kanuu.EnvBaseURL+", else http://"+
		defaultAddr+")")
	return cmd
}

func isKanuu(base string) bool { return strings.TrimRight(base, "/") == "https://kanuu.io" }

func (a *app) trigger(ctx context.Context, base string, alert map[string]any) error {
	var sent kanuutest.Delivery
	err := control.Call(ctx, a.httpClient(), base, "trigger", alert, &sent)
	const start = "start `kanuu emulator`, or name another with --emulator"
	switch {
	case errors.Is(err, control.ErrUnreachable):
		return &failure{exitUnavailable, err, start}
	case errors.Is(err, control.ErrRefused):
		return usage("", "%w", err)
	case err == nil && sent.AlertID == "":
		return &failure{exitFailure, fmt.Errorf("what is at %s is %w", base, control.ErrForeign), start}
	case err != nil:
		return &failure{exitFailure, err, start}
	}
	accepted := sent.State == kanuutest.DeliveryDelivered
	outcome, remedy := judge(sent)
	if a.json {
		err = a.printJSON(struct {
			kanuutest.Delivery
			Accepted bool `json:"accepted"`
		}{sent, accepted})
	} else {
		err = a.printTable([][2]string{
			{"alert", sent.AlertName}, {"alert id", sent.AlertID}, {"identifier", sent.Identifier}, {"answer", outcome},
		})
	}
	if err == nil && !accepted {
		return &failure{code: exitNotAccepted, err: errors.New("the application did not take the alert"), remedy: remedy}
	}
	return err
}

// judge says what became of an alert, and what to do.
func judge(d kanuutest.Delivery) (outcome, remedy string) {
	const chaos = "end the chaos on the emulator's control page"
	outcome = cmp.Or(d.Error, "none")
	switch {
	case d.State == kanuutest.DeliveryDelivered:
		return fmt.Sprintf("%d, taken", d.Status), ""
	case d.State == kanuutest.DeliveryUnsent:
		return "none: it was not sent", "start the emulator with --webhook-url, or set the URL on its control page"
	case d.State == kanuutest.DeliveryLost:
		return "none: it was lost, as the control page ordered", chaos
	case d.Tries == 0 && d.Chaos != "":
		return "none yet: it was not sent so far", chaos
	case d.Tries == 0:
		return "none yet: it was not sent so far", "an earlier alert about the same customer was not taken, and this one " +
			"waits for it: look at the emulator's control page"
	case d.Status == http.StatusNotFound, d.Status == http.StatusMethodNotAllowed:
		return outcome, "check the path of the emulator's --webhook-url, and that the application takes POST there"
	case d.Status != 0:
		return outcome, "look into the application's log; `kanuu doctor --webhook-url URL` finds out what is wrong"
	}
	return outcome, "start the application, or check the emulator's --webhook-url"
}
