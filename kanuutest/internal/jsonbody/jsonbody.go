// Package jsonbody reads and writes the JSON of the fake's APIs.
package jsonbody

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Write answers with v as JSON.
func Write(w http.ResponseWriter, status int, v any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // it is one of the few types of the fake
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // nothing is left to do for a caller that is gone
}

// Strict decodes one JSON value without unknown fields.
func Strict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

// Duration is a time.Duration as a JSON text, "1m30s".
type Duration time.Duration

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	read, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration: write it like 1m30s", text)
	}
	*d = Duration(read)
	return nil
}

// CheckRate refuses what is no share, 0 to 1.
func CheckRate(name string, rate float64) error {
	if rate >= 0 && rate <= 1 { // not NaN
		return nil
	}
	return fmt.Errorf("%s is %g: a rate is 0 to 1", name, rate)
}

// CheckDelay refuses a negative delay.
func CheckDelay(d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("delay is %s: it cannot be negative", d)
	}
	return nil
}
