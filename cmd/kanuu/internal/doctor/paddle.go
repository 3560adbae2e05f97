package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/kanuu-io/kanuu-go"
)

func (d *doctor) checkPublicKey() {
	if d.PublicKey == "" {
		d.say(checkPublicKey, Warn, "PADDLE_PUBLIC_KEY is not set",
			"if the application receives webhooks, export it with the public key that Paddle's dashboard shows, "+
				"or `kanuu emulator` prints")
		return
	}
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "unused", BaseURL: loopback})
	if err == nil {
		_, err = kanuu.NewWebhookHandler(client, d.PublicKey, nil)
	}
	if invalid, ok := errors.AsType[*kanuu.ConfigError](err); ok {
		problem := strings.TrimPrefix(strings.Join(invalid.Problems, "; "), "publicKey ")
		problem, remedy, _ := strings.Cut(problem, ": ")
		d.say(checkPublicKey, Fail, "what PADDLE_PUBLIC_KEY holds "+problem, remedy)
		return
	}
	d.say(checkPublicKey, OK,
		"PADDLE_PUBLIC_KEY is a key to verify webhooks with; whether it is the sender's, the first webhook shows", "")
}

// unsignedAlert is about nobody, and its name is none that an application
// would act on, should it not look at the signature.
var unsignedAlert = url.Values{"alert_id": {"0"}, "alert_name": {"kanuu_doctor"}, "passthrough": {""}}.Encode()

// checkWebhook sends the application an alert that nobody signed, which it has
// to refuse.
func (d *doctor) checkWebhook(ctx context.Context) {
	target, err := url.Parse(d.WebhookURL)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		d.say(checkWebhook, Fail, "the webhook URL is not absolute", "write it like https://example.com/webhooks/paddle")
		return
	}

	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(unsignedAlert))
	if err != nil {
		d.say(checkWebhook, Fail, "the webhook URL cannot be called", "write it like https://example.com/webhooks/paddle")
		return
	}

	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")

	res, err := d.transport.RoundTrip(req)
	if err != nil {
		d.say(checkWebhook, Fail, "it cannot be reached: "+reason(err),
			"start the application, or check the URL; Paddle has to reach it from outside, too")
		return
	}
	defer res.Body.Close()

	finding := judgeWebhook(res.StatusCode)
	d.say(checkWebhook, finding.Status, finding.Detail, finding.Remedy)
}

// judgeWebhook by the answer to an alert that nobody signed.
func judgeWebhook(status int) Finding {
	answered := fmt.Sprintf("it answered %d to an alert that nobody signed", status)
	switch {
	case status == http.StatusUnauthorized:
		return Finding{Status: OK, Detail: answered}
	case status < http.StatusMultipleChoices:
		return Finding{
			Status: Fail, Detail: answered + ": anybody can send it alerts",
			Remedy: "verify p_signature first, as kanuu.NewWebhookHandler does",
		}
	case status < http.StatusBadRequest:
		return Finding{
			Status: Fail, Detail: answered + ", a redirect, which Paddle does not follow",
			Remedy: "give Paddle the URL that it leads to, and put no login before it",
		}
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return Finding{
			Status: Fail, Detail: answered + ": no webhooks are received there",
			Remedy: "check the path, and that the handler is mounted for POST",
		}
	case status == http.StatusForbidden, status == 419: // 419 is Laravel's
		return Finding{
			Status: Warn, Detail: answered + ", as a check for CSRF tokens or addresses would",
			Remedy: "if it is not the signature that it refuses, let this path through without a token",
		}
	case status >= http.StatusInternalServerError:
		return Finding{
			Status: Fail, Detail: answered,
			Remedy: "look into the application's log: a bad signature should be a 401, and needs no second try",
		}
	default:
		return Finding{
			Status: Warn, Detail: answered + ", where 401 is usual",
			Remedy: "check that it is the signature that it refuses",
		}
	}
}
