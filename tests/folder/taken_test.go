package folder_test

import (
	"strings"
	"testing"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

// TestTakenAddress: of a user and a folder that want one address the first has it; the other is parked, which names the first,
// and has it by itself once it is free.
func TestTakenAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Wait()
	folder := dn("Team@" + domain)
	w.add("Team", mail("a"), mail("b")+" all")
	waits := func(who, other string) {
		t.Helper()
		w.Wait()
		var parked []control.Parked
		w.JSON(&parked, "listener", "parked")
		if len(parked) != 1 || parked[0].Handler != "folder" || parked[0].DN != who || !strings.Contains(parked[0].Reason, other) ||
			!strings.Contains(parked[0].Reason, mail("a")) {
			t.Errorf("parked: %+v, want %s because of %s", parked, who, other)
		}
	}
	waits(folder, harness.DN("a"))
	w.Must("listener", "resync", "folder")
	waits(folder, harness.DN("a"))
	w.Listener.Stop()
	w.Listener.Start()
	waits(folder, harness.DN("a"))

	// The user has another address: the folder gets this one.
	w.Slapd.SetMail(harness.DN("a"), mail("aa"))
	w.Wait()
	if out := w.Must("listener", "parked"); out != "" {
		t.Errorf("still parked: %s", out)
	}
	w.ok("mail to the folder", w.Dovecot.Deliver(mail("a"), "for all"))
	w.reads("b", "shared/"+mail("a"), "for all")

	// Now it is the user who comes too late.
	w.Slapd.SetMail(harness.DN("a"), mail("a"))
	waits(harness.DN("a"), folder)
	w.Slapd.SetMail(folder, mail("team"))
	w.Wait()
	if out := w.Must("listener", "parked"); out != "" {
		t.Errorf("still parked: %s", out)
	}
	w.reads("b", "shared/"+mail("team"), "for all")
}
