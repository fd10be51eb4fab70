package ingress

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const tenant = `{"ingress":[
	{"hostname":"acme.example.com","path":"^/web/database","service":"http_status:403"},
	{"hostname":"acme.example.com","service":"http://127.0.0.1:8069","originRequest":{"httpHostHeader":"acme.example.com"}},
	{"hostname":"*.wild.example.com","service":"http://127.0.0.1:9000"},
	{"service":"http_status:404"}]}`

func TestTheFirstMatchingRuleDecides(t *testing.T) {
	set, err := Parse([]byte(tenant))
	if err != nil {
		t.Fatal(err)
	}
	for _, look := range []struct {
		host, path string
		want       int
	}{
		{"acme.example.com", "/web/login", 1},
		{"ACME.example.com:8080", "/", 1},
		{"acme.example.com", "/web/database/manager", 0},
		{"acme.example.com", "/x/web/database", 1},
		{"a.wild.example.com", "/", 2},
		{"a.b.wild.example.com", "/", 2},
		{"wild.example.com", "/", 3},
		{"other.example.com", "/web/database", 3},
		{"", "/", 3},
	} {
		if _, got := set.Find(look.host, look.path); got != look.want {
			t.Errorf("%s%s: rule %d instead of %d", look.host, look.path, got, look.want)
		}
	}
}

func TestRefusesConfigurationsThatCloudflaredRefuses(t *testing.T) {
	for config, part := range map[string]string{
		`[]`: "no valid JSON",
		`{"ingress":[{"hostname":"a.example.com","service":"http://x"}]}`:                                                  "last ingress rule",
		`{"ingress":[{"service":"http://x"},{"service":"http_status:404"}]}`:                                               "never be triggered",
		`{"ingress":[{"hostname":"a.*.com","service":"http://x"},{"service":"http_status:404"}]}`:                          "wildcard",
		`{"ingress":[{"hostname":"a.com:80","service":"http://x"},{"service":"http_status:404"}]}`:                         "port",
		`{"ingress":[{"service":"http://x/path"}]}`:                                                                        "no path",
		`{"ingress":[{"service":"localhost"}]}`:                                                                            "invalid address",
		`{"ingress":[{"service":"tcp://x:1"}]}`:                                                                            "knows http, https",
		`{"ingress":[{"service":"http_status:none"}]}`:                                                                     "status code",
		`{"ingress":[{"hostname":"a.com","path":"(","service":"http://x"},{"service":"http_status:404"}]}`:                 "invalid regex",
		`{"ingress":[{"service":"https://x","originRequest":{"caPool":"/nowhere.pem"}}]}`:                                  "caPool",
		`{"ingress":[{"hostname":"a.com","path":"(?=x)","service":"http://x"},{"hostname":"","service":"http_status:1"}]}`: "invalid regex",
	} {
		if _, err := Parse([]byte(config)); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", config, err)
		}
	}
}

func TestATunnelWithoutRulesAnswers503(t *testing.T) {
	for _, config := range []string{`{}`, `{"ingress":[]}`, `null`} {
		set, err := Parse([]byte(config))
		if err != nil {
			t.Fatalf("%s: %v", config, err)
		}
		if rule, _ := set.Find("any", "/"); rule.Service.String() != "http_status:503" {
			t.Errorf("%s: %s", config, rule.Service)
		}
	}
}

func TestAHostHeaderOfItsOwnHidesTheVisitorsForwardedHost(t *testing.T) {
	var host, forwarded string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		host, forwarded = r.Host, r.Header.Get("X-Forwarded-Host")
	}))
	defer server.Close()
	for config, want := range map[string][2]string{
		`{"ingress":[{"service":"` + server.URL + `","originRequest":{"httpHostHeader":"acme.example.com"}}]}`: {"acme.example.com", "acme.example.com:8080"},
		`{"originRequest":{"httpHostHeader":"all.example.com"},"ingress":[{"service":"` + server.URL + `"}]}`:  {"all.example.com", "acme.example.com:8080"},
		`{"ingress":[{"service":"` + server.URL + `"}]}`:                                                       {"acme.example.com:8080", "neighbour.example.com"},
	} {
		set, err := Parse([]byte(config))
		if err != nil {
			t.Fatal(err)
		}
		request := httptest.NewRequest(http.MethodGet, "http://acme.example.com:8080/", nil)
		request.Header.Set("X-Forwarded-Host", "neighbour.example.com")
		rule, _ := set.Find(request.Host, "/")
		response, err := rule.Service.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		set.Close()
		if host != want[0] || forwarded != want[1] {
			t.Errorf("%s: the origin saw host %s, forwarded host %s", config, host, forwarded)
		}
	}
}
