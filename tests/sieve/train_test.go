package sieve_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestTraining moves mail as people do who correct the spam filter: what comes into the spam folder is learned as spam, what
// leaves it as ham, but for what is thrown away; and nothing else is learned.
func TestTraining(t *testing.T) {
	t.Parallel()
	h := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Set: []string{"mail/dovecot/folder/spam=Spam box"}})
	heard := filepath.Join(h.Dir, "heard")
	must(t, os.Mkdir(heard, 0o777))
	must(t, os.Chmod(heard, 0o777)) // the program runs as the mail user
	bin := filepath.Join(h.Dir, "bin")
	must(t, os.Mkdir(bin, 0o755))
	program := filepath.Join(bin, "learn")
	text := fmt.Sprintf("#!/bin/sh\n{ echo \"learn $*\"; cat; } >%[1]s/new.$$ && mv %[1]s/new.$$ %[1]s/learned.$$\n", heard)
	must(t, os.WriteFile(program, []byte(text), 0o755))
	h.Must("set", "mail/dovecot/antispam/enabled=yes", "mail/dovecot/antispam/command="+program,
		"mail/dovecot/antispam/spam_arg=as spam; touch x", "mail/dovecot/antispam/ham_arg=as \"ham\"")
	h.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	h.Wait()
	for _, subject := range []string{"one", "two", "three"} {
		deliver(t, h, "anna@example.test", subject, 0)
	}
	deliver(t, h, "anna@example.test", "filed", 9) // by the owner's script: that is nobody's word
	client, err := h.Dovecot.Login("anna@example.test", harness.Password)
	must(t, err)
	defer client.Close()
	move := func(from, subject, to string) {
		t.Helper()
		if _, err := client.Select(from, nil).Wait(); err != nil {
			t.Fatal(err)
		}
		found, err := client.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: subject}}}, nil).Wait()
		if err != nil || len(found.AllUIDs()) != 1 {
			t.Fatalf("looking for %s in %s: %v, %v", subject, from, found, err)
		}
		if _, err := client.Move(imap.UIDSetNum(found.AllUIDs()[0]), to).Wait(); err != nil {
			t.Fatalf("moving %s from %s to %s: %v", subject, from, to, err)
		}
	}
	learned := func() []string { return lessons(t, heard) }
	expect := func(what string, want ...string) {
		t.Helper()
		harness.Await(t, what, func() bool { return len(learned()) >= len(want) })
		if got := learned(); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("%s: learned %q, want %q", what, got, want)
		}
		must(t, os.RemoveAll(heard))
		must(t, os.Mkdir(heard, 0o777))
		must(t, os.Chmod(heard, 0o777))
	}
	const spam, ham = "as spam; touch x: ", "as \"ham\": "
	move("INBOX", "one", "Spam box")
	expect("into the spam folder", spam+"one")
	move("Spam box", "one", "INBOX")
	expect("out of it", ham+"one")
	if caps := client.Caps(); !caps.Has(imap.CapMove) {
		t.Error("no MOVE: what was moved was copied")
	}
	must(t, client.Create("Trash", nil).Wait())
	move("INBOX", "two", "Trash")
	move("Spam box", "filed", "Trash")
	move("Trash", "two", "INBOX")
	put(t, client, "INBOX", "stored")
	put(t, client, "Spam box", "dropped") // as the last, so that whatever came before has been learned
	expect("what a client stores there", spam+"dropped")
	h.Must("set", "mail/dovecot/antispam/enabled=no")
	again, err := h.Dovecot.Login("anna@example.test", harness.Password)
	must(t, err)
	defer again.Close()
	client = again
	move("INBOX", "three", "Spam box")
	want(t, h, "anna@example.test", "Spam box", "three", "dropped")
	if got := learned(); len(got) > 0 {
		t.Errorf("learned without being told to: %q", got)
	}
}

// lessons returns what the program was told, by its arguments and the subject of the message.
func lessons(t *testing.T, dir string) (all []string) {
	t.Helper()
	names, err := filepath.Glob(dir + "/learned.*")
	must(t, err)
	for _, name := range names {
		data, err := os.ReadFile(name)
		must(t, err)
		first, message, _ := strings.Cut(string(data), "\n")
		_, subject, _ := strings.Cut(message, "Subject: ")
		subject, _, _ = strings.Cut(subject, "\n")
		all = append(all, strings.TrimPrefix(first, "learn ")+": "+strings.TrimSpace(subject))
	}
	return all
}

func put(t *testing.T, client *imapclient.Client, folder, subject string) {
	t.Helper()
	text := spam("anna@example.test", subject, 0)
	upload := client.Append(folder, int64(len(text)), nil)
	_, err := upload.Write([]byte(text))
	must(t, err)
	must(t, upload.Close())
	_, err = upload.Wait()
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
