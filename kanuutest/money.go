package kanuutest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cents is money in hundredths of a currency.
type cents int64

// parsePrice reads "29.00", "29" and "1,299.5". What is no number costs nothing.
func parsePrice(s string) cents {
	whole, fraction, _ := strings.Cut(strings.ReplaceAll(s, ",", ""), ".")
	n, err := strconv.ParseUint(whole+(fraction + "00")[:2], 10, 48)
	if err != nil {
		return 0
	}
	return cents(n)
}

func (c cents) String() string {
	if c < 0 {
		return "-" + (-c).String()
	}
	return fmt.Sprintf("%d.%02d", c/100, c%100)
}

// share is the part of an amount for some of the days of a period, rounded.
func (c cents) share(days, of int) cents {
	if of <= 0 {
		return 0
	}
	return (c*cents(days) + cents(of)/2) / cents(of)
}

const day = 24 * time.Hour

// days rounds up: a day that has begun counts.
func days(d time.Duration) int { return int((d + day - 1) / day) }

// addMonths stays in the month that is meant: a month after 31 January is the
// last day of February.
func addMonths(t time.Time, months int) time.Time {
	to := t.AddDate(0, months, 0)
	if to.Day() != t.Day() {
		to = to.AddDate(0, 0, -to.Day())
	}
	return to
}
