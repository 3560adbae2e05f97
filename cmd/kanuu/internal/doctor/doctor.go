// Package doctor finds out what is wrong with an application's set-up. It looks
// and asks, and changes nothing: no nonce is made but in an emulator, and no alert
// is sent that is about a customer.
package doctor

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/control"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// EnvCookie is the environment variable for [Setup.Cookie].
const EnvCookie = "KANUU_DOCTOR_COOKIE"

// Identifier is the one that Kanuu is asked about to see whether the key is
// accepted. Asking about an unknown identifier creates nothing.
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

	// AppURL is where the application is. Empty: it is not asked. Gate is the path
	// of a gated page; it may be empty.
	AppURL, Gate string

	// Cookie is the Cookie header of a customer who is logged in. Empty: none is.
	Cookie string

	// SigningKey signs an alert. Nil: the emulator does, if there is one.
	SigningKey *rsa.PrivateKey

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

	transport  *http.Transport
	client     *http.Client
	report     func(Finding)
	isEmulator bool
	cookies    []*http.Cookie // that the application has set
}

// Examine makes all checks, in the order in which one should mend, and reports
// each finding when it is there. It ends early when ctx does.
func Examine(ctx context.Context, setup Setup, report func(Finding)) {
	if setup.Now == nil {
		setup.Now = time.Now
	}
	transport := newTransport(setup)
	d := &doctor{Setup: setup, transport: transport, client: &http.Client{Transport: transport}, report: report}
	defer d.transport.CloseIdleConnections()

	validKey := d.checkAPIKey()
	met, reached := d.checkBaseURL(ctx)
	d.checkCertificate(met)
	d.checkClock(checkClock, met)
	d.checkAccepted(ctx, validKey, reached)
	if reached && setup.BaseURL != "" {
		var state kanuutest.State
		d.isEmulator = control.Call(ctx, d.client, setup.BaseURL, "state", nil, &state) == nil && state.Webhooks.PublicKey != ""
	}
	d.checkPublicKey(ctx)
	if setup.WebhookURL != "" {
		d.checkWebhook(ctx)
	}
	if setup.AppURL != "" {
		d.checkApplication(ctx)
	}
}

func (d *doctor) say(check string, status Status, detail, remedy string) {
	d.report(Finding{Check: check, Status: status, Detail: detail, Remedy: remedy})
}
