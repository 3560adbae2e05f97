package paddle

import (
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/jsonbody"
)

// Chaos is what may happen to webhooks on their way.
type Chaos struct {
	Duplicate float64       `json:"duplicate"`
	Reorder   float64       `json:"reorder"`
	Lose      float64       `json:"lose"`
	Delay     time.Duration `json:"-"`

	ShuffleIDs   bool `json:"shuffle_ids,omitzero"`   // alert ids do not grow
	SplitUpdates bool `json:"split_updates,omitzero"` // two subscription_updated in one second, in place of one
}

// CheckChaos returns an error for a chaos that cannot happen.
func CheckChaos(c Chaos) error {
	return cmp.Or(
		jsonbody.CheckRate("duplicate", c.Duplicate), jsonbody.CheckRate("reorder", c.Reorder),
		jsonbody.CheckRate("lose", c.Lose), jsonbody.CheckDelay(c.Delay),
	)
}

type plainChaos Chaos // without the methods

// ChaosJSON is a chaos as JSON has it.
type ChaosJSON struct {
	plainChaos
	Delay jsonbody.Duration `json:"delay"`         // "1m30s"
	Once  bool              `json:"once,omitzero"` // for the next alert; only read
}

// Chaos is what was read.
func (j ChaosJSON) Chaos() Chaos {
	c := Chaos(j.plainChaos)
	c.Delay = time.Duration(j.Delay)
	return c
}

// MarshalJSON writes the delay as text, "1m30s".
func (c Chaos) MarshalJSON() ([]byte, error) {
	return json.Marshal(ChaosJSON{plainChaos: plainChaos(c), Delay: jsonbody.Duration(c.Delay)})
}

// UnmarshalJSON reads what MarshalJSON writes. Other names are an error.
func (c *Chaos) UnmarshalJSON(data []byte) error {
	var j ChaosJSON
	err := jsonbody.Strict(data, &j)
	*c = j.Chaos()
	return err
}

// fate of one alert.
type fate struct {
	twice, later, never bool
	delay               time.Duration
}

// draw takes three numbers whatever the rates are: one rate does not change what
// the others pick.
func (c Chaos) draw(r *rand.Rand) fate {
	twice, later, never := r.Float64(), r.Float64(), r.Float64()
	return fate{twice < c.Duplicate, later < c.Reorder, never < c.Lose, c.Delay}
}

// String names what is done to an alert.
func (f fate) String() string {
	switch {
	case f.never:
		return "lost"
	case f.later && f.delay > 0:
		return "reordered, delayed"
	case f.later:
		return "reordered"
	case f.delay > 0:
		return "delayed"
	}
	return ""
}
