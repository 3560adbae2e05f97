package cli

import (
	"context"
	"fmt"
	"net/mail"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kanuu-io/kanuu-go"
)

func (a *app) nonceCommand() *cobra.Command {
	var (
		email        string
		supplemental []string
	)
	cmd := &cobra.Command{
		Use:   "nonce IDENTIFIER",
		Short: "Make a one-time link to a customer's billing portal",
		Long: `Make a one-time link to a customer's billing portal.

Whoever opens the link first is that customer in the portal: give it to nobody
else, and keep it out of logs. It is printed to stdout, with --json as
{"url": …}, because it is what you asked for; it is shown nowhere else.`,
		Example: `  kanuu nonce user:42
  kanuu nonce user:42 --email ann@example.com --supplemental campaign=spring
  xdg-open "$(kanuu nonce user:42)"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			identity := kanuu.Identity{Identifier: args[0], Email: email}
			if address, err := mail.ParseAddress(email); email != "" && (err != nil || address.Address != email) {
				return usage("write it like ann@example.com", "--email: Email is not an email address")
			}
			var err error
			if identity.Supplemental, err = parsePairs("--supplemental", supplemental); err != nil {
				return err
			}
			return a.nonce(cmd.Context(), identity)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&email, "email", "", "the customer's email `ADDRESS`, for Paddle's checkout")
	cmd.Flags().StringArrayVar(&supplemental, "supplemental", nil,
		"`KEY=VALUE` to come back in Paddle's webhooks; repeatable, at most 16, a value at most 64 characters")
	return cmd
}

func (a *app) nonce(ctx context.Context, identity kanuu.Identity) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	nonce, err := client.CreateNonce(ctx, identity)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			Identifier string `json:"identifier"`
			URL        string `json:"url"`
		}{identity.Identifier, nonce.URL})
	}
	a.say(fmt.Sprintf("Whoever opens this link first is %q in the portal. It works once.", identity.Identifier))
	_, err = fmt.Fprintln(a.Stdout, nonce.URL)
	return err
}

// parsePairs reads the values of a flag that takes KEY=VALUE.
func parsePairs(flag string, pairs []string) (map[string]string, error) {
	if len(pairs) == 0 {
		return nil, nil //nolint:nilnil // no pairs are a nil map
	}
	read := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usage("", "%s %q is not KEY=VALUE", flag, pair)
		}
		if _, twice := read[key]; twice {
			return nil, usage("", "%s has the key %q twice", flag, key)
		}
		read[key] = value
	}
	return read, nil
}
