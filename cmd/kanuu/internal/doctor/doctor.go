// Package doctor finds out what is wrong with an application's set-up. It looks
// and asks, and changes nothing: no nonce is made, and no alert is sent that an
// application could act on.
package doctor

import (
	"context"
	"crypto/x509"
	"net/http"
	"time"
)

// Identifier is the one that Kanuu is asked about to see whether the key is
// accepted. Asking about an identifier that nobody has creates nothing.
const Identifier = "kanuu-doctor"

// Status of a finding.
type Status string

// The statuses, from good to bad. Skip: another finding is in the way.
const (
	OK   Status = "ok"
	Skip Status = "skip"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Finding is what one check found.
type Finding struct {
	Check  string `json:"check"` // such as "certificate"
	Status Status `json:"status"`
	Detail string `json:"detail"`           // what was seen
	Remedy string `json:"remedy,omitempty"` // what to do; empty when all is well
}

// Setup is what to look at. The zero value has no key and no webhooks.
type Setup struct {
	// APIKey and BaseURL are [kanuu.Config]'s.
	APIKey, BaseURL string

	// PublicKey is Paddle's, in any form that [kanuu.NewWebhookHandler] takes.
	PublicKey string

	// WebhookURL is the application's endpoint. Empty: it is not asked.
	WebhookURL string

	// Now is the clock to judge. Nil: [time.Now].
	Now func() time.Time

	// RootCAs that certificates must come from. Nil: the system's.
	RootCAs *x509.CertPool
}

// timeout of one check.
const timeout = 10 * time.Second

// doctor is one examination.
type doctor struct {
	Setup

	transport *http.Transport
	report    func(Finding)
}

// Examine makes all checks, in the order in which one should mend, and reports
// each finding when it is there. It ends early when ctx does.
func Examine(ctx context.Context, setup Setup, report func(Finding)) {
	if setup.Now == nil {
		setup.Now = time.Now
	}
	d := &doctor{Setup: setup, transport: newTransport(setup), report: report}
	defer d.transport.CloseIdleConnections()

	validKey := d.checkAPIKey()
	met, reached := d.checkBaseURL(ctx)
	d.checkCertificate(met)
	d.checkClock(met)
	d.checkAccepted(ctx, validKey, reached)
	d.checkPublicKey()
	if setup.WebhookURL != "" {
		d.checkWebhook(ctx)
	}
}

func (d *doctor) say(check string, status Status, detail, remedy string) {
	d.report(Finding{Check: check, Status: status, Detail: detail, Remedy: remedy})
}
