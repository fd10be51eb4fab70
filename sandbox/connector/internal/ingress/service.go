package ingress

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"
)

// Service answers the requests of a rule.
type Service interface {
	http.RoundTripper
	fmt.Stringer
	Close()
}

// OriginRequest says how an origin is spoken to. Timeouts are whole seconds. Nil means not set.
type OriginRequest struct {
	HTTPHostHeader       *string `json:"httpHostHeader"`
	OriginServerName     *string `json:"originServerName"`
	CAPool               *string `json:"caPool"`
	NoTLSVerify          *bool   `json:"noTLSVerify"`
	HTTP2Origin          *bool   `json:"http2Origin"`
	ConnectTimeout       *int    `json:"connectTimeout"`
	TLSTimeout           *int    `json:"tlsTimeout"`
	TCPKeepAlive         *int    `json:"tcpKeepAlive"`
	KeepAliveTimeout     *int    `json:"keepAliveTimeout"`
	KeepAliveConnections *int    `json:"keepAliveConnections"`
}

func either[T any](own *T, other *T) *T {
	if own != nil {
		return own
	}
	return other
}

func or[T any](value *T, fallback T) T {
	if value != nil {
		return *value
	}
	return fallback
}

// merge lets a rule's own settings override those of the whole tunnel.
func merge(defaults *OriginRequest, own *OriginRequest) OriginRequest {
	d, o := or(defaults, OriginRequest{}), or(own, OriginRequest{})
	return OriginRequest{
		HTTPHostHeader:       either(o.HTTPHostHeader, d.HTTPHostHeader),
		OriginServerName:     either(o.OriginServerName, d.OriginServerName),
		CAPool:               either(o.CAPool, d.CAPool),
		NoTLSVerify:          either(o.NoTLSVerify, d.NoTLSVerify),
		HTTP2Origin:          either(o.HTTP2Origin, d.HTTP2Origin),
		ConnectTimeout:       either(o.ConnectTimeout, d.ConnectTimeout),
		TLSTimeout:           either(o.TLSTimeout, d.TLSTimeout),
		TCPKeepAlive:         either(o.TCPKeepAlive, d.TCPKeepAlive),
		KeepAliveTimeout:     either(o.KeepAliveTimeout, d.KeepAliveTimeout),
		KeepAliveConnections: either(o.KeepAliveConnections, d.KeepAliveConnections),
	}
}

func seconds(value *int, fallback int) time.Duration {
	return time.Duration(or(value, fallback)) * time.Second
}

// status answers every request with one code and no body.
type status int

func (s status) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: int(s), Header: http.Header{"Content-Length": {"0"}}, Body: http.NoBody}, nil
}

func (s status) String() string { return "http_status:" + strconv.Itoa(int(s)) }

func (s status) Close() {}

// origin is a web server.
type origin struct {
	address    *url.URL
	hostHeader string
	transport  *http.Transport
}

// newOrigin takes cloudflared's defaults: 30 s to connect, 10 s for TLS, 100 idle connections kept for 90 s.
func newOrigin(address *url.URL, request OriginRequest) (*origin, error) {
	kept := or(request.KeepAliveConnections, 100)
	transport := &http.Transport{
		DialContext: (&net.Dialer{
			Timeout: seconds(request.ConnectTimeout, 30), KeepAlive: seconds(request.TCPKeepAlive, 30),
		}).DialContext,
		MaxIdleConns:          kept,
		MaxIdleConnsPerHost:   kept,
		IdleConnTimeout:       seconds(request.KeepAliveTimeout, 90),
		TLSHandshakeTimeout:   seconds(request.TLSTimeout, 10),
		ExpectContinueTimeout: time.Second,
		ForceAttemptHTTP2:     or(request.HTTP2Origin, false),
		// What the origin has compressed passes unchanged, and nothing is compressed that nobody asked for.
		DisableCompression: true,
		WriteBufferSize:    32 << 10,
		ReadBufferSize:     32 << 10,
		TLSClientConfig: &tls.Config{
			ServerName: or(request.OriginServerName, ""),
			// #nosec G402 -- the tunnel's owner asked for it
			InsecureSkipVerify: or(request.NoTLSVerify, false),
		},
	}
	if path := or(request.CAPool, ""); path != "" {
		certificates, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("caPool: %w", err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(certificates) {
			return nil, fmt.Errorf("caPool: %s holds no PEM certificate", path)
		}
	}
	return &origin{address: address, hostHeader: or(request.HTTPHostHeader, ""), transport: transport}, nil
}

// RoundTrip sends the request to the origin. With a host header of its own, the visitor's host travels in
// X-Forwarded-Host, whatever the visitor had put there.
func (o *origin) RoundTrip(request *http.Request) (*http.Response, error) {
	request.URL.Scheme = o.address.Scheme
	request.URL.Host = o.address.Host
	if o.hostHeader != "" {
		request.Header.Set("X-Forwarded-Host", request.Host)
		request.Host = o.hostHeader
	}
	return o.transport.RoundTrip(request)
}

func (o *origin) String() string { return o.address.String() }

func (o *origin) Close() { o.transport.CloseIdleConnections() }
