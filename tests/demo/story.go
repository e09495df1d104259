package main

import (
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

// story is what the demo tells, with the host that it happens on.
type story struct {
	*teller
	host *harness.Host
}

type chapter struct {
	title   string
	happens func()
}

func (s *story) chapters() []chapter {
	return []chapter{
		{"A mail host: slapd, Dovecot, Postfix and the listener, on files that `mailreg commit` has rendered", s.setUp},
		{"Three people and a mail domain come into the directory", s.people},
		{"Mail sent over SMTP is read over IMAP", s.mail},
		{"Anna becomes Maria: a new address, the old mail", s.rename},
		{"Maria and Ben swap their addresses; each keeps the own mail", s.swap},
		{"Carla is deleted; her mail is in the trash and comes back", s.trash},
		{"One setting: main.cf changes, Postfix reloads by itself", s.setting},
		{"A wrong value is refused, and not one byte has changed", s.wrong},
		{"The listener is killed; it catches up with what happened meanwhile", s.crash},
	}
}

func (s *story) setUp() {
	s.host = harness.NewHost(s, harness.HostConfig{Set: []string{"mail/dovecot/mailbox/delete=yes"}})
	s.say("directory  %s", s.host.Slapd.URL())
	s.say("IMAP       %s", s.host.Dovecot.IMAP)
	s.say("SMTP       %s", s.host.Postfix.SMTP)
	s.say("root       %s (everything of this host lies below it)", s.host.Root())
}

func (s *story) people() {
	s.host.Slapd.AddDomain(harness.MailDomain)
	s.say("+ cn=%s (mail domain)", harness.MailDomain)
	for _, uid := range []string{"anna", "ben", "carla"} {
		s.host.Slapd.AddPerson(harness.Person{UID: uid, Mail: uid + "@" + harness.MailDomain})
		s.say("+ uid=%s, mailPrimaryAddress: %s@%s", uid, uid, harness.MailDomain)
	}
	s.wait()
	out := s.mailreg("mailbox", "list")
	for _, uid := range []string{"anna", "ben", "carla"} {
		s.expect(strings.Contains(out, uid+"@"+harness.MailDomain), "no mailbox of %s", uid)
	}
	out = s.mailreg("get", "mail/hosteddomains")
	s.expect(strings.TrimSpace(out) == harness.MailDomain, "hosted domains %q", out)
}

func (s *story) mail() {
	for _, uid := range []string{"anna", "ben", "carla"} {
		to, subject := uid+"@"+harness.MailDomain, "Hello "+uid
		begin := time.Now()
		if err := s.host.Postfix.Send("sender@client.test", to, subject); err != nil {
			s.Fatalf("sending to %s: %v", to, err)
		}
		s.host.Dovecot.Await(to, harness.Password, subject)
		s.say("SMTP -> %s -> IMAP: %q after %s", to, subject, since(begin))
	}
}

func (s *story) rename() {
	s.setMail("anna", "maria")
	s.wait()
	s.reads("maria", "Hello anna")
	s.refused("anna")
}

func (s *story) swap() {
	s.setMail("anna", "ben")
	s.setMail("ben", "maria")
	s.wait()
	s.reads("ben", "Hello anna")
	s.reads("maria", "Hello ben")
}

func (s *story) trash() {
	s.host.Slapd.Delete(harness.DN("carla"))
	s.say("- uid=carla")
	s.wait()
	s.refused("carla")
	out := s.mailreg("mailbox", "trash", "list")
	s.expect(strings.Contains(out, "carla@"+harness.MailDomain), "no store of carla in the trash")
	s.host.Slapd.AddPerson(harness.Person{UID: "carla", Mail: "carla@" + harness.MailDomain})
	s.say("+ uid=carla, a new entry: whoever gets the address does not get the mail")
	s.wait()
	s.reads("carla")
	address := "carla@" + harness.MailDomain
	s.mailreg("mailbox", "trash", "restore", address, "--as", address)
	s.reads("carla", "Hello carla")
}

func (s *story) setting() {
	before := s.host.Postfix.Reloads()
	out := s.mailreg("set", "mail/messagesizelimit=20971520")
	s.expect(strings.Contains(out, "File: /etc/postfix/main.cf"), "main.cf is not said to be replaced")
	size, err := s.host.Postfix.Size()
	if err != nil {
		s.Fatalf("asking for the size: %v", err)
	}
	s.say("EHLO -> 250-SIZE %s", size)
	s.expect(size == "20971520", "EHLO says SIZE %s", size)
	s.expect(s.host.Postfix.Reloads() == before+1, "%d reloads", s.host.Postfix.Reloads()-before)
}

func (s *story) wrong() {
	before := s.fingerprint()
	r := s.host.Run("set", "mail/messagesizelimit=a lot")
	s.show(r, "set", "mail/messagesizelimit=a lot")
	s.expect(r.Code == 1 && strings.Contains(r.Stderr, "mail/messagesizelimit"), "exit %d", r.Code)
	s.expect(slices.Equal(before, s.fingerprint()), "files have changed")
	s.say("%d files below the root: the same bytes as before", len(before))
}

func (s *story) crash() {
	s.host.Listener.Kill()
	s.say("kill -9 mailreg-listener")
	s.setMail("carla", "carola")
	s.host.Slapd.AddPerson(harness.Person{UID: "dora", Mail: "dora@" + harness.MailDomain})
	s.say("+ uid=dora, mailPrimaryAddress: dora@%s", harness.MailDomain)
	s.host.Listener.Start()
	s.say("mailreg-listener is started again")
	s.wait()
	s.reads("carola", "Hello carla")
	s.reads("dora")
	s.mailreg("mailbox", "list")
}
