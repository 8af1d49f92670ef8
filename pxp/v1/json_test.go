package v1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// sameByTokens checks that the parser reads text as encoding/json does. Of two problems it may name either.
func sameByTokens(t *testing.T, text []byte) {
	t.Helper()
	got, problem := parse(text)
	want, wrong := parseByTokens(text)
	if (problem == "") != (wrong == "") || !reflect.DeepEqual(got, want) {
		t.Errorf("%q is %+v %q, by tokens %+v %q", text, got, problem, want, wrong)
	}
}

func TestParse(t *testing.T) {
	many := func(n int, f string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, f, i%(n-1)) // the first once more
		}
		return b.String()
	}
	for _, text := range []string{
		"", " ", "null", " true ", "false", "nul", "tru", "0", "-0.5e+3", "1e999", "-1e999", "1e-999", "01", "1.", "\"\"", `"a"`, `"\n\u00e9\ud83d\ude00"`,
		`"\ud800"`, "\"\xff\"", "\"\u00e9\"", `"\\"`, `"\""`, `"`, "[]", "[ ]", "[1 , 2]", "[1,]", "[[],[[]],{}]", "{}", `{ "a" : 1 , "b":[ ] }`,
		`{"a":1,"a":2}`, `{"a":1,}`, "[1]x", "\t[\r\n1]",
		"{" + many(fewMembers, `"%d":1`) + "}", "{" + many(fewMembers+1, `"%d":1`) + "}", "{" + many(100, `"%d":[]`) + "}",
		"[" + many(MaxValues-1, "%d") + "]", "[" + many(MaxValues, "%d") + "]",
		strings.Repeat("[", MaxNesting) + strings.Repeat("]", MaxNesting), strings.Repeat("[", MaxNesting+1) + strings.Repeat("]", MaxNesting+1),
		strings.Repeat("[", 60000),
	} {
		sameByTokens(t, []byte(text))
	}
}

// What a stranger's line costs at most: some values of it have memory of their own, and nothing else has.
func BenchmarkTooManyValues(b *testing.B) {
	line := []byte(`["x","1",[` + strings.Repeat("0,", 30000) + `0]]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(line); err == nil {
			b.Fatal("was taken")
		}
	}
}

func BenchmarkManyValues(b *testing.B) {
	line := []byte(`["x","1",[` + strings.Repeat("0,", MaxValues-5) + `0]]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(line); err != nil {
			b.Fatal(err)
		}
	}
}

// tokens is a simpler parser, by the tokens of encoding/json.
type tokens struct {
	in     *json.Decoder
	values int
}

// parseByTokens returns the value that text consists of, or what is wrong with it.
func parseByTokens(text []byte) (v value, problem string) {
	if !json.Valid(text) {
		return value{}, "not JSON"
	}
	p := tokens{in: json.NewDecoder(bytes.NewReader(text))}
	p.in.UseNumber()
	token, err := p.in.Token()
	if err != nil {
		return value{}, "not JSON"
	}
	return p.value(token, 0)
}

// value returns what begins with token, itself inside depth arrays and objects.
func (p *tokens) value(token json.Token, depth int) (v value, problem string) {
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
		token, err := p.in.Token()
		if err != nil {
			return value{}, "not JSON"
		}
		if token == json.Delim(']') || token == json.Delim('}') {
			return v, ""
		}
		name, _ := token.(string)
		if v.kind == isObject {
			if token, err = p.in.Token(); err != nil {
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
