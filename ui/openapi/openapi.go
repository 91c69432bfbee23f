// Package openapi holds the description of the interface for machines: one
// OpenAPI 3.1 document, written by hand, in the binary.
//
// It imports nothing of this module. Life of the document: Load reads it once,
// turns it into JSON for programs, and into a Page, in the document's own order,
// for people; both are served as they are. The tests of package ui hold it to the
// route table there and back, send every example that it gives, and hold every
// answer to its schemas.
package openapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var source []byte

// Document is the description in its two forms. Nobody changes it.
type Document struct {
	JSON []byte
	Page Page
}

// Page is what a person reads.
type Page struct {
	Title, Version string
	About          []string // paragraphs
	Groups         []Group
	Objects        []Object
}

// Group is the operations under one heading.
type Group struct {
	Name, About string
	Operations  []Operation
}

// Operation is one method of one address.
type Operation struct {
	ID, Method, Path, Summary string
	About                     []string
	Kinds                     []string // of devices that may; empty: no token is needed
	Fields                    []Field  // of address, query and head
	Body                      string   // object, or empty
	Examples                  []Example
	Answers                   []Answer
}

// Example is one body as it may be sent.
type Example struct{ Name, JSON string }

// Answer is one way in which it may end.
type Answer struct{ Status, About, Type, Object string }

// Object is one object of requests and answers.
type Object struct {
	Name, About string
	Fields      []Field
}

// Field is one member of an object, or one parameter.
type Field struct {
	Name, Type, About string
	Required          bool
}

// Load reads the document.
func Load() (*Document, error) {
	var plain any
	if err := yaml.Unmarshal(source, &plain); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	var doc struct {
		Info struct {
			Title, Version, Description string
		}
		Tags       []struct{ Name, Description string }
		Paths      yaml.Node
		Components struct {
			Parameters map[string]parameter
			Schemas    yaml.Node
		}
	}
	if err := yaml.Unmarshal(source, &doc); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	p := Page{Title: doc.Info.Title, Version: doc.Info.Version, About: paragraphs(doc.Info.Description)}
	for _, t := range doc.Tags {
		p.Groups = append(p.Groups, Group{Name: t.Name, About: t.Description})
	}
	for path, item := range pairs(&doc.Paths) {
		if err := p.addPath(path, item, doc.Components.Parameters); err != nil {
			return nil, fmt.Errorf("openapi: %s: %w", path, err)
		}
	}
	for name, item := range pairs(&doc.Components.Schemas) {
		var s schema
		if err := item.Decode(&s); err != nil {
			return nil, fmt.Errorf("openapi: %s: %w", name, err)
		}
		p.Objects = append(p.Objects, Object{Name: name, About: s.Description, Fields: s.fields("")})
	}
	return &Document{JSON: text, Page: p}, nil
}

// pairs are the entries of a mapping in the order of the document.
func pairs(n *yaml.Node) func(yield func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, n.Content[i+1]) {
				return
			}
		}
	}
}

type parameter struct {
	Ref         string `yaml:"$ref"`
	Name, In    string
	Description string
	Required    bool
	Schema      schema
}

type operation struct {
	Tags                 []string
	ID                   string `yaml:"operationId"`
	Summary, Description string
	Kinds                []string `yaml:"x-kinds"`
	Parameters           []parameter
	Body                 struct{ Content yaml.Node } `yaml:"requestBody"`
	Responses            yaml.Node
}

type media struct {
	Schema   schema
	Examples yaml.Node
}

func (p *Page) addPath(path string, item *yaml.Node, shared map[string]parameter) error {
	var common []parameter
	for key, n := range pairs(item) {
		if key == "parameters" {
			if err := n.Decode(&common); err != nil {
				return err
			}
			continue
		}
		var o operation
		if err := n.Decode(&o); err != nil {
			return err
		}
		out := Operation{ID: o.ID, Method: strings.ToUpper(key), Path: path, Summary: o.Summary, About: paragraphs(o.Description), Kinds: o.Kinds}
		for _, q := range slices.Concat(common, o.Parameters) {
			if name, ok := strings.CutPrefix(q.Ref, "#/components/parameters/"); ok {
				q = shared[name]
			}
			out.Fields = append(out.Fields, Field{Name: q.Name, Type: q.In + ", " + q.Schema.kind(), About: q.Description, Required: q.Required})
		}
		for _, n := range pairs(&o.Body.Content) {
			var m media
			if err := n.Decode(&m); err != nil {
				return err
			}
			if out.Body == "" {
				out.Body = m.Schema.kind()
			}
			for name, e := range pairs(&m.Examples) {
				text, err := example(e)
				if err != nil {
					return fmt.Errorf("example %s: %w", name, err)
				}
				out.Examples = append(out.Examples, Example{name, text})
			}
		}
		for status, n := range pairs(&o.Responses) {
			a, err := answer(status, n)
			if err != nil {
				return fmt.Errorf("answer %s: %w", status, err)
			}
			out.Answers = append(out.Answers, a)
		}
		i := slices.IndexFunc(p.Groups, func(g Group) bool { return slices.Contains(o.Tags, g.Name) })
		if i < 0 {
			return fmt.Errorf("%s has no tag of the document", key)
		}
		p.Groups[i].Operations = append(p.Groups[i].Operations, out)
	}
	return nil
}

func example(n *yaml.Node) (string, error) {
	var e struct{ Value any }
	if err := n.Decode(&e); err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(e.Value, "", "  ")
	return string(text), err
}

func answer(status string, n *yaml.Node) (Answer, error) {
	var r struct {
		Ref         string `yaml:"$ref"`
		Description string
		Content     yaml.Node
	}
	if err := n.Decode(&r); err != nil {
		return Answer{}, err
	}
	if name, ok := strings.CutPrefix(r.Ref, "#/components/responses/"); ok {
		return Answer{Status: status, Object: name, Type: "application/problem+json"}, nil
	}
	a := Answer{Status: status, About: r.Description}
	for kind, n := range pairs(&r.Content) {
		var m media
		if err := n.Decode(&m); err != nil {
			return a, err
		}
		a.Type, a.Object = kind, m.Schema.kind()
	}
	return a, nil
}

// schema is as much of a JSON Schema as a person is shown.
type schema struct {
	Ref         string `yaml:"$ref"`
	Type        yaml.Node
	Format      string
	Description string
	Enum        []string
	Const       string
	Items       *schema
	Required    []string
	Properties  yaml.Node
}

// kind is what a value is, in a word or two.
func (s *schema) kind() string {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return name
	}
	var types []string
	if s.Type.Kind == yaml.SequenceNode {
		for _, n := range s.Type.Content {
			types = append(types, n.Value)
		}
	} else if s.Type.Value != "" {
		types = []string{s.Type.Value}
	}
	switch {
	case s.Const != "":
		return s.Const
	case len(s.Enum) > 0:
		return strings.Join(slices.DeleteFunc(slices.Clone(s.Enum), func(v string) bool { return v == "" }), " | ")
	case slices.Contains(types, "array") && s.Items != nil:
		return "list of " + s.Items.kind()
	case s.Format != "":
		return s.Format
	}
	return strings.Join(types, " | ")
}

// fields are the members, those of objects within with their path.
func (s *schema) fields(under string) []Field {
	var out []Field
	for name, n := range pairs(&s.Properties) {
		var m schema
		if n.Decode(&m) != nil {
			continue // the document's own test would not let it pass
		}
		f := Field{Name: under + name, Type: m.kind(), About: m.Description, Required: slices.Contains(s.Required, name)}
		out = append(out, f)
		switch {
		case len(m.Properties.Content) > 0:
			out = append(out, m.fields(f.Name+".")...)
		case m.Items != nil && len(m.Items.Properties.Content) > 0:
			out = append(out, m.Items.fields(f.Name+"[].")...)
		}
	}
	return out
}

func paragraphs(s string) []string {
	var out []string
	for p := range strings.SplitSeq(strings.TrimSpace(s), "\n\n") {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}
