package maildir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestWelcomeOnce crashes before each change of the disk, and after the mail was given away: one arrives all the same.
func TestWelcomeOnce(t *testing.T) {
	crash := errors.New("crash")
	const id = "<welcome-1@host.test>"
	o := owner("a", "a@example.test")
	for limit := range 20 {
		for _, lost := range []bool{false, true} {
			root, left := t.TempDir(), 1000
			cfg := Config{Root: root, Skeleton: func(string) []File { return []File{WelcomeFile()} }, Fault: func(string, string) error {
				if left--; left < 0 {
					return crash
				}
				return nil
			}}
			s, err := Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Ensure(t.Context(), o, true); err != nil {
				t.Fatal(err)
			}
			inbox := filepath.Join(root, "var/spool/dovecot/private/by-id", o.UUID.String(), "Maildir/new")
			sent := 0
			send := func(answer error) func() error {
				return func() error {
					sent++
					name := filepath.Join(inbox, string(rune('a'+sent)))
					return errors.Join(os.WriteFile(name, []byte("Subject: x\r\nMessage-ID: "+id+"\r\n\r\n"), 0o600), answer)
				}
			}
			var answer error
			if lost {
				answer = crash
			}
			left = limit
			_ = s.Welcome(t.Context(), o, id, send(answer))
			left = 1000
			for range 2 {
				if err := s.Welcome(t.Context(), o, id, send(nil)); err != nil {
					t.Fatal(err)
				}
			}
			if sent != 1 {
				t.Errorf("after %d changes, answer lost %v: %d mails", limit, lost, sent)
			}
		}
	}
}
