package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// The names of the checks.
const (
	checkAPIKey      = "api key"
	checkBaseURL     = "base url"
	checkCertificate = "certificate"
	checkClock       = "clock"
	checkAccepted    = "key accepted"
	checkPublicKey   = "public key"
	checkWebhook     = "webhook"
	checkSigned      = "signed alert"
	checkApplication = "application"
	checkAppClock    = "app clock"
	checkPrefetch    = "prefetch"
	checkLink        = "portal link"
	checkGate        = "gated page"
	checkCookies     = "cookies"
)

// problemsOf the config's own field, without the library's name before them.
func problemsOf(config kanuu.Config) string {
	_, err := kanuu.NewClient(config)
	if invalid, ok := errors.AsType[*kanuu.ConfigError](err); ok {
		return strings.Join(invalid.Problems, "; ")
	}
	return ""
}

// checkAPIKey looks at the key's form.
func (d *doctor) checkAPIKey() (valid bool) {
	if d.APIKey == "" {
		d.say(checkAPIKey, Fail, kanuu.EnvAPIKey+" is not set",
			"export "+kanuu.EnvAPIKey+
				" with the key that the Kanuu dashboard shows, or run `kanuu emulator` and paste what it prints")
		return false
	}
	if problem := problemsOf(kanuu.Config{APIKey: d.APIKey, BaseURL: "http://localhost"}); problem != "" {
		d.say(checkAPIKey, Fail, "what "+kanuu.EnvAPIKey+" holds is no key", problem)
		return false
	}
	d.say(checkAPIKey, OK, kanuu.EnvAPIKey+" is set", "")
	return true
}

// checkBaseURL asks for the base URL itself, without the key, and returns the
// answer. Any answer will do.
func (d *doctor) checkBaseURL(ctx context.Context) (met meeting, reached bool) {
	if problem := problemsOf(kanuu.Config{APIKey: "unused", BaseURL: d.BaseURL}); problem != "" {
		d.say(checkBaseURL, Fail, "what "+kanuu.EnvBaseURL+" holds is no base URL", problem)
		return meeting{}, false
	}
	base := cmp.Or(d.BaseURL, "https://kanuu.io")
	if strings.TrimRight(base, "/") == "https://kanuu.io" && d.APIKey == kanuutest.DefaultAPIKey {
		d.sayStrayKey()
		return meeting{}, false
	}
	met = d.meet(ctx, base)
	path, without := surplus(base)
	switch {
	case met.certificateErr() != nil: // the next check has more to say
		d.say(checkBaseURL, OK, "there is a server at "+base, "")
	case met.err != nil:
		d.say(checkBaseURL, Fail, base+" cannot be reached: "+reason(met.err), remedyOf(met.err))
		return met, false
	case d.BaseURL == "":
		d.say(checkBaseURL, OK, base+" answers ("+kanuu.EnvBaseURL+" is not set)", "")
	case path == apiPath:
		d.say(checkBaseURL, Warn, base+" answers, and ends in "+apiPath+", which the library adds by itself",
			leaveOut(path, without)+", unless a proxy has Kanuu there")
	default:
		d.say(checkBaseURL, OK, base+" answers", "")
	}
	return met, met.err == nil
}

// sayStrayKey is for the emulator's own key, which would go to Kanuu.
func (d *doctor) sayStrayKey() {
	means := kanuu.EnvBaseURL + " is not set, which means "
	if d.BaseURL != "" {
		means = kanuu.EnvBaseURL + " is "
	}
	d.say(checkBaseURL, Fail, means+"https://kanuu.io, and "+kanuu.EnvAPIKey+" is the emulator's own key: nobody was asked",
		"paste all lines that `kanuu emulator` printed, or set "+kanuu.EnvAPIKey+" to the key that the Kanuu dashboard shows")
}

// apiPath is what the paths of all calls begin with.
const apiPath = "/api"

// surplus is what is too much at the end of a base URL, where the API is not
// there, and the base URL without it: its whole path, or what people copy from
// the API's pages.
func surplus(base string) (path, without string) {
	base = strings.TrimRight(base, "/")
	if without, ok := strings.CutSuffix(base, apiPath); ok {
		return apiPath, without
	}
	u, err := url.Parse(base)
	if err != nil { // it was checked
		return "", base
	}
	path = u.EscapedPath()
	return path, strings.TrimSuffix(base, path)
}

func leaveOut(path, without string) string {
	return "leave " + path + " out: set " + kanuu.EnvBaseURL + " to " + without
}

// meeting is the answer to a request without a key.
type meeting struct {
	asked bool
	res   *http.Response
	err   error
	at    time.Time     // by the clock that is judged, half way between question and answer
	took  time.Duration // there and back
}

func (d *doctor) meet(ctx context.Context, target string) meeting {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, target, http.NoBody)
	if err != nil {
		return meeting{err: err}
	}
	begun, asked := time.Now(), d.Now()
	res, err := d.transport.RoundTrip(req)
	took := time.Since(begun)
	met := meeting{asked: true, res: res, err: err, at: asked.Add(took / 2), took: took}
	if err == nil {
		res.Body.Close()
	}
	return met
}

// How far off the clock may be. The Date header has seconds.
const (
	clockOK   = 5 * time.Second
	clockFail = 5 * time.Minute
)

func (d *doctor) checkClock(check string, met meeting) {
	if met.err != nil || !met.asked {
		d.say(check, Skip, "nobody was reached to compare it with", "")
		return
	}
	date, err := http.ParseTime(met.res.Header.Get("Date"))
	if err != nil {
		d.say(check, Skip, "the server does not say what time it is", "")
		return
	}
	const remedy = "let the machine set its clock by NTP (timedatectl set-ntp true): certificates and trials are judged by it"
	// The header's seconds are cut off: on average half of one is missing.
	off := met.at.Sub(date.Add(time.Second / 2))
	direction := "ahead of"
	if off < 0 {
		off, direction = -off, "behind"
	}
	detail := fmt.Sprintf("this machine is %s %s the server", roughly(off), direction)
	switch {
	case off > clockFail:
		d.say(check, Fail, detail, remedy)
	case off > clockOK+met.took/2:
		d.say(check, Warn, detail, remedy)
	default:
		d.say(check, OK, "it agrees with the server's", "")
	}
}

// roughly says a duration in its largest unit.
func roughly(d time.Duration) string {
	d = d.Round(time.Second)
	for _, unit := range []struct {
		name string
		long time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		if d >= unit.long {
			return count(int(d.Round(unit.long)/unit.long), unit.name)
		}
	}
	return count(int(d/time.Second), "second")
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// checkAccepted asks about an unknown customer.
func (d *doctor) checkAccepted(ctx context.Context, validKey, reached bool) {
	if !validKey || !reached {
		d.say(checkAccepted, Skip, "Kanuu was not asked, because of what is above", "")
		return
	}
	client, err := kanuu.NewClient(kanuu.Config{
		APIKey: d.APIKey, BaseURL: d.BaseURL, HTTPClient: &http.Client{Transport: d.transport}, Timeout: timeout,
	})
	if err != nil { // both values were checked
		d.say(checkAccepted, Fail, err.Error(), "")
		return
	}
	_, err = client.FetchSubscription(ctx, Identifier)
	detail := strings.TrimPrefix(fmt.Sprint(err), "kanuu: ")
	answer, _ := errors.AsType[*kanuu.APIError](err)
	path, without := surplus(d.BaseURL)
	switch {
	case err == nil:
		d.say(checkAccepted, OK, fmt.Sprintf("Kanuu answered about %q, which does not exist", Identifier), "")
	case errors.Is(err, kanuu.ErrInvalidAPIKey):
		d.say(checkAccepted, Fail, detail,
			"set "+kanuu.EnvAPIKey+" to the key that the Kanuu dashboard shows for this team; the emulator has a key of its own")
	case errors.Is(err, kanuu.ErrPaymentRequired):
		d.say(checkAccepted, Fail, detail, "subscribe to Kanuu in its dashboard: the free plan ends at 20 active customers")
	case errors.Is(err, kanuu.ErrRateLimited):
		d.say(checkAccepted, Warn, detail, "run this again in a moment: Kanuu did not come to look at the key")
	case errors.Is(err, kanuu.ErrUnavailable):
		d.say(checkAccepted, Fail, detail, "wait for Kanuu to come back: its server answers, its API does not")
	case answer != nil && answer.Status == http.StatusNotFound && path != "":
		d.say(checkAccepted, Fail, detail, leaveOut(path, without))
	default:
		d.say(checkAccepted, Fail, detail, "check that "+kanuu.EnvBaseURL+" is Kanuu's, and that no proxy answers in its place")
	}
}
