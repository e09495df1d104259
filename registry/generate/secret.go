package generate

import (
	"crypto/rand"

	"github.com/mailreg/mailreg/registry/settings"
)

// withSecrets is the settings as templates see them: a secret that is to be made up, and that nobody has set, has a value
// from the first look at it.
type withSecrets struct {
	*settings.View
	plan *Plan
}

// Get returns the merged value of a key.
func (s withSecrets) Get(key string) (string, bool) {
	if val, ok := s.View.Get(key); ok {
		return val, true
	}
	if val, ok := s.plan.drafts[key]; ok {
		return val, true
	}
	d, _ := s.View.Declaration(key)
	if d.Generate == 0 {
		return "", false
	}
	if s.plan.drafts == nil {
		s.plan.drafts = map[string]string{}
	}
	s.plan.drafts[key] = random(d.Generate)
	return s.plan.drafts[key], true
}

// needSecrets notes that an output which is written has read these keys.
func (p *Plan) needSecrets(keys []string) {
	for _, key := range keys {
		val, made := p.drafts[key]
		if _, set := p.View.Get(key); !made || set {
			continue
		}
		if p.Made == nil {
			p.Made = map[string]string{}
		}
		p.Made[key] = val
	}
}

// random returns n characters that no file format has to quote.
func random(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	text := make([]byte, 0, n)
	for some := make([]byte, 2*n); len(text) < n; {
		_, _ = rand.Read(some) // never fails: the program ends where the system has no random numbers
		for _, b := range some {
			// Numbers beyond the last whole alphabet would make its first characters likelier.
			if whole := 256 / len(alphabet) * len(alphabet); int(b) < whole && len(text) < n {
				text = append(text, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(text)
}
