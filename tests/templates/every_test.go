package templates_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/smtp"
	"os"
	"testing"

	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/mailreg/mailreg/tests/harness"
)

// every returns a value for each variable behind which a template has lines that a usual host has not.
func every(h *harness.Host, imaps, smtps int) []string {
	ca := h.CA()
	settings := []string{
		"mail/dovecot/auth/driver=ldap", "mail/dovecot/auth/master/password=master", "mail/dovecot/auth/mechanisms=plain login",
		"mail/dovecot/folder/spam=Unerwünscht", "mail/dovecot/folder/ham=Gut",
		"mail/dovecot/mailboxes/auto/Drafts=subscribe", "mail/dovecot/imap/client_workarounds=delay-newmail tb-extra-mailbox-sep",
		"mail/dovecot/limits/imap-login/service_count=0", "mail/dovecot/limits/imap-login/process_min_avail=1",
		"mail/dovecot/doveadm/password=doveadm # \"1\"", "mail/dovecot/ssl/cipher_list=ECDHE+AESGCM:!aNULL",
		"mail/dovecot/ssl/prefer_server_ciphers=no", "mail/dovecot/process/mmap_disable=yes",
		"mail/postfix/smtpd/banner=$myhostname ESMTP # 100 %", "mail/postfix/dnslookups=no", "mail/postfix/smtp/hostlookup=native",
		"mail/postfix/masquerade/domains=example.test", "mail/postfix/masquerade/exceptions=root",
		"mail/postfix/softbounce=yes", "mail/postfix/recipient_delimiter=+", "mail/relayhost=[relay.example.net]:587",
		"mail/postfix/activate_unionmap_in_virtual_alias_maps=yes", "mail/archivefolder=archive@example.test",
		"mail/postfix/smtpd/restrictions/sender/reject_unknown_client_hostname=yes",
		"mail/postfix/smtpd/restrictions/sender/reject_unknown_reverse_client_hostname=yes",
		"mail/postfix/tls/client/protocols=>=TLSv1.2", "mail/postfix/tls/client/mandatory_protocols=>=TLSv1.2",
		"mail/postfix/tls/client/ciphers=high", "mail/postfix/tls/client/level=may", "mail/postfix/smtpd/tls/protocols=>=TLSv1.2",
		"mail/postfix/smtpd/tls/mandatory_protocols=>=TLSv1.2", "mail/postfix/smtpd/tls/ciphers=high",
		"mail/postfix/ssl/cafile=" + ca.CertFile, "mail/postfix/tls/client/cafile=" + ca.CertFile,
		"mail/dovecot/ssl/cafile=" + ca.CertFile, "mail/postfix/append_dot_mydomain=yes", "mail/postfix/sasl/broken_clients=no",
	}
	for _, server := range []string{"dovecot", "postfix"} {
		settings = append(settings, "mail/"+server+"/ssl/certificate="+ca.ServerCertFile, "mail/"+server+"/ssl/key="+ca.ServerKeyFile)
	}
	for _, key := range []string{
		"mail/dovecot/lmtp/port", "mail/dovecot/doveadm/port", "mail/postfix/submission/port", "mail/dovecot/sieve/port",
		"mail/dovecot/quota-status/port",
	} {
		settings = append(settings, fmt.Sprintf("%s=%d", key, h.Port()))
	}
	return append(settings, fmt.Sprintf("mail/dovecot/imaps/port=%d", imaps), fmt.Sprintf("mail/postfix/smtps/port=%d", smtps))
}

// TestServersTakeEverySetting proves for the installed versions that the lines which a usual host has not are right, too:
// the servers' own checks have nothing to remark, and people log in over TLS to read and to send.
func TestServersTakeEverySetting(t *testing.T) {
	h := harness.NewHost(t, harness.HostConfig{NoDovecot: true, NoPostfix: true, NoListener: true})
	h.Slapd.AddPerson(harness.Person{UID: "alice", Mail: "alice@example.test"})
	imaps, smtps := h.Port(), h.Port()
	for _, driver := range []string{"pam+ldap", "ldap"} {
		args := append([]string{"set", "--no-reload"}, every(h, imaps, smtps)...)
		if r := h.Run(append(args, "mail/dovecot/auth/driver="+driver)...); r.Code != 0 || remarks(r.Stderr) {
			t.Fatalf("with driver %s: %s", driver, r)
		}
	}
	imap, smtp := h.Must("get", "mail/dovecot/imap/port"), h.Must("get", "mail/smtpport")
	h.Dovecot = harness.NewDovecot(t, h.Sandbox, "127.0.0.1:"+imap[:len(imap)-1])
	h.Postfix = harness.NewPostfix(t, h.Sandbox, "127.0.0.1:"+smtp[:len(smtp)-1])
	checkTLS(t, h, fmt.Sprintf("127.0.0.1:%d", imaps), fmt.Sprintf("127.0.0.1:%d", smtps))
}

// checkTLS logs in at both servers.
func checkTLS(t *testing.T, h *harness.Host, imaps, smtps string) {
	t.Helper()
	pem, err := os.ReadFile(h.CA().CertFile)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}
	config.RootCAs.AppendCertsFromPEM(pem)
	reader, err := imapclient.DialTLS(imaps, &imapclient.Options{TLSConfig: config})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := reader.Login("alice@example.test", harness.Password).Wait(); err != nil {
		t.Errorf("IMAP: %v", err)
	}
	conn, err := tls.Dial("tcp", smtps, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sender, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Auth(smtp.PlainAuth("", "alice@example.test", harness.Password, "localhost")); err != nil {
		t.Errorf("SMTP: %v", err)
	}
}
