package maildir

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// BenchmarkEnsure makes a store a time on the disk of the temporary directory, and looks at one that is there already. The
// floor is the same directories without marks, links and fsync, made in the same run.
func BenchmarkEnsure(b *testing.B) {
	for _, again := range []bool{false, true} {
		name := map[bool]string{false: "new", true: "there"}[again]
		b.Run(name, func(b *testing.B) {
			s, err := Open(Config{Root: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for b.Loop() {
				n++
				o := backend.Owner{UUID: schema.UUID{byte(n), byte(n >> 8), byte(n >> 16)}, Address: schema.Address{Local: fmt.Sprintf("u%d", n), Domain: "x.test"}}
				if again {
					o = backend.Owner{UUID: schema.UUID{1}, Address: schema.Address{Local: "u", Domain: "x.test"}}
				}
				if err := s.Ensure(b.Context(), o, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("floor", func(b *testing.B) {
		root, n := b.TempDir(), 0
		for b.Loop() {
			n++
			for _, sub := range []string{"cur", "new", "tmp"} {
				if err := os.MkdirAll(filepath.Join(root, fmt.Sprint(n), "Maildir", sub), 0o700); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
