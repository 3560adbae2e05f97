package kanuu

import (
	"fmt"
	"log/slog"
	"path"
	"slices"

	"github.com/kanuu-io/kanuu-go/internal/paddle"
)

// Alerts that Paddle Classic documents, for [WebhookHandler.On] and
// [Event.AlertName].
const (
	AlertSubscriptionCreated          = "subscription_created"
	AlertSubscriptionUpdated          = "subscription_updated"
	AlertSubscriptionCancelled        = "subscription_cancelled"
	AlertSubscriptionPaymentSucceeded = "subscription_payment_succeeded"
	AlertSubscriptionPaymentFailed    = "subscription_payment_failed"
	AlertSubscriptionPaymentRefunded  = "subscription_payment_refunded"

	AlertPaymentSucceeded      = "payment_succeeded"
	AlertPaymentRefunded       = "payment_refunded"
	AlertPaymentDisputeCreated = "payment_dispute_created"
	AlertPaymentDisputeClosed  = "payment_dispute_closed"
	AlertLockerProcessed       = "locker_processed"

	AlertHighRiskTransactionCreated = "high_risk_transaction_created"
	AlertHighRiskTransactionUpdated = "high_risk_transaction_updated"
	AlertTransferCreated            = "transfer_created"
	AlertTransferPaid               = "transfer_paid"
	AlertNewAudienceMember          = "new_audience_member"
	AlertUpdateAudienceMember       = "update_audience_member"
	AlertInvoicePaid                = "invoice_paid"
	AlertInvoiceSent                = "invoice_sent"
	AlertInvoiceOverdue             = "invoice_overdue"
)

// checkPattern panics if the pattern misspells an alert, because its handler would
// never be called, and logs one that matches no alert that is known.
func (h *WebhookHandler) checkPattern(pattern string) {
	if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
		panic(fmt.Sprintf("kanuu: WebhookHandler.On: %q is not a pattern: write it like \"subscription_*\"", pattern))
	}
	matches := func(name string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	}
	if slices.ContainsFunc(paddle.AlertNames, matches) {
		return
	}
	if name := paddle.Similar(pattern, paddle.AlertNames); name != "" {
		panic(fmt.Sprintf("kanuu: WebhookHandler.On: Paddle has no alert %q: did you mean %q?", pattern, name))
	}
	h.client.log.Warn("kanuu: webhook handler for an unknown alert", slog.String("pattern", pattern),
		slog.String("remedy", "correct the name, unless Paddle has a new alert: it must be one that Paddle Classic documents"))
}
