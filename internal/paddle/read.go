package paddle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxBody is how many bytes of a body are read. The largest alerts have about
// 4 KiB.
const maxBody = 64 << 10

// What is wrong with a request.
var (
	ErrNotPost  = errors.New("the request is no POST")
	ErrNotForm  = errors.New("the Content-Type is not application/x-www-form-urlencoded")
	ErrTooLarge = errors.New("the body has more than 65536 bytes")
	ErrConsumed = errors.New("something has read the body before the webhook handler")
	ErrCutOff   = errors.New("the body ended early")
)

// Read returns the body of a request that may be a webhook.
func Read(r *http.Request) (string, error) {
	if r.Method != http.MethodPost {
		return "", ErrNotPost
	}
	// Paddle always sends a Content-Type. Without one, the signature decides.
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if mediaType = strings.TrimSpace(mediaType); mediaType != "" &&
		!strings.EqualFold(mediaType, "application/x-www-form-urlencoded") {
		return "", ErrNotForm
	}
	if r.ContentLength > maxBody {
		return "", ErrTooLarge
	}
	var body bytes.Buffer
	if r.Body != nil {
		body.Grow(int(max(r.ContentLength, 0)) + bytes.MinRead) // the end takes room, too
		switch _, err := body.ReadFrom(&io.LimitedReader{R: r.Body, N: maxBody + 1}); {
		case errors.Is(err, http.ErrBodyReadAfterClose):
			return "", ErrConsumed
		case err != nil:
			return "", fmt.Errorf("%w: %w", ErrCutOff, err)
		}
	}
	switch size := body.Len(); {
	case size > maxBody:
		return "", ErrTooLarge
	case size == 0 && (r.ContentLength > 0 || len(r.PostForm) > 0):
		return "", ErrConsumed
	default:
		return body.String(), nil
	}
}
