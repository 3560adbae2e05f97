package kanuu

import (
	"context"
	"errors"
	"log/slog"

	"github.com/kanuu-io/kanuu-go/internal/api"
	"github.com/kanuu-io/kanuu-go/internal/email"
)

// Nonce is a one-time login to the portal. Its URL logs any bearer in as the customer,
// so it prints, logs and marshals redacted. Read its fields to use it.
type Nonce struct {
	// Value is the nonce itself.
	Value string

	// URL of the portal, with the nonce in it: absolute, https (http only where
	// [Config.BaseURL] itself is). Its host is Kanuu's or the team's own.
	URL string
}

// CreateNonce creates a one-time login to the portal of id. Create it when the
// customer clicks, never ahead of time, as [RedirectHandler] does.
//
// Errors: an [*IdentityError] without a call; an [*APIError] for Kanuu's response;
// [ErrUnavailable] without one; ctx's own error if ctx ended first. Network errors
// and 5xx are retried, at most twice and within [Config.Timeout]. Success
// invalidates the cached subscription, because the customer is about to change it.
func (c *Client) CreateNonce(ctx context.Context, id Identity) (Nonce, error) {
	if err := id.Validate(); err != nil {
		return Nonce{}, err
	}
	if id.Email != "" && !email.IsAddress(id.Email) {
		c.leaveOutEmail(ctx)
		id.Email = ""
	}

	response, err := c.post(ctx, c.createNonce, id)
	if id.Email != "" && isAboutEmail(err) { // by a rule of its own
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

// leaveOutEmail logs the first email address that cannot be used. It only prefills a
// form, and must not close billing.
func (c *Client) leaveOutEmail(ctx context.Context) {
	c.emailWarning.Do(func() {
		c.log.LogAttrs(ctx, slog.LevelWarn, "kanuu: email address left out",
			slog.String("remedy", "correct Identity.Email where the IdentifierResolver takes it from; this is logged once"))
	})
}

// isAboutEmail reports whether Kanuu refused the email address and nothing else.
func isAboutEmail(err error) bool {
	apiErr, ok := errors.AsType[*APIError](err)
	return ok && errors.Is(apiErr, ErrValidation) && len(apiErr.Fields) == 1 && apiErr.Fields["email"] != nil
}
