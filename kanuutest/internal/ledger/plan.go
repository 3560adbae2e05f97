package ledger

import "time"

// Plan is something that the portal sells.
type Plan struct {
	ID        int64  `json:"id"`   // Paddle's plan_id
	Name      string `json:"name"` // as the customer sees it
	Price     string `json:"price"`
	Currency  string `json:"currency"`
	Yearly    bool   `json:"yearly"`     // paid for a year at a time; else for a month
	TrialDays int    `json:"trial_days"` // each new subscription begins with so many free days
}

// DefaultPlans are on sale unless a fake has plans of its own.
func DefaultPlans() []Plan {
	return []Plan{
		{ID: 12345, Name: "Basic", Price: "9.00", Currency: "EUR"},
		{ID: 67, Name: "Pro", Price: "29.00", Currency: "EUR"},
	}
}

// Renewal is when a period of the plan ends that begins at from. It stays in
// the month that is meant: a month after 31 January is the last day of February.
func Renewal(p Plan, from time.Time) time.Time {
	if p.Yearly {
		return AddMonths(from, 12)
	}
	return AddMonths(from, 1)
}

// AddMonths adds months to a day of a month, or of a shorter one its last day.
func AddMonths(t time.Time, months int) time.Time {
	to := t.AddDate(0, months, 0)
	if to.Day() != t.Day() {
		to = to.AddDate(0, 0, -to.Day())
	}
	return to
}

// free is the amount of the first payment for a trial.
const free = "0.00"
