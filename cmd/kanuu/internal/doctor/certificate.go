package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// expiresSoon is when a certificate should have been renewed. Those of Let's
// Encrypt are renewed 30 days before their end.
const expiresSoon = 14 * 24 * time.Hour

func newTransport(setup Setup) *http.Transport {
	return &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		ForceAttemptHTTP2: true,
		// Certificates are judged by the clock that is examined, as the
		// application judges them.
		TLSClientConfig: &tls.Config{RootCAs: setup.RootCAs, Time: setup.Now, MinVersion: tls.VersionTLS12},
	}
}

func (m meeting) certificateErr() *tls.CertificateVerificationError {
	err, _ := errors.AsType[*tls.CertificateVerificationError](m.err)
	return err
}

func (d *doctor) checkCertificate(met meeting) {
	if refused := met.certificateErr(); refused != nil {
		d.say(checkCertificate, Fail, strings.TrimPrefix(refused.Err.Error(), "x509: "), d.remedyOfCertificate(refused))
		return
	}
	switch {
	case met.err != nil || !met.asked:
		d.say(checkCertificate, Skip, "no server was reached that would show one", "")
	case met.res.TLS == nil:
		d.say(checkCertificate, OK, "none needed: plain http on this machine, as the emulator has it", "")
	default:
		end := earliestEnd(met.res.TLS.VerifiedChains)
		left := end.Sub(d.Now())
		detail := fmt.Sprintf("valid until %s, in %s, %s", end.UTC().Format(time.DateOnly), roughly(left),
			tls.VersionName(met.res.TLS.Version))
		if left < expiresSoon {
			d.say(checkCertificate, Warn, detail, "whoever runs the server has to renew it: after that day no call succeeds")
			return
		}
		d.say(checkCertificate, OK, detail, "")
	}
}

// earliestEnd of the certificates that the server itself can renew: all of the
// best chain but the root, for which clients answer.
func earliestEnd(chains [][]*x509.Certificate) time.Time {
	var latest time.Time
	for _, chain := range chains {
		end := chain[0].NotAfter
		for _, certificate := range chain[:max(len(chain)-1, 1)] {
			if certificate.NotAfter.Before(end) {
				end = certificate.NotAfter
			}
		}
		if end.After(latest) {
			latest = end
		}
	}
	return latest
}

// remedyOfCertificate is for one that was refused. Its error has the names and dates.
func (d *doctor) remedyOfCertificate(refused *tls.CertificateVerificationError) string {
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
	)
	switch {
	case errors.As(refused, &invalid) && invalid.Reason == x509.Expired:
		return "whoever runs the server has to renew it, unless it is this machine's clock that is wrong: it says " +
			d.Now().UTC().Format(time.RFC1123)
	case errors.As(refused, &hostname):
		return "check " + kanuu.EnvBaseURL + ": another server answers under this name, or the name is not the one to use"
	case errors.As(refused, &unknown):
		return "install the system's root certificates (Debian: ca-certificates); for a CA of your own (a company's proxy, " +
			"the emulator's --tls) point SSL_CERT_FILE to its certificate"
	}
	return "whoever runs the server has to replace it"
}

// reason of a failed call, without the operation and the URL around it.
func reason(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.Err + " (looking up " + dns.Name + ")"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer within " + roughly(timeout)
	}
	return err.Error()
}

// remedyOf a server that cannot be reached.
func remedyOf(err error) string {
	var record tls.RecordHeaderError
	dns, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case isDNS && dns.IsNotFound:
		return "check the spelling of " + kanuu.EnvBaseURL +
			" if it is set; if it is right, the machine's DNS does not know the name, or only a proxy (HTTPS_PROXY) does"
	case isDNS:
		return "check the machine's DNS (/etc/resolv.conf): it gave no answer"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: start it (`kanuu emulator`), or check the host and the port of " + kanuu.EnvBaseURL
	case errors.As(err, &record):
		return "the server speaks plain http: write http:// if it is on this machine, or check the port"
	case errors.Is(err, context.DeadlineExceeded):
		return "a firewall may swallow it: allow connections from here to that host and port, or set HTTPS_PROXY"
	default:
		return "check the network from here to that host, and HTTPS_PROXY if there is a proxy"
	}
}
