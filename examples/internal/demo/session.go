package demo

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	sessionCookie   = "acme_session"
	sessionLifetime = 12 * time.Hour
	sessionKeyBytes = 32
)

// sessions keeps who is logged in where it needs no database: in a cookie
// "login.expiry.signature". The price is that logging out ends a session in
// this browser only; an application with something to lose keeps sessions itself.
type sessions struct {
	key []byte
}

func newSessions(key string) (sessions, error) {
	if key == "" {
		random := make([]byte, sessionKeyBytes)
		rand.Read(random)
		return sessions{random}, nil
	}
	if len(key) < sessionKeyBytes {
		return sessions{}, errors.New("SESSION_KEY is too short: set at least 32 random characters, or nothing to have one made")
	}
	return sessions{[]byte(key)}, nil
}

// user returns who is logged in.
func (s sessions) user(r *http.Request) (*User, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil, false
	}
	login, rest, _ := strings.Cut(cookie.Value, ".")
	expiry, signature, _ := strings.Cut(rest, ".")
	if !hmac.Equal([]byte(signature), []byte(s.sign(login, expiry))) {
		return nil, false
	}
	seconds, err := strconv.ParseInt(expiry, 10, 64)
	if err != nil || !time.Now().Before(time.Unix(seconds, 0)) {
		return nil, false
	}
	return userByLogin(login)
}

func (s sessions) start(w http.ResponseWriter, r *http.Request, user *User) {
	expiry := strconv.FormatInt(time.Now().Add(sessionLifetime).Unix(), 10)
	setSession(w, r, user.Login+"."+expiry+"."+s.sign(user.Login, expiry), int(sessionLifetime.Seconds()))
}

func (s sessions) end(w http.ResponseWriter, r *http.Request) {
	setSession(w, r, "", -1)
}

func (s sessions) sign(login, expiry string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(sessionCookie + "." + login + "." + expiry))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func setSession(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name:     sessionCookie,
		Value:    value,
		Path:     "/",
		MaxAge:   maxAge,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
		// Anybody can send the header, and harms only themselves with it.
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}
