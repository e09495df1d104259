package settings_test

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

const policiesDN = "ou=policies," + harness.BaseDN

// policyHost is a mail host without mail servers, with a folder of policies in its directory.
func policyHost(t *testing.T) *harness.Host {
	t.Helper()
	host := harness.NewHost(t, harness.HostConfig{NoDovecot: true, NoPostfix: true})
	host.Slapd.Add(policiesDN, map[string][]string{"objectClass": {"organizationalUnit"}, "ou": {"policies"}})
	return host
}

// option is the attribute that gives a key a value in a policy of UCS.
func option(key string) string {
	return "univentionRegistry;entry-hex-" + hex.EncodeToString([]byte(key))
}

// addPolicy adds a policy of UCS, with words KEY=VALUE, and returns its DN.
func addPolicy(host *harness.Host, name string, words ...string) string {
	dn := "cn=" + name + "," + policiesDN
	attrs := map[string][]string{"objectClass": {"univentionPolicyRegistry"}, "cn": {name}}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		attrs[option(key)] = []string{value}
	}
	host.Slapd.Add(dn, attrs)
	return dn
}

// assign assigns policies to an entry; the first time its class is to be added.
func assign(t *testing.T, host *harness.Host, dn string, policies ...string) {
	t.Helper()
	class := ldap.NewModifyRequest(dn, nil)
	class.Add("objectClass", []string{"univentionPolicyReference"})
	if err := host.Slapd.Conn.Modify(class); err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultAttributeOrValueExists) {
		t.Fatalf("making %s one with policies: %v", dn, err)
	}
	host.Slapd.Set(dn, "univentionPolicyReference", policies...)
}

// wantSize waits for the listener and compares Postfix's own word for the size limit.
func wantSize(t *testing.T, host *harness.Host, what, want string) {
	t.Helper()
	host.Wait()
	out, err := exec.Command(harness.Program(t, "postconf"), "-c", filepath.Join(host.Root(), "etc/postfix"), "-h", "message_size_limit").Output()
	if err != nil {
		t.Fatalf("postconf: %v", err)
	}
	if got := strings.TrimSpace(string(out)); got != want {
		t.Errorf("%s: message_size_limit is %s, want %s", what, got, want)
	}
}

// layerLDAP returns what layer ldap holds.
func layerLDAP(t *testing.T, host *harness.Host) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(host.Root(), "etc/mailreg/base-ldap.conf"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestPolicies proves that the nearest policy decides, that a value leaves with its policy, with its assignment and with
// itself, and that main.cf follows.
func TestPolicies(t *testing.T) {
	t.Parallel()
	host := policyHost(t)
	const size = "mail/messagesizelimit"
	wantSize(t, host, "without policies", "10240000")
	far := addPolicy(host, "far", size+"=1111111", "test/x=a\n@!@b@!@ ")
	assign(t, host, harness.BaseDN, far)
	wantSize(t, host, "at the base", "1111111")
	if got := host.Must("get", "test/x"); got != "a\n@!@b@!@ \n" {
		t.Errorf("a value of several lines is %q", got)
	}
	near := "cn=near," + policiesDN
	host.Slapd.Add(near, map[string][]string{
		"objectClass": {"mailregPolicy"}, "cn": {"near"}, "mailregVariable": {size + "=2222222", "test/umlaut=Grüße"},
	})
	assign(t, host, harness.ListenerDN, strings.ToUpper(near))
	wantSize(t, host, "at the host", "2222222")
	host.Slapd.Set(far, "fixedAttributes", option(size))
	wantSize(t, host, "fixed at the base", "1111111")
	host.Slapd.Set(far, "fixedAttributes")
	wantSize(t, host, "no longer fixed", "2222222")
	host.Slapd.Set(near, "mailregVariable", "test/umlaut=Grüße")
	wantSize(t, host, "without the value", "1111111")
	host.Slapd.Set(near, "mailregVariable", size+"=2222222")
	wantSize(t, host, "with the value again", "2222222")
	host.Slapd.Delete(near)
	wantSize(t, host, "without the nearer policy", "1111111")
	assign(t, host, harness.BaseDN)
	wantSize(t, host, "no longer assigned", "10240000")
	assign(t, host, harness.BaseDN, far)
	wantSize(t, host, "assigned again", "1111111")
	host.Listener.Stop()
	host.Slapd.Delete(far)
	host.Listener.Start()
	wantSize(t, host, "deleted while the daemon was down", "10240000")
}

// TestPolicyValues proves that what cannot be taken from a policy is reported and left as it was, while the rest goes
// through.
func TestPolicyValues(t *testing.T) {
	t.Parallel()
	host := policyHost(t)
	const size = "mail/messagesizelimit"
	dn := addPolicy(host, "p", size+"=1111111", "ldap/base=dc=evil", "test/x=1")
	assign(t, host, harness.BaseDN, dn)
	wantSize(t, host, "at first", "1111111")
	host.Slapd.Set(dn, option(size), "lots")
	host.Slapd.Set(dn, option("test/x"), "2")
	wantSize(t, host, "with a wrong value", "1111111")
	if got := host.Must("get", "test/x"); got != "2\n" {
		t.Errorf("the good value is %q", got)
	}
	var parked []control.Parked
	host.JSON(&parked, "listener", "parked")
	if len(parked) != 1 || parked[0].DN != dn || !strings.Contains(parked[0].Reason, size+`: value "lots"`) {
		t.Errorf("parked: %+v", parked)
	}
	status := host.Must("listener", "status")
	if !strings.Contains(status, "ldap/base is local to this host") || !strings.Contains(status, "Ready: yes") {
		t.Errorf("status:\n%s", status)
	}
	if got := host.Must("get", "ldap/base"); got != harness.BaseDN+"\n" {
		t.Errorf("ldap/base is %q", got)
	}
	host.Slapd.Set(dn, option(size), "3333333")
	wantSize(t, host, "mended", "3333333")
	if host.JSON(&parked, "listener", "parked"); len(parked) != 0 {
		t.Errorf("parked after it was mended: %+v", parked)
	}
}

// TestHiddenPolicies proves that an access rule which hides policies, their values or their assignment takes nothing out
// of the layer, and that what is then really gone still leaves.
func TestHiddenPolicies(t *testing.T) {
	t.Parallel()
	const size = "mail/messagesizelimit"
	for name, rule := range map[string]string{
		"policies":   "to dn.subtree=" + policiesDN + " by * none",
		"one policy": "to dn.exact=cn=p," + policiesDN + " by * none",
		"values":     "to dn.subtree=" + policiesDN + " attrs=univentionRegistry by * none",
		"assignment": "to attrs=univentionPolicyReference by * none",
		"disclosed":  "to dn.subtree=" + policiesDN + " by * disclose",
		"condition":  "to dn.exact=" + harness.ListenerDN + " attrs=uid by * none",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := policyHost(t)
			dn := addPolicy(host, "p", size+"=2222222", "test/x=1")
			host.Slapd.Set(dn, "ldapFilter", "(uid=listener)")
			assign(t, host, harness.BaseDN, dn)
			wantSize(t, host, "shown", "2222222")
			host.Slapd.Set(dn, option(size), "1111111")
			host.Slapd.Set(dn, option("mail/postfix/bounce_queue_lifetime"), "lots")
			host.Slapd.Set(dn, option("test/x"), "2")
			wantSize(t, host, "changed, with a wrong value", "1111111")
			before := layerLDAP(t, host)
			host.Slapd.Restart(func(c *harness.SlapdConfig) {
				c.ACL = []string{
					"to attrs=userPassword by anonymous auth by * none", rule,
					"to * by dn.exact=" + harness.ListenerDN + " read by users read by anonymous auth by * none",
				}
			})
			// Both are sent again, or not at all.
			host.Slapd.Set(dn, "requiredObjectClasses", "account")
			host.Slapd.Set(harness.BaseDN, "description", "touched")
			host.Slapd.Set(harness.ListenerDN, "description", "touched")
			wantSize(t, host, "hidden", "1111111")
			host.Listener.Stop()
			host.Listener.Start()
			wantSize(t, host, "hidden, after a restart", "1111111")
			if diff := cmp.Diff(before, layerLDAP(t, host)); diff != "" {
				t.Errorf("layer ldap:\n%s", diff)
			}
			host.Slapd.Restart(func(c *harness.SlapdConfig) { c.ACL = nil })
			wantSize(t, host, "shown again", "1111111")
			host.Slapd.Delete(dn)
			wantSize(t, host, "deleted", "10240000")
		})
	}
}

// TestHiddenLevels proves that a directory which does not let us search for entryDN, and so does not show what assigns the
// policies, empties no layer; here with a replica that is new.
func TestHiddenLevels(t *testing.T) {
	t.Parallel()
	host := policyHost(t)
	assign(t, host, harness.ListenerDN, addPolicy(host, "p", "mail/messagesizelimit=1111111"))
	wantSize(t, host, "shown", "1111111")
	host.Listener.Stop()
	if err := os.Remove(filepath.Join(host.Root(), "var/lib/mailreg/listener.db")); err != nil {
		t.Fatal(err)
	}
	host.Slapd.Restart(func(c *harness.SlapdConfig) {
		c.ACL = []string{
			"to attrs=userPassword by anonymous auth by * none", "to attrs=entryDN by * none",
			"to * by dn.exact=" + harness.ListenerDN + " read by users read by anonymous auth by * none",
		}
	})
	host.Listener.Start()
	wantSize(t, host, "hidden", "1111111")
	if status := host.Must("listener", "status"); !strings.Contains(status, "the directory does not show "+harness.ListenerDN) {
		t.Errorf("status:\n%s", status)
	}
	host.Slapd.Restart(func(c *harness.SlapdConfig) { c.ACL = nil })
	host.Slapd.Set(harness.ListenerDN, "univentionPolicyReference")
	host.Slapd.Set(harness.BaseDN, "description", "touched")
	wantSize(t, host, "shown again, and assigned no more", "10240000")
}

// TestPoliciesLeaveTheLayerAlone as long as there are none.
func TestPoliciesLeaveTheLayerAlone(t *testing.T) {
	t.Parallel()
	host := policyHost(t)
	host.Must("set", "--ldap-policy", "mail/messagesizelimit=4444444")
	wantSize(t, host, "set by hand", "4444444")
	host.Listener.Stop()
	host.Listener.Start()
	wantSize(t, host, "after a restart", "4444444")
	assign(t, host, harness.BaseDN, addPolicy(host, "p", "test/x=1"))
	wantSize(t, host, "once there is a policy", "10240000")
}
