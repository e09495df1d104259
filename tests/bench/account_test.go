package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

// accountUsers are disabled, one after the other.
const accountUsers = 20

// BenchmarkAccount disables users who are logged in, with the whole daemon between slapd and Dovecot:
//
//	ms-kicked   median from the result of the change in the directory to the end of the session
//	ms-refused  median to when Dovecot has refused the login, and the daemon has seen it
func BenchmarkAccount(b *testing.B) {
	for b.Loop() {
		host := harness.NewHost(b, harness.HostConfig{NoPostfix: true, Set: []string{"mailreg/guard/count=0"}})
		kicked, refused := closeAll(b, host)
		b.ReportMetric(milliseconds(median(kicked)), "ms-kicked")
		b.ReportMetric(milliseconds(median(refused)), "ms-refused")
	}
	b.ReportMetric(0, "ns/op")
}

// closeAll disables users with an open session and returns how long it took until that ended, and until logins were refused.
func closeAll(b *testing.B, host *harness.Host) (kicked, refused []time.Duration) {
	b.Helper()
	for n := range accountUsers {
		uid := fmt.Sprintf("a%d", n)
		host.Slapd.AddPerson(harness.Person{UID: uid, Mail: uid + "@example.test"})
		host.Slapd.Set(harness.DN(uid), "objectClass", "inetOrgPerson", "univentionMail", "shadowAccount")
	}
	host.Wait()
	for n := range accountUsers {
		uid := fmt.Sprintf("a%d", n)
		session, err := host.Dovecot.Login(uid+"@example.test", harness.Password)
		if err != nil {
			b.Fatal(err)
		}
		host.Slapd.Set(harness.DN(uid), "shadowExpire", "1")
		begun := time.Now()
		select {
		case <-session.Closed():
		case <-time.After(time.Minute):
			b.Fatal("the session does not end")
		}
		kicked = append(kicked, time.Since(begun))
		host.Wait()
		refused = append(refused, time.Since(begun))
	}
	return kicked, refused
}
