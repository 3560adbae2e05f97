package kanuu_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kanuu-io/kanuu-go"
)

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/pro": "/pro", "/pro?a=b&c=%2F#d": "/pro?a=b&c=%2F#d", "/": "/",
		"": "/start", "pro": "/start", "//evil.example": "/start", `/\evil.example`: "/start", `/a\b`: "/start",
		"https://evil.example/": "/start", "javascript:alert(1)": "/start", "/\t/evil.example": "/start", "/é": "/start",
	} {
		assert.Equal(t, want, kanuu.LocalPath(path, "/start"), path)
	}
}
