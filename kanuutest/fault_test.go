package kanuutest_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func TestFaultAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault       kanuutest.Fault
		status      int
		contentType string
		body        string
	}{
		"401": {kanuutest.Fault{Status: 401}, 401, "application/json", `{"message":"Unauthenticated."}` + "\n"},
		"402": {kanuutest.Fault{Status: 402}, 402, "application/json", `{"message":"Payment Required"}` + "\n"},
		"403": {kanuutest.Fault{Status: 403}, 403, "application/json", `{"message":"This action is unauthorized."}` + "\n"},
		"419": {kanuutest.Fault{Status: 419}, 419, "application/json", `{"message":"CSRF token mismatch."}` + "\n"},
		"422": {kanuutest.Fault{Status: 422}, 422, "application/json", `{"message":"The given data was invalid."}` + "\n"},
		"429": {kanuutest.Fault{Status: 429}, 429, "application/json", `{"message":"Too Many Attempts."}` + "\n"},
		"500": {kanuutest.Fault{Status: 500}, 500, "application/json", `{"message":"Server Error"}` + "\n"},
		"503": {kanuutest.Fault{Status: 503}, 503, "application/json", `{"message":"Service Unavailable"}` + "\n"},
		"204": {kanuutest.Fault{Status: 204}, 204, "application/json", ""},
		"HTML": {
			kanuutest.Fault{Status: 502, Body: "<html>Bad gateway"},
			502, "text/html; charset=utf-8", "<html>Bad gateway",
		},
		"JSON without status": {
			kanuutest.Fault{Body: `{"status":null}`},
			200, "application/json", `{"status":null}`,
		},
		"own type": {
			kanuutest.Fault{Status: 500, Header: http.Header{"content-type": {"text/x"}}, Body: `{}`},
			500, "text/x", `{}`,
		},
		"own type, no body": {
			kanuutest.Fault{Status: 500, Header: http.Header{"Content-Type": {"text/x"}}},
			500, "text/x", `{"message":"Server Error"}` + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			s.Inject(tc.fault)
			for range 2 {
				a := call(t, s.URL+noncePath, `{"identifier":"42"}`)
				assert.Equal(t, tc.status, a.StatusCode)
				assert.Equal(t, tc.contentType, a.Header.Get("Content-Type"))
				assert.Equal(t, tc.body, a.body)
			}
			s.Recover()
			assert.Equal(t, http.StatusCreated, call(t, s.URL+noncePath, `{"identifier":"42"}`).StatusCode)
			assert.Len(t, s.Requests(), 3, "Recover keeps the requests")
		})
	}
}

func TestFaultQueue(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.Inject(kanuutest.Fault{Path: subscriptionPath, Times: 1, Status: 500})
	s.Inject(kanuutest.Fault{Times: 2, Status: 503, Header: http.Header{"Retry-After": {"7"}}})
	s.Inject(kanuutest.Fault{Path: noncePath, Times: 1, Header: http.Header{"X-Slow": {"yes"}}})
	for i, want := range []struct {
		path, header, value string
		status              int
	}{
		{noncePath, "Retry-After", "7", 503},
		{subscriptionPath, "Retry-After", "", 500},
		{subscriptionPath, "Retry-After", "7", 503},
		{subscriptionPath, "Retry-After", "", 200},
		{noncePath, "X-Slow", "yes", 201},
		{noncePath, "X-Slow", "", 201},
	} {
		a := call(t, s.URL+want.path, `{"identifier":"42"}`)
		assert.Equal(t, want.status, a.StatusCode, i)
		assert.Equal(t, want.value, a.Header.Get(want.header), i)
	}
}

func TestFaultBeforeValidation(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	header := http.Header{"Retry-After": {"7"}}
	s.Inject(kanuutest.Fault{Status: 503, Header: header})
	header.Set("Retry-After", "changed")
	a := visit(t, http.DefaultClient, http.MethodGet, s.URL+noncePath) // no key, and the wrong method
	assert.Equal(t, http.StatusServiceUnavailable, a.StatusCode)
	assert.Equal(t, "7", a.Header.Get("Retry-After"))
	assert.Equal(t, http.StatusForbidden, visit(t, http.DefaultClient, http.MethodGet, s.URL+"/manage/acme/x").StatusCode,
		"the portal has no faults")
}

func TestFaultDrop(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.Inject(kanuutest.Fault{Drop: true, Times: 1})
	require.Error(t, try(newCall(t, s.URL+noncePath, `{"identifier":"42"}`)))
	require.Len(t, s.Requests(), 1)
	assert.Zero(t, s.Requests()[0].Status)
	assert.Equal(t, http.StatusCreated, call(t, s.URL+noncePath, `{"identifier":"42"}`).StatusCode)
}

func TestFaultBreaksOff(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.Inject(kanuutest.Fault{Status: 201, Header: http.Header{"Content-Length": {"100"}}, Body: `{"nonce":`})
	resp, err := http.DefaultClient.Do(newCall(t, s.URL+noncePath, `{"identifier":"42"}`))
	require.NoError(t, err)
	defer func() { assert.NoError(t, resp.Body.Close()) }()
	_, err = io.ReadAll(resp.Body)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestFaultDelay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault   kanuutest.Fault
		timeout time.Duration
		took    time.Duration
		body    string
	}{
		"then as ever":     {kanuutest.Fault{Delay: time.Minute}, time.Hour, time.Minute, `"nonce"`},
		"then the fault":   {kanuutest.Fault{Delay: time.Minute, Status: 402}, time.Hour, time.Minute, "Payment Required"},
		"caller goes away": {kanuutest.Fault{Delay: time.Hour, Status: 402}, time.Minute, time.Minute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k := kanuutest.New(nil)
				k.Inject(tc.fault)
				ctx, cancel := context.WithTimeout(t.Context(), tc.timeout)
				defer cancel()
				began := time.Now()
				rec := httptest.NewRecorder()
				k.ServeHTTP(rec, newCall(t, "http://kanuu.test"+noncePath, `{"identifier":"42"}`).WithContext(ctx))
				assert.Equal(t, tc.took, time.Since(began))
				assert.Contains(t, rec.Body.String(), tc.body)
				assert.Equal(t, tc.body == "", rec.Body.Len() == 0)
			})
		})
	}
}

func TestInvalidFaultPanics(t *testing.T) {
	t.Parallel()
	k := kanuutest.New(nil)
	for _, status := range []int{-1, 1, 100, 199, 1000} {
		assert.Panics(t, func() { k.Inject(kanuutest.Fault{Status: status}) }, status)
	}
	for name, f := range map[string]kanuutest.Fault{
		"rate is 1.1: a rate is 0 to 1":        {Rate: 1.1},
		"times is -1: it cannot be negative":   {Times: -1},
		"delay is -1ns: it cannot be negative": {Delay: -1},
	} {
		assert.PanicsWithValue(t, "kanuutest: Fault: "+name, func() { k.Inject(f) })
	}
	assert.Empty(t, k.Faults())
}

func TestFaultRate(t *testing.T) {
	t.Parallel()
	hits := func(seed uint64) (n int, how string) {
		var calls []byte
		k := kanuutest.New(&kanuutest.Options{Seed: seed})
		k.Inject(kanuutest.Fault{Rate: 0.3, Times: 40, Status: 503})
		for range 200 {
			rec := httptest.NewRecorder()
			k.ServeHTTP(rec, newCall(t, "http://kanuu.test"+noncePath, `{"identifier":"42"}`))
			if rec.Code == http.StatusServiceUnavailable {
				n++
				calls = append(calls, 'x')
			} else {
				assert.Equal(t, http.StatusCreated, rec.Code)
				calls = append(calls, '.')
			}
		}
		assert.Empty(t, k.Faults(), "it is used up by the calls that it hits")
		return n, string(calls)
	}
	n, how := hits(7)
	assert.Equal(t, 40, n)
	assert.InDelta(t, 40/0.3, strings.LastIndex(how, "x"), 40)
	_, again := hits(7)
	assert.Equal(t, how, again)
	_, other := hits(8)
	assert.NotEqual(t, how, other)
}

// A fault that does not pick a call leaves it to the next one.
func TestFaultRatesInOneQueue(t *testing.T) {
	t.Parallel()
	k := kanuutest.New(&kanuutest.Options{Seed: 1})
	k.Inject(kanuutest.Fault{Rate: 0.5, Status: 500})
	k.Inject(kanuutest.Fault{Status: 503})
	got := map[int]int{}
	for range 100 {
		rec := httptest.NewRecorder()
		k.ServeHTTP(rec, newCall(t, "http://kanuu.test"+noncePath, `{"identifier":"42"}`))
		got[rec.Code]++
	}
	assert.InDelta(t, 50, got[500], 20)
	assert.Equal(t, 100, got[500]+got[503])
}

func TestFaults(t *testing.T) {
	t.Parallel()
	k := kanuutest.New(nil)
	one := kanuutest.Fault{Path: noncePath, Times: 2, Status: 429, Header: http.Header{"Retry-After": {"7"}}}
	two := kanuutest.Fault{Drop: true}
	k.Inject(one)
	k.Inject(two)
	k.ServeHTTP(httptest.NewRecorder(), newCall(t, "http://kanuu.test"+noncePath, `{}`))
	one.Times = 1
	assert.Equal(t, []kanuutest.Fault{one, two}, k.Faults())
	k.Faults()[0].Header.Set("Retry-After", "changed")
	assert.Equal(t, "7", k.Faults()[0].Header.Get("Retry-After"), "what is returned is a copy")
	k.Recover()
	assert.Empty(t, k.Faults())
}
