package notice

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/listener/notice"
	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func TestNotices(t *testing.T) {
	const admin = "anna@example.test"
	host := harness.NewHost(t, harness.HostConfig{Set: []string{"mailreg/notify/interval=1s"}})
	heard := filepath.Join(host.Dir, "heard")
	program := filepath.Join(host.Dir, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nread -r m\nprintf '%s\\n' \"$m\" >>"+heard+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	host.Slapd.AddDomain("example.test")
	anna := host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: admin})
	host.Wait()
	host.Must("set", "mailreg/notify/mail="+admin, "mailreg/notify/command="+program)

	host.Slapd.AddPerson(harness.Person{UID: "dora", Mail: "../x@d"})
	host.Wait()
	home := harness.HomeByID(anna)
	arrived := func(subject string) error {
		subjects, err := host.Spool.Subjects(home)
		if err == nil && !slices.Contains(subjects, subject) {
			err = fmt.Errorf("mails %q, want %q", subjects, subject)
		}
		return err
	}
	name := strings.TrimSpace(host.Must("get", "hostname")) + "." + strings.TrimSpace(host.Must("get", "domainname"))
	// The handlers of mailboxes, accounts, folders and quotas have no use for that address; one says so.
	host.Listener.Await("a mail about what is parked", func() error { return arrived("mailreg on " + name + ": 1 parked") })
	host.Slapd.SetMail(harness.DN("dora"), "dora@example.test")
	host.Listener.Await("a mail that it is over", func() error {
		return arrived("mailreg on " + name + ": 1 over, all is well again")
	})
	messages := read(t, heard)
	if len(messages) != 2 || len(messages[0].New) != 1 || messages[0].New[0].DN != harness.DN("dora") || messages[0].Host != name || len(messages[1].Healed) != 1 {
		t.Errorf("the program has heard %+v", messages)
	}
}

func read(t *testing.T, path string) (list []notice.Message) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var m notice.Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, m)
	}
	return list
}
