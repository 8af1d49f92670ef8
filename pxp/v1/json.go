package v1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
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

// parser reads tokens of text that is known to be JSON.
type parser struct {
	tokens *json.Decoder
	values int
}

// parse returns the value that text consists of, or what is wrong with it.
func parse(text []byte) (v value, problem string) {
	if !json.Valid(text) {
		return value{}, "not JSON"
	}
	p := parser{tokens: json.NewDecoder(bytes.NewReader(text))}
	p.tokens.UseNumber()
	token, err := p.tokens.Token()
	if err != nil {
		return value{}, "not JSON"
	}
	return p.value(token, 0)
}

// value returns what begins with token, itself inside depth arrays and objects.
func (p *parser) value(token json.Token, depth int) (v value, problem string) {
	if p.values++; p.values > MaxValues {
		return value{}, fmt.Sprintf("more than %d values", MaxValues)
	}
	switch token := token.(type) {
	case nil:
		return value{kind: isNull}, ""
	case bool:
		return value{kind: isBool, bool: token}, ""
	case string:
		return value{kind: isString, str: token}, ""
	case json.Number:
		number, _ := strconv.ParseFloat(token.String(), 64) // beyond the range it is infinite, as in JavaScript
		return value{kind: isNumber, number: number}, ""
	}
	if depth == MaxNesting {
		return value{}, fmt.Sprintf("nested deeper than %d", MaxNesting)
	}
	v.kind = isArray
	if token == json.Delim('{') {
		v.kind = isObject
	}
	var at map[string]int // of each member
	for {
		token, err := p.tokens.Token()
		if err != nil {
			return value{}, "not JSON"
		}
		if token == json.Delim(']') || token == json.Delim('}') {
			return v, ""
		}
		name, _ := token.(string)
		if v.kind == isObject {
			if token, err = p.tokens.Token(); err != nil {
				return value{}, "not JSON"
			}
		}
		element, problem := p.value(token, depth+1)
		if problem != "" {
			return value{}, problem
		}
		if v.kind == isArray {
			v.list = append(v.list, element)
		} else if i, twice := at[name]; twice {
			v.members[i].value = element
		} else {
			if at == nil {
				at = map[string]int{}
			}
			at[name] = len(v.members)
			v.members = append(v.members, member{name, element})
		}
	}
}
