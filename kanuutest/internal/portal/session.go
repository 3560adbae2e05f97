package portal

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
)

// maxSessions bounds the links and the sessions together.
const maxSessions = 10_000

// sessions are the one-time links and the sessions that they opened.
type sessions struct {
	mu    sync.Mutex
	all   map[string]*Session
	order []string
}

// Session is a one-time link, or the session that one opened.
type Session struct {
	Secret     string
	Identifier string
	IsLink     bool
	Used       bool // a link
}

// make adds a link or a session.
func (s *sessions) make(identifier string, isLink bool) *Session {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: it crashes the program instead
	made := &Session{Secret: hex.EncodeToString(b), Identifier: identifier, IsLink: isLink}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(made)
	return made
}

func (s *sessions) add(made *Session) {
	if s.all == nil {
		s.all = make(map[string]*Session)
	}
	s.all[made.Secret] = made
	s.order = append(s.order, made.Secret)
	if len(s.order) > maxSessions {
		delete(s.all, s.order[0])
		s.order = s.order[1:]
	}
}

// Sessions returns copies of the links and sessions, for a file.
func (p *Portal) Sessions() (list []Session) {
	p.sessions.mu.Lock()
	defer p.sessions.mu.Unlock()
	for _, secret := range p.sessions.order {
		list = append(list, *p.sessions.all[secret])
	}
	return list
}

// Restore continues with the links and sessions of an earlier portal.
func (p *Portal) Restore(list []Session) {
	p.sessions.mu.Lock()
	defer p.sessions.mu.Unlock()
	for _, s := range list {
		p.sessions.add(&s)
	}
}

// open uses an unused nonce up and starts a session for its identifier.
func (s *sessions) open(nonce string) *Session {
	s.mu.Lock()
	found, ok := s.all[nonce]
	ok = ok && found.IsLink && !found.Used
	if ok {
		found.Used = true
	}
	s.mu.Unlock()
	if !ok {
		return nil
	}
	return s.make(found.Identifier, false)
}

// look reports whether there is such a nonce and whether it was used.
func (s *sessions) look(nonce string) (used, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.all[nonce]
	return ok && found.Used, ok && found.IsLink
}

// visit finds a session for the bare portal, or for a link of its identifier.
func (s *sessions) visit(secret, nonce string) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, from := s.all[secret], s.all[nonce]
	if found == nil || found.IsLink || nonce != "" && (from == nil || from.Identifier != found.Identifier) {
		return nil
	}
	return found
}
