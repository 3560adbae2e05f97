package cli

import (
	"cmp"
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kanuu-io/kanuu-go"
)

func (a *app) subscriptionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "subscription IDENTIFIER",
		Aliases: []string{"sub"},
		Short:   "Show what a customer is subscribed to",
		Long: `Show what a customer is subscribed to, as Kanuu has it.

Exits with 0 when the customer may come in (also after a cancellation, until
what was paid for is over), and with 3 when not: also for an identifier that
Kanuu never heard of.`,
		Example: `  kanuu subscription user:42
  kanuu subscription user:42 --json | jq .status
  kanuu subscription user:42 >/dev/null || echo "not subscribed, or no answer"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.subscription(cmd.Context(), args[0])
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

func (a *app) subscription(ctx context.Context, identifier string) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	s, err := client.FetchSubscription(ctx, identifier)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(map[string]any{ // the names and the nulls of Kanuu's API, and what the library makes of them
			"identifier": identifier, "is_subscribed": s.IsSubscribed, "is_trialing": s.IsTrialing,
			"on_grace_period": s.OnGracePeriod(), "status": nullable(string(s.Status)), "plan_id": nullable(s.PlanID),
			"subscription_id": nullable(s.SubscriptionID),
		})
	} else {
		err = a.printTable([][2]string{
			{"identifier", identifier},
			{"subscribed", subscribedText(s)},
			{"status", cmp.Or(s.StatusText, "-")},
			{"plan", idText(s.PlanID)},
			{"subscription", idText(s.SubscriptionID)},
		})
	}
	if err == nil && !s.IsSubscribed {
		return &failure{code: exitNotSubscribed}
	}
	return err
}

func nullable[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func subscribedText(s kanuu.Subscription) string {
	switch {
	case s.OnGracePeriod():
		return "yes, until what was paid for is over"
	case s.IsSubscribed && s.IsTrialing:
		return "yes, on trial"
	case s.IsSubscribed:
		return "yes"
	default:
		return "no"
	}
}

func idText(id int64) string {
	if id == 0 {
		return "-"
	}
	return strconv.FormatInt(id, 10)
}
