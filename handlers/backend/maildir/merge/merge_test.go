package merge

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFreeBase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		taken := map[string]bool{}
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			base := rapid.SampledFrom([]string{"1.M1.host", "1.M1.host,S=1", "1.M1.host-r1,S=1", ",S=1", ""}).Draw(t, "base")
			free := freeBase(base, taken)
			if taken[free] || !strings.HasSuffix(free, base[max(0, strings.Index(base, ",")):]) && strings.Contains(base, ",") {
				t.Fatalf("%q becomes %q beside %v", base, free, taken)
			}
			taken[free] = true
		}
	})
}
