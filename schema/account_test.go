package schema_test

import (
	"errors"
	"testing"
	"time"

	"github.com/mailreg/mailreg/schema"
)

func account(pairs ...string) *schema.Entry {
	var attrs []schema.Attribute
	for i := 0; i < len(pairs); i += 2 {
		attrs = append(attrs, schema.Attribute{Name: pairs[i], Values: []string{pairs[i+1]}})
	}
	return schema.NewEntry(schema.UUID{1}, "uid=a,dc=x", attrs...)
}

func TestAccount(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) // day 20781
	at := func(text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, tt := range []struct {
		name  string
		entry *schema.Entry
		want  schema.Access
		until string
	}{
		{"nothing is said", account(), schema.Open, ""},
		{"UCS, enabled", account("sambaAcctFlags", "[U          ]", "krb5KDCFlags", "126", "shadowLastChange", "20780"), schema.Open, ""},
		{"UCS, disabled", account("sambaAcctFlags", "[UD         ]", "krb5KDCFlags", "254", "shadowExpire", "1"), schema.Disabled, ""},
		{"shadowExpire alone", account("shadowExpire", "1"), schema.Disabled, ""},
		{"Kerberos alone", account("krb5KDCFlags", "254"), schema.Disabled, ""},
		{"expires at midnight UTC", account("shadowExpire", "20782"), schema.Open, "2026-11-25T00:00:00Z"},
		{"expires today", account("shadowExpire", "20781"), schema.Expired, ""},
		{"no expiry", account("shadowExpire", "-1"), schema.Open, ""},
		{"Kerberos date", account("krb5ValidEnd", "20261124120001Z"), schema.Open, "2026-11-24T12:00:01Z"},
		{"Kerberos date is over", account("krb5ValidEnd", "20261124120000Z"), schema.Expired, ""},
		{"first of two dates", account("shadowExpire", "20790", "sambaKickoffTime", "1795521600"), schema.Expired, ""},
		{"Samba's never", account("sambaKickoffTime", "2147483647"), schema.Open, ""},
		{"locked by Samba", account("sambaAcctFlags", "[UL         ]"), schema.Locked, ""},
		{"locked by an administrator", account("pwdAccountLockedTime", "000001010000Z"), schema.Locked, ""},
		{"locked by wrong passwords", account("pwdAccountLockedTime", "20261124115500Z"), schema.Locked, "2026-11-24T12:25:00Z"},
		{"a lock that has ended", account("pwdAccountLockedTime", "20261124112959.5Z"), schema.Open, ""},
		{"a lock that ends behind the expiry", account("pwdAccountLockedTime", "20261124115500Z", "krb5ValidEnd", "20261124121000Z"), schema.Locked, "2026-11-24T12:10:00Z"},
		{"389-ds", account("nsAccountLock", "TRUE"), schema.Disabled, ""},
		{"389-ds, active", account("nsAccountLock", "false"), schema.Open, ""},
		{"eDirectory", account("loginDisabled", "TRUE"), schema.Disabled, ""},
		{"AD", account("userAccountControl", "512", "accountExpires", "9223372036854775807", "lockoutTime", "0"), schema.Open, ""},
		{"AD, disabled", account("userAccountControl", "514"), schema.Disabled, ""},
		{"AD, expires", account("userAccountControl", "512", "accountExpires", "134404776000000000"), schema.Open, "2026-11-30T02:00:00Z"},
		{"AD, expired", account("userAccountControl", "512", "accountExpires", "131404776000000000"), schema.Expired, ""},
		{"AD, locked out", account("userAccountControl", "512", "lockoutTime", "134399943000000000"), schema.Locked, "2026-11-24T12:15:00Z"},
		{"password expires", account("shadowLastChange", "20700", "shadowMax", "90"), schema.Open, "2026-12-04T00:00:00Z"},
		{"password has expired", account("shadowLastChange", "20700", "shadowMax", "80"), schema.PasswordExpired, ""},
		{"password is to be changed", account("shadowLastChange", "0"), schema.PasswordExpired, ""},
		{"password never expires", account("shadowLastChange", "20700", "shadowMax", "99999"), schema.Open, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := schema.ParseAccount(tt.entry, 30*time.Minute)
			access, until := a.At(now)
			if err != nil || access != tt.want || !until.Equal(at(tt.until)) {
				t.Errorf("%q until %v (%v), want %q until %q", access, until, err, tt.want, tt.until)
			}
		})
	}
}

func TestAccountWithoutLockout(t *testing.T) {
	a, err := schema.ParseAccount(account("pwdAccountLockedTime", "20200101000000Z"), 0)
	if access, until := a.At(time.Now()); err != nil || access != schema.Locked || !until.IsZero() {
		t.Errorf("%q until %v, %v", access, until, err)
	}
}

func TestAccountNotesPasswordChanges(t *testing.T) {
	before, _ := schema.ParseAccount(account("pwdChangedTime", "20261124115500Z"), 0)
	after, _ := schema.ParseAccount(account("pwdChangedTime", "20261124115501Z"), 0)
	if before.Password == after.Password || before.Password == "" {
		t.Errorf("%q and %q", before.Password, after.Password)
	}
}

// TestAccountWithBadValues shows that a value which cannot be read is told, and hides none of the others.
func TestAccountWithBadValues(t *testing.T) {
	for _, name := range []string{"shadowExpire", "krb5KDCFlags", "krb5ValidEnd", "pwdAccountLockedTime", "accountExpires", "userAccountControl"} {
		a, err := schema.ParseAccount(account(name, "1\n; x", "sambaAcctFlags", "[UD]"), 0)
		if access, _ := a.At(time.Now()); !errors.Is(err, schema.ErrInvalid) || access != schema.Disabled {
			t.Errorf("%s: %q, %v", name, access, err)
		}
	}
	far, err := schema.ParseAccount(account("shadowExpire", "9223372036854775807", "shadowLastChange", "9223372036854775807", "shadowMax", "5"), 0)
	if access, until := far.At(time.Now()); err != nil || access != schema.Open || !until.IsZero() {
		t.Errorf("far away: %q until %v, %v", access, until, err)
	}
}
