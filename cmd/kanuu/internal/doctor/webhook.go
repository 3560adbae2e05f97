package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/internal/paddle"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// checkPublicKey compares the key with that of the sender, if it is known.
func (d *doctor) checkPublicKey(ctx context.Context) {
	if d.PublicKey == "" {
		d.say(checkPublicKey, Warn, "PADDLE_PUBLIC_KEY is not set",
			"if the application receives webhooks, export it with the public key that Paddle's dashboard shows, "+
				"or `kanuu emulator` prints")
		return
	}
	key, problem := paddle.ParseKey(d.PublicKey)
	if problem != "" {
		problem, remedy, _ := strings.Cut(problem, ": ")
		d.say(checkPublicKey, Fail, "what PADDLE_PUBLIC_KEY holds "+problem, remedy)
		return
	}
	sender, of := d.emulator(ctx).Webhooks.PublicKey, "the emulator's"
	if d.SigningKey != nil {
		sender, of = kanuutest.NewSignerWithKey(d.SigningKey).PublicKey(), "that of --signing-key"
	}
	want, _ := paddle.ParseKey(sender)
	switch {
	case want == nil:
		d.say(checkPublicKey, OK,
			"PADDLE_PUBLIC_KEY is a key to verify webhooks with; whether it is the sender's, the first webhook shows", "")
	case !want.Equal(key):
		d.say(checkPublicKey, Fail, "PADDLE_PUBLIC_KEY is not "+of,
			"set it to what `kanuu emulator` printed, and restart the application with it")
	default:
		d.say(checkPublicKey, OK, "PADDLE_PUBLIC_KEY is "+of, "")
	}
}

// unsignedAlert has no customer, and its name is none that an application
// would act on, should it not look at the signature.
var unsignedAlert = url.Values{"alert_id": {"0"}, "alert_name": {"kanuu_doctor"}, "passthrough": {""}}.Encode()

var formType = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}

// checkWebhook sends the application an unsigned alert, which it has to
// refuse, and one that is signed.
func (d *doctor) checkWebhook(ctx context.Context) {
	res, err := d.ask(ctx, http.MethodPost, d.WebhookURL, formType, strings.NewReader(unsignedAlert))
	if err != nil {
		d.say(checkWebhook, Fail, "it cannot be reached: "+reason(err),
			"start the application, or check the URL; Paddle has to reach it from outside, too")
		return
	}
	status, remedy := judgeWebhook(res.status)
	d.say(checkWebhook, status, fmt.Sprintf("it answered %d to an unsigned alert", res.status), remedy)
	if res.status >= http.StatusBadRequest && status != Fail {
		d.checkSigned(ctx)
	}
}

// judgeWebhook by the status for an unsigned alert.
func judgeWebhook(status int) (judgement Status, remedy string) {
	switch {
	case status == http.StatusUnauthorized:
		return OK, ""
	case status < http.StatusMultipleChoices:
		return Fail, "anybody can send it alerts: verify p_signature first, as kanuu.NewWebhookHandler does"
	case status < http.StatusBadRequest:
		return Fail, "Paddle does not follow redirects: give it the URL that this leads to, and put no login before it"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return Fail, "check the path, and that the handler is mounted for POST"
	case status == http.StatusForbidden, status == 419: // 419 is Laravel's
		return Warn, "a check for CSRF tokens or addresses may refuse it: let this path through without a token"
	case status >= http.StatusInternalServerError:
		return Fail, "look into the application's log: a bad signature should be a 401, and needs no second try"
	}
	return Warn, "check that it is the signature that it refuses: 401 is usual"
}

func (d *doctor) checkSigned(ctx context.Context) {
	body, err := d.sign(ctx)
	if errors.Is(err, errNoSigner) {
		d.say(checkSigned, Skip, err.Error(), "")
		return
	}
	var res reply
	if err == nil {
		res, err = d.ask(ctx, http.MethodPost, d.WebhookURL, formType, strings.NewReader(body))
	}
	switch {
	case err != nil:
		d.say(checkSigned, Fail, "it could not be sent: "+reason(err), "look into the application's log")
	case res.status == http.StatusOK:
		d.say(checkSigned, OK, "it answered 200 to a signed alert", "")
	case res.status == http.StatusUnauthorized && d.isEaten(ctx):
		d.say(checkSigned, Fail, "it answered 401 to a signed alert, since something reads the body before the webhook handler",
			"mount the handler outside of every middleware that reads forms or bodies")
	case res.status == http.StatusUnauthorized:
		d.say(checkSigned, Fail, "it answered 401 to a signed alert, since the application has another public key",
			"restart it with the PADDLE_PUBLIC_KEY of the sender, which `kanuu emulator` prints")
	default:
		d.say(checkSigned, Fail, fmt.Sprintf("it answered %d to a signed alert, and Paddle takes 200 only", res.status),
			"look into the application's log: "+kanuu.AlertSubscriptionCreated+" would fail, too")
	}
}

// isEaten reports whether a body arrives at the handler. The library refuses one of
// this size with 413 before it looks at the signature, but only if it can see it:
// the length is not in the header.
func (d *doctor) isEaten(ctx context.Context) bool {
	large := struct{ io.Reader }{strings.NewReader("a=" + strings.Repeat("x", 70_000))}
	res, err := d.ask(ctx, http.MethodPost, d.WebhookURL, formType, large)
	return err == nil && res.status != http.StatusRequestEntityTooLarge
}
