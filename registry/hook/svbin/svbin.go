// Package svbin moves compiled Sieve scripts of Dovecot to another place.
package svbin

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// The layout of a compiled script (Pigeonhole, sieve-binary-file.c): a header of ten 32-bit numbers, of which the third is
// the count of blocks; an index of id, size, offset and extension for each block; the blocks, each with id and size before
// its bytes, at multiples of four.
const (
	magic  = 0xcafebabe
	header = 40
	index  = 16
	block  = 8
)

var errForm = errors.New("sievec has made something that is not understood")

// Move returns a compiled script for another place. sievec notes in the first block where the script lay, and Dovecot
// does not use what was compiled elsewhere. from and to are the paths of the script.
func Move(data []byte, from, to string) ([]byte, error) {
	le := binary.LittleEndian
	if len(data) < header || le.Uint32(data) != magic || le.Uint32(data[12:]) != header {
		return nil, errForm
	}
	count := int(le.Uint32(data[8:]))
	start := header + count*index
	if count < 1 || count > 1000 || start > len(data) {
		return nil, errForm
	}
	moved := bytes.Clone(data[:start])
	for i := range count {
		entry := moved[header+i*index:]
		size, offset := int(le.Uint32(entry[4:])), int(le.Uint32(entry[8:]))
		if offset < start || size < 0 || offset+block+size > len(data) {
			return nil, errForm
		}
		part := data[offset+block : offset+block+size]
		if i == 0 {
			if bytes.Count(part, stringOf(from)) != 1 {
				return nil, errForm
			}
			part = bytes.Replace(part, stringOf(from), stringOf(to), 1)
		}
		for len(moved)%4 != 0 {
			moved = append(moved, 0)
			entry = moved[header+i*index:]
		}
		le.PutUint32(entry[4:], uint32(len(part)))
		le.PutUint32(entry[8:], uint32(len(moved)))
		moved = append(moved, data[offset:offset+4]...)
		moved = le.AppendUint32(moved, uint32(len(part)))
		moved = append(moved, part...)
	}
	return moved, nil
}

// stringOf returns a text as a compiled script has it: its length, seven bits to the byte with the highest first, the
// bytes, and a zero.
func stringOf(text string) []byte {
	length := []byte{byte(len(text) & 0x7f)}
	for n := len(text) >> 7; n > 0; n >>= 7 {
		length = append([]byte{byte(n&0x7f) | 0x80}, length...)
	}
	return append(append(length, text...), 0)
}
