package store

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/mailreg/mailreg/listener/store/meta"
)

// guarded runs fn on a file and turns what bbolt does about a damaged one, which is to panic, into ErrCorrupt. A disk that
// does not give a page is an error that says nothing about the file. Other panics go on: they are mistakes of ours, and no
// reason to doubt the file.
func guarded(path string, fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		_, fault := p.(interface{ Addr() uintptr })
		switch {
		case fault:
			err = cmp.Or(readable(path), fmt.Errorf("%w: %v", ErrCorrupt, p))
		case inBolt():
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		default:
			panic(p)
		}
	}()
	return corrupt(fn())
}

// readable returns the error of reading all of a file. The memory that maps it answers both a page that the disk does not
// give and an address that a damaged page has made up with the same fault.
func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err
}

// inBolt reports whether the panic that is being recovered was raised by bbolt's code.
func inBolt() bool {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	raised := false
	for {
		frame, more := frames.Next()
		switch {
		case frame.Function == "runtime.gopanic":
			raised = true
		case raised && !strings.HasPrefix(frame.Function, "runtime."):
			return strings.HasPrefix(frame.Function, "go.etcd.io/bbolt")
		}
		if !more {
			return false
		}
	}
}

// corrupt adds ErrCorrupt to the errors by which bbolt says so.
func corrupt(err error) error {
	for _, damage := range []error{
		bolterrors.ErrInvalid, bolterrors.ErrChecksum, bolterrors.ErrVersionMismatch, bolterrors.ErrFreePagesNotLoaded, meta.ErrDamaged,
	} {
		if errors.Is(err, damage) {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	return err
}
