package v1

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What JavaScript does to the values of JSON.

// truthy is what if (v) decides by.
func (v value) truthy() bool {
	switch v.kind {
	case isMissing, isNull:
		return false
	case isBool:
		return v.bool
	case isNumber:
		return v.number != 0
	case isString:
		return v.str != ""
	}
	return true
}

// text is String(v). It is false where that throws: for an object that has a member in the place of its method toString.
func (v value) text() (string, bool) {
	switch v.kind {
	case isMissing:
		return "undefined", true
	case isNull:
		return "null", true
	case isBool:
		return strconv.FormatBool(v.bool), true
	case isNumber:
		return numberText(v.number), true
	case isString:
		return v.str, true
	case isArray:
		parts := make([]string, len(v.list))
		for i, element := range v.list {
			if element.nothing() {
				continue
			}
			var ok bool
			if parts[i], ok = element.text(); !ok {
				return "", false
			}
		}
		return strings.Join(parts, ","), true
	}
	return "[object Object]", v.get("toString").kind == isMissing
}

// numberText is String(number), for numbers that JSON can hold.
func numberText(f float64) string {
	switch abs := math.Abs(f); {
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strconv.FormatFloat(f, 'f', -1, 64), "+") + "inity"
	case f == 0:
		return "0" // also for -0
	case abs >= 1e-6 && abs < 1e21:
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	return strings.Replace(text, "e-0", "e-", 1) // two digits at least in Go
}

// destructure is what [first, second, ...] = v sees, compiled by Babel: the elements of an array, the characters of a
// string. It is false where that throws.
func (v value) destructure() (elements value, ok bool) {
	if v.kind == isString {
		for _, r := range v.str {
			elements.list = append(elements.list, value{kind: isString, str: string(r)})
		}
		elements.kind = isArray
		return elements, true
	}
	return v, v.kind == isArray
}

// appendJSON is JSON.stringify(v) of what JSON.parse has read.
func (v value) appendJSON(dst []byte) []byte {
	switch v.kind {
	case isBool:
		return strconv.AppendBool(dst, v.bool)
	case isNumber:
		if math.IsInf(v.number, 0) {
			return append(dst, "null"...)
		}
		return append(dst, numberText(v.number)...)
	case isString:
		return appendString(dst, v.str)
	case isArray:
		dst = append(dst, '[')
		for i, element := range v.list {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = element.appendJSON(dst)
		}
		return append(dst, ']')
	case isObject:
		dst = append(dst, '{')
		for i, m := range inOrder(v.members) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, m.name), ':')
			dst = m.value.appendJSON(dst)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

// inOrder returns the members as JavaScript lists them: names that are array indices first, by number.
func inOrder(members []member) []member {
	index := func(m member) uint64 {
		n, err := strconv.ParseUint(m.name, 10, 32)
		if err != nil || n == math.MaxUint32 || strconv.FormatUint(n, 10) != m.name {
			return math.MaxUint64
		}
		return n
	}
	members = slices.Clone(members)
	slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(index(a), index(b)) })
	return members
}

// appendString is JSON.stringify of a string. What is not UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r >= ' ':
			dst = utf8.AppendRune(dst, r)
		default:
			if i := bytes.IndexByte([]byte("\b\f\n\r\t"), byte(r)); i >= 0 {
				dst = append(dst, '\\', "bfnrt"[i])
			} else {
				dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xf])
			}
		}
	}
	return append(dst, '"')
}
