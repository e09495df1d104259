package connect

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/listener/refusal"
	"github.com/mailreg/mailreg/listener/wire"
)

func TestRefusedPasswordIsNotOfferedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		refused := errors.New("result 49")
		for i, want := range []time.Duration{30, 60, 120, 240, 480, 900, 900} {
			if err := m.mayLogIn("ldap://a", "wrong"); err != nil {
				t.Fatalf("attempt %d: %v", i, err)
			}
			m.loggedIn("ldap://a", "wrong", refused)
			time.Sleep(want*time.Second - time.Second)
			if err := m.mayLogIn("ldap://a", "wrong"); !errors.Is(err, refused) || !strings.Contains(err.Error(), "for 1s") {
				t.Errorf("attempt %d, a second too early: %v", i, err)
			}
			if err := m.mayLogIn("ldap://b", "wrong"); err != nil {
				t.Errorf("another address: %v", err)
			}
			time.Sleep(time.Second)
		}
		m.loggedIn("ldap://a", "wrong", refused)
		if err := m.mayLogIn("ldap://a", "right"); err != nil {
			t.Errorf("a new password: %v", err)
		}
		m.loggedIn("ldap://a", "right", nil)
		if err := m.mayLogIn("ldap://a", "wrong"); err != nil {
			t.Errorf("after success: %v", err)
		}
	})
}

func TestPassedOverAddressesGoLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		s := Server{URLs: []string{"ldap://a", "ldap://b"}, Memory: m}
		expect := func(urls ...string) {
			t.Helper()
			if got := m.order(s.URLs); !slices.Equal(got, urls) {
				t.Errorf("order %q, want %q", got, urls)
			}
		}
		expect("ldap://a", "ldap://b")
		lacks := refusal.Of(&wire.Result{Code: 32}, refusal.Asked{Base: "dc=test"})
		if slow, ok := s.PassOver("ldap://a", lacks).(atOnce); !ok || slow.Delay() != 0 || !errors.Is(slow, lacks) {
			t.Error("there is another address")
		}
		expect("ldap://b", "ldap://a")
		m.tried("ldap://a", nil)
		if notes := m.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "ldap://a") || !strings.Contains(notes[0], "result 32") {
			t.Errorf("notes %q", notes)
		}
		if err := s.PassOver("ldap://b", lacks); err != error(lacks) {
			t.Errorf("there is no other address, but %v", err)
		}
		expect("ldap://a", "ldap://b")
		time.Sleep(2 * time.Minute)
		m.tried("ldap://a", nil)
		m.tried("ldap://b", errors.New("refused"))
		if notes := m.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "ldap://b is not used: refused") {
			t.Errorf("notes %q", notes)
		}
	})
}

func TestNoMemory(t *testing.T) {
	var m *Memory
	m.tried("ldap://a", nil)
	m.loggedIn("ldap://a", "x", errors.New("no"))
	s := Server{URLs: []string{"ldap://a", "ldap://b"}}
	if s.PassOver("ldap://a", nil) != nil || m.Notes() != nil ||
		m.mayLogIn("ldap://a", "x") != nil || len(m.order([]string{"ldap://a"})) != 1 {
		t.Error("nothing remembers something")
	}
}
