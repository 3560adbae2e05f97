package kanuu

import (
	"context"
	"errors"
	"log/slog"

	"github.com/kanuu-io/kanuu-go/internal/api"
	"github.com/kanuu-io/kanuu-go/internal/email"
)

// Nonce opens the portal once, as the customer it was made for, for whoever has
// it. However it is printed, logged or marshalled as text or JSON, it stays
// hidden; to hand it out, take its fields.
type Nonce struct {
	// Value is the nonce itself.
	Value string

	// URL of the portal, with the nonce in it: absolute, https (http only where
	// [Config.BaseURL] itself is). Its host is Kanuu's or the team's own.
	URL string
}

// CreateNonce makes a one-time URL to the portal of id, as Kanuu's "Create a
// nonce" page has it. Make one when the customer clicks, never ahead of time;
// [RedirectHandler] does.
//
// Errors: [*IdentityError] without a call; [*APIError] for what Kanuu answered;
// [ErrUnavailable] when it did not; ctx's own error when that came first.
// Network errors, 429 and 5xx are tried again, at most twice and within
// [Config.Timeout]. Success invalidates the
// identifier's cached subscription, which the customer is about to change.
func (c *Client) CreateNonce(ctx context.Context, id Identity) (Nonce, error) {
	if err := id.Validate(); err != nil {
		return Nonce{}, err
	}
	if id.Email != "" && !email.IsAddress(id.Email) {
		c.leaveOutEmail(ctx)
		id.Email = ""
	}

	response, err := c.post(ctx, c.createNonce, id)
	if id.Email != "" && isAboutEmail(err) { // Kanuu's rule is another one
		c.leaveOutEmail(ctx)
		id.Email = ""
		response, err = c.post(ctx, c.createNonce, id)
	}
	if err != nil {
		return Nonce{}, err
	}
	nonce, err := api.ParseNonce(response.Body, c.insecureURLs)
	if err != nil {
		c.api.Count.Failures.Add(1)
		return Nonce{}, &APIError{Operation: c.createNonce.Operation, Status: response.Status, Message: err.Error()}
	}
	c.nonces.Add(1)
	c.invalidate(ctx, id.Identifier)
	return Nonce(nonce), nil
}

// leaveOutEmail logs the first time that an email address could not be used. The
// address only prefills a form, and closes billing for nobody.
func (c *Client) leaveOutEmail(ctx context.Context) {
	c.emailWarning.Do(func() {
		c.log.LogAttrs(ctx, slog.LevelWarn, "kanuu: email address left out",
			slog.String("remedy", "correct Identity.Email where the IdentifierResolver takes it from; this is logged once"))
	})
}

// isAboutEmail tells whether Kanuu refused the email address and nothing else.
func isAboutEmail(err error) bool {
	apiErr, ok := errors.AsType[*APIError](err)
	return ok && errors.Is(apiErr, ErrValidation) && len(apiErr.Fields) == 1 && apiErr.Fields["email"] != nil
}
