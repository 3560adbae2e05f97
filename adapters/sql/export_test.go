package kanuusql

import "time"

// Alert is a stored alert, for tests of the fold.
type Alert struct {
	ID, Name string
	Time     time.Time
	Fields   map[string]string
}

// Fold is the row of a subscription, derived from its alerts.
func Fold(id int64, alerts ...Alert) Subscription {
	list := make([]alert, len(alerts))
	for i, a := range alerts {
		list[i] = alert{id: a.ID, subscriptionID: id, name: a.Name, time: a.Time, fields: a.Fields}
	}
	return fold(id, list)
}

// Observed is the name of an observation.
const Observed = observedName

// IsTransient reports whether a transaction is run again after err.
func (d Dialect) IsTransient(err error) bool { return d.isTransient(err) }
