// Package ingress holds the rules that say which origin a visitor's request goes to. The edge sends them; they are
// evaluated here, as cloudflared does.
package ingress

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Ruleset is one version of a tunnel's configuration. Its last rule matches everything.
type Ruleset struct {
	Rules []Rule
}

// Rule sends what matches to its service.
type Rule struct {
	// Hostname is empty for every host; "*.example.com" matches all below example.com.
	Hostname string
	// Path is matched anywhere in the decoded path of the URL; nil matches all.
	Path    *regexp.Regexp
	Service Service
}

type configuration struct {
	Ingress       []rule         `json:"ingress"`
	OriginRequest *OriginRequest `json:"originRequest"`
}

type rule struct {
	Hostname      string         `json:"hostname"`
	Path          string         `json:"path"`
	Service       string         `json:"service"`
	OriginRequest *OriginRequest `json:"originRequest"`
}

// NoRules answers 503 to everything: what a tunnel does before it has been configured.
func NoRules() *Ruleset {
	return &Ruleset{Rules: []Rule{{Service: status(503)}}}
}

// Parse reads a tunnel configuration. No ingress at all means NoRules.
func Parse(text []byte) (*Ruleset, error) {
	var config configuration
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("configuration is no valid JSON of a tunnel: %w", err)
	}
	if len(config.Ingress) == 0 {
		return NoRules(), nil
	}
	set := &Ruleset{}
	for index, raw := range config.Ingress {
		parsed, err := raw.parse(config.OriginRequest, index, index == len(config.Ingress)-1)
		if err != nil {
			set.Close()
			return nil, err
		}
		set.Rules = append(set.Rules, parsed)
	}
	return set, nil
}

func (r rule) parse(defaults *OriginRequest, index int, last bool) (Rule, error) {
	if err := r.checkHostname(index, last); err != nil {
		return Rule{}, err
	}
	parsed := Rule{Hostname: strings.ToLower(r.Hostname)}
	if parsed.Hostname == "*" {
		parsed.Hostname = ""
	}
	if r.Path != "" {
		path, err := regexp.Compile(r.Path)
		if err != nil {
			return Rule{}, fmt.Errorf("rule #%d has an invalid regex: %w", index+1, err)
		}
		parsed.Path = path
	}
	service, err := parseService(r.Service, merge(defaults, r.OriginRequest))
	if err != nil {
		return Rule{}, fmt.Errorf("rule #%d: %w", index+1, err)
	}
	parsed.Service = service
	return parsed, nil
}

func (r rule) checkHostname(index int, last bool) error {
	if _, _, err := net.SplitHostPort(r.Hostname); err == nil {
		return errors.New("hostname cannot contain a port")
	}
	if strings.LastIndex(r.Hostname, "*") > 0 {
		return fmt.Errorf("hostname %q: only one wildcard is possible, and only as the first character", r.Hostname)
	}
	catchAll := (r.Hostname == "" || r.Hostname == "*") && r.Path == ""
	if last && !catchAll {
		return errors.New("the last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)")
	}
	if !last && catchAll {
		return fmt.Errorf("rule #%d matches every hostname, so the rules after it would never be triggered", index+1)
	}
	return nil
}

func parseService(text string, request OriginRequest) (Service, error) {
	if code, found := strings.CutPrefix(text, "http_status:"); found {
		number, err := strconv.Atoi(code)
		if err != nil || number < 200 || number > 999 {
			return nil, fmt.Errorf("invalid HTTP status code: %s", code)
		}
		return status(number), nil
	}
	address, err := url.Parse(text)
	switch {
	case err != nil || address.Scheme == "" || address.Hostname() == "":
		return nil, fmt.Errorf("%s is an invalid address, please make sure it has a scheme and a hostname", text)
	case address.Path != "":
		return nil, fmt.Errorf("%s is an invalid address: an origin's address has no path, the visitor's is used", text)
	case address.Scheme != "http" && address.Scheme != "https":
		return nil, fmt.Errorf("%s: the sandbox's connector knows http, https and http_status only", text)
	}
	return newOrigin(address, request)
}

// Find returns the first rule that matches and its index. A port in the host is ignored.
func (s *Ruleset) Find(host string, path string) (*Rule, int) {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	for index := range s.Rules {
		if s.Rules[index].matches(host, path) {
			return &s.Rules[index], index
		}
	}
	last := len(s.Rules) - 1
	return &s.Rules[last], last
}

func (r *Rule) matches(host string, path string) bool {
	if r.Path != nil && !r.Path.MatchString(path) {
		return false
	}
	if below, wildcard := strings.CutPrefix(r.Hostname, "*"); wildcard {
		return strings.HasSuffix(host, below)
	}
	return r.Hostname == "" || r.Hostname == host
}

// Close drops the idle connections to the origins. Requests that run go on.
func (s *Ruleset) Close() {
	for _, rule := range s.Rules {
		rule.Service.Close()
	}
}
