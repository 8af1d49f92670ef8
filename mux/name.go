package mux

import "unicode/utf8"

// maxNameBytes is the longest name, as one byte can count.
const maxNameBytes = 255

// checkName returns nil, or a *NameError when name cannot be sent.
func checkName(name string) error {
	switch {
	case name == "":
		return &NameError{name, "empty"}
	case len(name) > maxNameBytes:
		return &NameError{name, "longer than 255 bytes"}
	case !utf8.ValidString(name):
		return &NameError{name, "not valid UTF-8"}
	}
	for _, r := range name {
		if r < 0x20 || 0x7f <= r && r < 0xa0 {
			return &NameError{name, "contains a control character"}
		}
	}
	return nil
}

// appendName appends the name as a stream begins with it: a length byte and the bytes.
func appendName(dst []byte, name string) []byte {
	return append(append(dst, byte(len(name))), name...)
}

// parseName reads the name that b begins with. It returns the number of bytes that it takes, or zero while b is too short
// to tell.
func parseName(b []byte) (name string, n int, err error) {
	if len(b) == 0 {
		return "", 0, nil
	}
	n = 1 + int(b[0])
	if n > 1 && len(b) < n {
		return "", 0, nil
	}
	name = string(b[1:n])
	return name, n, checkName(name)
}
