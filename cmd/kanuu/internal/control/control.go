// Package control calls the control API of an emulator.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// timeout is more than the emulator waits for the application.
const timeout = 15 * time.Second

// maxResponse bounds what is read of a response.
const maxResponse = 64 << 20

// What [Call] returns.
var (
	// ErrUnreachable means that nothing listens at the URL.
	ErrUnreachable = errors.New("there is no emulator")

	// ErrForeign means that the server is not an emulator.
	ErrForeign = errors.New("no emulator, or another version of it")

	// ErrRefused means that the emulator does not do what it was asked for.
	ErrRefused = errors.New("the emulator refused")
)

// Call sends in, or for nil reads, and decodes the response into out. The base is
// the URL of the emulator.
func Call(ctx context.Context, client *http.Client, base, call string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	target, err := url.JoinPath(base, "control/api", call)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	method, body := http.MethodGet, []byte(nil)
	if in != nil {
		method = http.MethodPost
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	req.Header.Set("Content-Type", "application/json")
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := direct.Do(req)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, base, failed.Err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxResponse))
	var problem struct {
		Error string `json:"error"`
	}
	if err == nil && res.StatusCode == http.StatusOK && json.Unmarshal(text, out) == nil {
		return nil
	}
	if res.StatusCode == http.StatusUnprocessableEntity && json.Unmarshal(text, &problem) == nil && problem.Error != "" {
		return fmt.Errorf("%w: %s", ErrRefused, problem.Error)
	}
	return fmt.Errorf("what is at %s is %w (it answered %d)", base, ErrForeign, res.StatusCode)
}
