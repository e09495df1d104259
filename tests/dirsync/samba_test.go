package dirsync

import (
	"testing"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func TestSambaIsUpSoon(t *testing.T) {
	begin := time.Now()
	s := harness.NewSamba(t, harness.NewSandbox(t))
	t.Logf("up after %s", time.Since(begin))
	uuid := s.AddUser("anna", "anna@example.test")
	dn := s.Rename(harness.SambaDN("anna"), "CN=anna", harness.StaffDN)
	s.Kill()
	begin = time.Now()
	s.Start()
	t.Logf("up again after %s", time.Since(begin))
	if got := s.UUID(dn); got != uuid {
		t.Errorf("after a restart the UUID is %s, was %s", got, uuid)
	}
}
