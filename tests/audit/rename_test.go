package audit_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

// TestContainersAreRenamed renames and moves containers with users below, of which OpenLDAP says nothing: live and while the
// listener is down, with and without a session log, nested, back again, and with a user's own rename in the same breath.
func TestContainersAreRenamed(t *testing.T) {
	for _, log := range []int{0, -1} {
		for _, live := range []bool{true, false} {
			t.Run(map[bool]string{true: "live", false: "offline"}[live]+map[int]string{0: "", -1: " without log"}[log], func(t *testing.T) {
				t.Parallel()
				host := newHost(t, func(c *harness.SlapdConfig) { c.SessionLog = log })
				top := addOU(host, "top", harness.BaseDN)
				addPeople(host, 50, addOU(host, "inner", top))
				addOU(host, "other", harness.BaseDN)
				host.Wait()
				checkReplica(t, host)
				d := host.Slapd
				step := func(what string, change func()) {
					t.Helper()
					if !live {
						host.Listener.Stop()
					}
					change()
					if !live {
						host.Listener.Start()
					}
					host.Wait()
					checkReplica(t, host)
					if t.Failed() {
						t.Fatalf("after: %s", what)
					}
				}
				step("rename", func() { top = d.Rename(top, "ou=new top", "") })
				step("move", func() { top = d.Rename(top, "ou=new top", "ou=other,"+harness.BaseDN) })
				step("nested", func() {
					d.Rename("ou=inner,"+top, "ou=deep", "")
					top = d.Rename(top, "ou=Top", harness.BaseDN)
				})
				step("with a user's own rename and address", func() {
					d.Rename("uid=p01,ou=deep,"+top, "uid=q01", "")
					top = d.Rename(top, "ou=x", "")
					d.SetMail("uid=p02,ou=deep,"+top, "other@"+harness.MailDomain)
					d.Rename("uid=p03,ou=deep,"+top, "uid=p03", harness.PeopleDN)
					top = d.Rename(top, "ou=y", "")
				})
				step("back, and a new one of the former name", func() {
					d.Rename(top, "ou=top", "")
					d.Rename("ou=deep,ou=top,"+harness.BaseDN, "ou=inner", "")
					addOU(host, "y", harness.BaseDN)
				})
				checkHomes(t, host)
				checkQuiet(t, host)
			})
		}
	}
}

// checkQuiet proves that nothing waits for a person.
func checkQuiet(t *testing.T, host *harness.Host) {
	t.Helper()
	var result control.WaitResult
	host.JSON(&result, "listener", "wait", "--timeout", "60s")
	if len(result.Parked)+len(result.Held) > 0 {
		t.Errorf("parked %+v, held %+v", result.Parked, result.Held)
	}
}

// TestPolicyOfARenamedContainer shows that what hangs on names follows: a policy is known by its DN, and so is where it is
// assigned.
func TestPolicyOfARenamedContainer(t *testing.T) {
	t.Parallel()
	host := newHost(t, nil)
	folder := addOU(host, "policies", harness.BaseDN)
	host.Slapd.Add("cn=size,"+folder, map[string][]string{
		"objectClass": {"univentionPolicyRegistry"}, "cn": {"size"},
		"univentionRegistry;entry-hex-" + hex.EncodeToString([]byte("mail/messagesizelimit")): {"1111111"},
	})
	host.Slapd.LDIF("dn: " + harness.BaseDN + "\nchangetype: modify\nadd: objectClass\nobjectClass: univentionPolicyReference\n-\n" +
		"add: univentionPolicyReference\nuniventionPolicyReference: cn=size," + folder + "\n")
	size := func() string { return strings.TrimSpace(host.Must("get", "mail/messagesizelimit")) }
	host.Wait()
	if got := size(); got != "1111111" {
		t.Fatalf("the policy gives %s", got)
	}
	folder = host.Slapd.Rename(folder, "ou=rules", "")
	host.Wait()
	if got := size(); got == "1111111" {
		t.Error("the policy counts although the reference names what is not there any more")
	}
	host.Slapd.Set(harness.BaseDN, "univentionPolicyReference", "cn=size,"+folder)
	host.Wait()
	if got := size(); got != "1111111" {
		t.Errorf("under its new name the policy gives %s", got)
	}
	checkReplica(t, host)
}
