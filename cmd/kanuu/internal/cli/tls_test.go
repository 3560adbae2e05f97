package cli_test

import (
	"io"
	"log"
	"net/http/httptest"
	"testing"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// newTLSBox has a certificate that no system trusts.
func newTLSBox(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(kanuutest.New(nil))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}
