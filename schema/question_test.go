package schema_test

import (
	"strings"
	"testing"
)

func TestQuestion(t *testing.T) {
	const atHome = "(|(!(univentionMailHomeServer=*))(univentionMailHomeServer=mail1.example.test))"
	for _, test := range []struct{ profile, in, want string }{
		{"", "(objectClass=univentionMail)(mailPrimaryAddress=*)" + atHome, "(objectClass=univentionMail)(mailPrimaryAddress=*)" + atHome},
		{
			"inetorgperson", "(objectClass=univentionMail)(mailPrimaryAddress=*)" + atHome,
			"(objectClass=inetOrgPerson)(mail=*)(|(!(mailHost=*))(mailHost=mail1.example.test))",
		},
		{
			"freeipa", "(&(objectClass=univentionMail)(|(mailPrimaryAddress=%s)(mailAlternativeAddress=%s)))",
			"(&(objectClass=inetOrgPerson)(|(mail=%s)(mailAlternateAddress=%s)))",
		},
		{
			"ad", "(objectClass=univentionMail)(mailPrimaryAddress=*)" + atHome,
			"(&(objectClass=user)(!(objectClass=computer)))(mail=*)",
		},
		{
			"ad", "(|(mailPrimaryAddress=%{user | lower})(uid=%{user | lower})(mailAlternativeAddress=%{user | lower}))",
			"(|(mail=%{user | lower})(sAMAccountName=%{user | lower})(proxyAddresses=smtp:%{user | lower}))",
		},
		{"ad", "(&(mailPrimaryAddress=%s)(univentionMailHomeServer=*))", "(!(objectClass=*))"},
		{"ad", "(|(mailPrimaryAddress=%s)(univentionMailHomeServer=%s))", "(mail=%s)"},
		{"ad", "(!(&(uid=a)(!(univentionMailHomeServer=*))))", "(!(sAMAccountName=a))"},
		{"ad", "(!(univentionMailHomeServer=*))", ""},
		{"ad", "(&(mailPrimaryAddress>=a)(!(univentionMailHomeServer>=a)))", "(mail>=a)"},
	} {
		got, err := profile(t, test.profile, nil).Question(test.in)
		if err != nil || got != test.want {
			t.Errorf("%s: %s asks\n%s (%v), want\n%s", test.profile, test.in, got, err, test.want)
		}
	}
	for _, broken := range []string{
		"(uid=a", "uid=a", "(uid=a))", "(&(uid=a)", "(!(uid=a)(uid=b))", "(!)", "(uid)", "(uid=a\n)", "(uid=(a))", "()",
		strings.Repeat("(!", 60) + "(uid=a)" + strings.Repeat(")", 60),
	} {
		if got, err := profile(t, "ucs", nil).Question(broken); err == nil {
			t.Errorf("%q asks %s", broken, got)
		}
	}
}
