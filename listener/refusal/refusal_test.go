package refusal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/refusal"
	"github.com/mailreg/mailreg/listener/wire"
)

// TestTable goes through the table in the package's comment.
func TestTable(t *testing.T) {
	const who, base = "uid=host,dc=test", "dc=test"
	bind := refusal.Asked{Who: who}
	search := refusal.Asked{Who: who, Base: base, Entries: 10}
	resumed := search
	resumed.Cookie = true
	for _, tt := range []struct {
		code   int64
		asked  refusal.Asked
		pause  time.Duration
		advice string // a part of it
		is     string // reload, rewound, persist
	}{
		{2, search, 0, "syncprov", "persist"},
		{12, resumed, 0, "syncprov", "persist"},
		{3, search, refusal.Limited, "time limit has cut the search after 10 entries", ""},
		{4, search, refusal.Limited, `after 10 entries: lift it for uid=host,dc=test (OpenLDAP: limits dn.exact="uid=host,dc=test"`, ""},
		{4, resumed, refusal.Limited, "nothing is removed", ""},
		{11, search, refusal.Limited, "administrative limit", ""},
		{8, bind, refusal.Refused, "ldap/starttls", ""},
		{13, bind, refusal.Refused, "ldap/starttls", ""},
		{13, search, refusal.Refused, "ldap/starttls", ""},
		{10, search, refusal.Refused, "ldap://other.test", ""},
		{32, search, refusal.Refused, `no "dc=test", or hides it from uid=host`, ""},
		{49, bind, 0, "ldap/secret", ""},
		{50, bind, refusal.Refused, "bind", ""},
		{50, search, refusal.Refused, "may not search", ""},
		{51, bind, 0, "", ""},
		{52, search, 0, "", ""},
		{53, bind, refusal.Refused, "bind", ""},
		{53, resumed, 0, "backup", "reload rewound"},
		{53, search, refusal.Refused, "does not serve", ""},
		{4096, resumed, 0, "", "reload"},
		{4096, search, 0, "", ""},
		{80, search, 0, "", ""},
	} {
		r := &wire.Result{Code: tt.code, Message: "said the server", Referral: []string{"ldap://other.test"}}
		e := refusal.Of(r, tt.asked)
		var is []string
		if e.Persist {
			is = append(is, "persist")
		}
		if e.Reload {
			is = append(is, "reload")
		}
		if e.Rewound {
			is = append(is, "rewound")
		}
		if e.Delay() != tt.pause || !strings.Contains(e.Advice, tt.advice) || (tt.advice == "") != (e.Advice == "") ||
			strings.Join(is, " ") != tt.is {
			t.Errorf("%d to %+v: %s, advice %q, %q", tt.code, tt.asked, e.Delay(), e.Advice, is)
		}
		if got, _ := errors.AsType[*wire.Result](error(e)); got != r || !strings.Contains(e.Error(), "said the server") {
			t.Errorf("%d: %v", tt.code, e)
		}
	}
}

func TestNobody(t *testing.T) {
	e := refusal.Of(&wire.Result{Code: 50}, refusal.Asked{Base: "dc=test"})
	if !strings.Contains(e.Error(), "ldap/hostdn is not set") {
		t.Error(e)
	}
}

func TestExplain(t *testing.T) {
	asked := refusal.Asked{Who: "uid=host", Base: "dc=test"}
	plain := errors.New("cut")
	if got := refusal.Explain(plain, asked); got != plain {
		t.Errorf("%v", got)
	}
	r := &wire.Result{Code: 32}
	err := refusal.Explain(fmt.Errorf("searching: %w", r), asked)
	e, ok := errors.AsType[*refusal.Error](err)
	if !ok || e.Pause != refusal.Refused || !strings.HasPrefix(err.Error(), "searching: result 32 (No Such Object): the server has no") {
		t.Errorf("%v", err)
	}
	if again := refusal.Explain(err, asked); again.Error() != err.Error() {
		t.Errorf("%v", again)
	}
	if err := refusal.Explain(fmt.Errorf("searching: %w", &wire.Result{Code: 51}), asked); err.Error() != "searching: result 51 (Busy)" {
		t.Errorf("%v", err)
	}
}
