package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kanuu-io/kanuu-go"
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
		Args: exactly("ALERT", "IDENTIFIER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(kanuutest.AlertNames(), args[0]) {
				return unknownAlert(args[0])
			}
			if err := (kanuu.Identity{Identifier: args[1]}).Validate(); err != nil {
				return err
			}
			chosen, err := parsePairs("--field", fields)
			if err != nil {
				return err
			}
			return a.trigger(cmd.Context(), at, alert{args[0], args[1], chosen})
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

func unknownAlert(name string) error {
	names := kanuutest.AlertNames()
	remedy := "use one of " + strings.Join(names, ", ")

	// People leave out what all names have in common.
	if near := cmp.Or(nearest(name, names), nearest("subscription_"+name, names)); near != "" {
		remedy = "did you mean " + near + "? Otherwise " + remedy
	}
	return usage(remedy, "the emulator sends no alert named %q", name)
}

// triggerTimeout is more than the emulator waits for the application.
const triggerTimeout = 15 * time.Second

// maxAnswer of the emulator that is read.
const maxAnswer = 1 << 20

// alert to send, in the control API's words.
type alert struct {
	Name       string            `json:"alert"`
	Identifier string            `json:"identifier"`
	Fields     map[string]string `json:"fields,omitempty"`
}

// delivery is what became of an alert, in the control API's words.
type delivery struct {
	AlertID    string            `json:"alert_id"`
	AlertName  string            `json:"alert_name"`
	Identifier string            `json:"identifier"`
	State      string            `json:"state"`
	Tries      int               `json:"tries"`
	Status     int               `json:"status"`
	Error      string            `json:"error"`
	Chaos      string            `json:"chaos"`
	Fields     map[string]string `json:"fields"`
}

func (a *app) trigger(ctx context.Context, at string, send alert) error {
	base := cmp.Or(at, a.Getenv(kanuu.EnvBaseURL), "http://"+defaultAddr)
	if !isAbsolute(base) {
		return usage("write it like http://"+defaultAddr, "the emulator's URL %q is not absolute", base)
	}

	// The emulator is for one machine, and Kanuu itself has no such call.
	if strings.TrimSuffix(base, "/") == "https://kanuu.io" {
		return usage("start `kanuu emulator`, and paste what it prints or give --emulator",
			"%s is Kanuu itself, which sends alerts only when something happened", base)
	}

	sent, err := a.callTrigger(ctx, base, send)
	if err != nil {
		return err
	}
	accepted := sent.is(kanuutest.DeliveryDelivered)
	if a.json {
		err = a.printJSON(struct {
			delivery
			Accepted bool `json:"accepted"`
		}{sent, accepted})
	} else {
		err = a.printTable([]row{
			{"alert", sent.AlertName},
			{"alert id", sent.AlertID},
			{"identifier", sent.Identifier},
			{"answer", sent.outcome()},
		})
	}

	if err == nil && !accepted {
		return &failure{code: exitNotAccepted, err: errors.New("the application did not take the alert"), remedy: sent.remedy()}
	}
	return err
}

// outcome says in words what became of it.
func (d delivery) outcome() string {
	switch {
	case d.is(kanuutest.DeliveryDelivered):
		return fmt.Sprintf("%d, taken", d.Status)
	case d.is(kanuutest.DeliveryUnsent):
		return "none: it was not sent"
	case d.is(kanuutest.DeliveryLost):
		return "none: it was lost, as the control page ordered"
	case d.Tries == 0:
		return "none yet: it was not sent so far"
	default:
		return cmp.Or(d.Error, "none")
	}
}

func (d delivery) is(state kanuutest.DeliveryState) bool { return d.State == string(state) }

func (d delivery) remedy() string {
	switch {
	case d.is(kanuutest.DeliveryUnsent):
		return "start the emulator with --webhook-url, or set the URL on its control page"
	case d.is(kanuutest.DeliveryLost), d.Tries == 0 && d.Chaos != "":
		return "end the chaos on the emulator's control page"
	case d.Tries == 0:
		return "an earlier alert about the same customer was not taken, and this one waits for it: look at the emulator's " +
			"control page"
	case d.Status == http.StatusUnauthorized:
		return "look into the application's log: it has another public key, and has to be restarted with the " +
			"PADDLE_PUBLIC_KEY that the emulator printed, or something reads or changes the body before its handler"
	case d.Status == http.StatusNotFound, d.Status == http.StatusMethodNotAllowed:
		return "check the path of the emulator's --webhook-url, and that the application takes POST there"
	case d.Status != 0:
		return "look into the application's log; `kanuu doctor --webhook-url URL` looks at the endpoint"
	default:
		return "start the application, or check the emulator's --webhook-url"
	}
}

func (a *app) callTrigger(ctx context.Context, base string, send alert) (delivery, error) {
	ctx, cancel := context.WithTimeout(ctx, triggerTimeout)
	defer cancel()

	body, err := json.Marshal(send)
	if err != nil { // strings alone: cannot happen
		return delivery{}, err
	}

	target, err := url.JoinPath(base, "control/api/trigger")
	if err != nil {
		return delivery{}, err
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return delivery{}, err
	}

	req.Header.Set("Content-Type", "application/json")

	client := a.httpClient()
	if client == nil {
		client = new(http.Client)
	}

	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	res, err := client.Do(req)
	if err != nil {
		return delivery{}, &failure{
			exitUnavailable, fmt.Errorf("there is no emulator at %s: %w", base, bare(err)),
			"start `kanuu emulator`, or name another with --emulator",
		}
	}
	defer res.Body.Close()
	return readDelivery(base, res)
}

func readDelivery(base string, res *http.Response) (delivery, error) {
	var answer struct {
		delivery
		Refusal string `json:"error"` // beside a status that is not 200
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	answer.Error = answer.Refusal
	switch {
	case err == nil && res.StatusCode == http.StatusOK && answer.AlertID != "":
		return answer.delivery, nil
	case err == nil && res.StatusCode == http.StatusUnprocessableEntity && answer.Refusal != "":
		return delivery{}, usage("", "the emulator refused: %s", answer.Refusal)
	case err == nil && res.StatusCode != http.StatusNotFound && answer.Refusal != "":
		return delivery{}, &failure{code: exitFailure, err: errors.New("the emulator refused: " + answer.Refusal)}
	default:
		return delivery{}, &failure{
			exitFailure, fmt.Errorf("what is at %s is no emulator, or another version of it (it answered %d)", base,
				res.StatusCode),
			"start `kanuu emulator`, or name it with --emulator",
		}
	}
}

// bare is the error without the URL, which stands beside it.
func bare(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}
