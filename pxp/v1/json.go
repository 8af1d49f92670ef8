package v1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// kind is what a JSON value is. Its text stands in errors.
type kind string

const (
	isMissing kind = "nothing" // JavaScript's undefined
	isNull    kind = "null"
	isBool    kind = "a boolean"
	isNumber  kind = "a number"
	isString  kind = "a string"
	isArray   kind = "an array"
	isObject  kind = "an object"
)

// value is a JSON value as JSON.parse makes it. The zero value is not valid; [missing] stands for what is not there.
type value struct {
	kind    kind
	bool    bool
	number  float64 // may be infinite
	str     string
	list    []value
	members []member // each name once, in the order of their first appearance
}

type member struct {
	name  string
	value value
}

var missing = value{kind: isMissing}

// get returns an object's member, as v.name does in JavaScript. It must not be called for null and undefined, of which
// JavaScript throws; all other values have no members of these names.
func (v value) get(name string) value {
	for _, m := range v.members {
		if m.name == name {
			return m.value
		}
	}
	return missing
}

// at returns an array's element, as v[i] does.
func (v value) at(i int) value {
	if i < len(v.list) {
		return v.list[i]
	}
	return missing
}

// nothing reports whether reading a member of v throws in JavaScript.
func (v value) nothing() bool { return v.kind == isNull || v.kind == isMissing }

// parser reads text that is known to be JSON. It is one of our own because a line can be had for nothing by whoever sends it:
// with json.Decoder's tokens one of 8,192 numbers took twice as long.
type parser struct {
	text []byte // what is left
}

// parse returns the value that text consists of, or what is wrong with it.
func parse(text []byte) (v value, problem string) {
	if !json.Valid(text) {
		return value{}, "not JSON"
	}
	if count(text) > MaxValues {
		return value{}, fmt.Sprintf("more than %d values", MaxValues)
	}
	p := parser{text: text}
	return p.value(0)
}

// count returns how many values there are in JSON: one, one for each comma, and the first in each array and object.
func count(text []byte) (values int) {
	values = 1
	first := false // the next byte that is not white space may be the first of an array's or object's
	for i := 0; i < len(text); i++ {
		c := text[i]
		if first && c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			first = false
			if c != ']' && c != '}' {
				values++
			}
		}
		switch c {
		case ',':
			values++
		case '[', '{':
			first = true
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		}
	}
	return values
}

// value returns the next value, which is inside depth arrays and objects.
func (p *parser) value(depth int) (v value, problem string) {
	switch c := p.next(); c {
	case 'n':
		p.skip(len("null"))
		return value{kind: isNull}, ""
	case 't':
		p.skip(len("true"))
		return value{kind: isBool, bool: true}, ""
	case 'f':
		p.skip(len("false"))
		return value{kind: isBool}, ""
	case '"':
		return value{kind: isString, str: p.str()}, ""
	case '[', '{':
		if depth == MaxNesting {
			return value{}, fmt.Sprintf("nested deeper than %d", MaxNesting)
		}
		p.skip(1)
		if c == '[' {
			return p.array(depth + 1)
		}
		return p.object(depth + 1)
	}
	return value{kind: isNumber, number: p.number()}, ""
}

func (p *parser) array(depth int) (v value, problem string) {
	v.kind = isArray
	for p.next() != ']' {
		element, problem := p.value(depth)
		if problem != "" {
			return value{}, problem
		}
		v.list = append(v.list, element)
		if p.next() == ',' {
			p.skip(1)
		}
	}
	p.skip(1)
	return v, ""
}

func (p *parser) object(depth int) (v value, problem string) {
	v.kind = isObject
	var at map[string]int // of each member, when there are many
	for p.next() != '}' {
		name := p.str()
		p.next()
		p.skip(len(":"))
		element, problem := p.value(depth)
		if problem != "" {
			return value{}, problem
		}
		if len(v.members) == fewMembers {
			at = make(map[string]int)
			for i, m := range v.members {
				at[m.name] = i
			}
		}
		if i := v.index(name, at); i >= 0 {
			v.members[i].value = element
		} else {
			if at != nil {
				at[name] = len(v.members)
			}
			v.members = append(v.members, member{name, element})
		}
		if p.next() == ',' {
			p.skip(1)
		}
	}
	p.skip(1)
	return v, ""
}

// fewMembers are looked through one by one.
const fewMembers = 16

// index returns where the member of that name is, by at if that is not nil; -1 if there is none.
func (v value) index(name string, at map[string]int) int {
	if at != nil {
		if i, ok := at[name]; ok {
			return i
		}
		return -1
	}
	return slices.IndexFunc(v.members, func(m member) bool { return m.name == name })
}

// next returns the first byte that is not white space, which is then the first of what is left.
func (p *parser) next() byte {
	for {
		switch c := p.text[0]; c {
		case ' ', '\t', '\r', '\n':
			p.skip(1)
		default:
			return c
		}
	}
}

func (p *parser) skip(n int) { p.text = p.text[n:] }

// str returns the string that comes next.
func (p *parser) str() (s string) {
	p.next()
	plain, end := true, 1
	for ; p.text[end] != '"'; end++ {
		if p.text[end] == '\\' {
			plain = false
			end++
		}
	}
	literal := p.text[:end+1]
	p.skip(end + 1)
	if plain && utf8.Valid(literal) {
		return string(literal[1:end])
	}
	_ = json.Unmarshal(literal, &s) // it is valid
	return s
}

// number returns the number that comes next.
func (p *parser) number() float64 {
	end := 0
	for end < len(p.text) && bytes.IndexByte([]byte("+-.0123456789eE"), p.text[end]) >= 0 {
		end++
	}
	number, _ := strconv.ParseFloat(string(p.text[:end]), 64) // beyond the range it is infinite, as in JavaScript
	p.skip(end)
	return number
}
