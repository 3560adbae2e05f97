package paddle

import "strings"

// AlertNames are those that Paddle Classic documents.
var AlertNames = []string{
	"subscription_created", "subscription_updated", "subscription_cancelled", "subscription_payment_succeeded",
	"subscription_payment_failed", "subscription_payment_refunded", "payment_succeeded", "payment_refunded",
	"payment_dispute_created", "payment_dispute_closed", "locker_processed", "high_risk_transaction_created",
	"high_risk_transaction_updated", "transfer_created", "transfer_paid", "new_audience_member",
	"update_audience_member", "invoice_paid", "invoice_sent", "invoice_overdue",
}

// maxTypos is how many letters of a misspelled name differ.
const maxTypos = 2

// Similar returns the name that text misspells, or nothing.
func Similar(text string, names []string) string {
	for _, name := range names {
		if editDistance(strings.ToLower(text), name) <= maxTypos {
			return name
		}
	}
	return ""
}

// editDistance counts the insertions, deletions and replacements between a and b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
