// An API that verifies its callers' access tokens with go-oidc. The guide is docs/how-to/verify-with-go-oidc.md.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// What an access token says besides what go-oidc checks.
type claims struct {
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
	// go-oidc takes a text of digits for a number, which these are not.
	IssuedAt     int64           `json:"iat"`
	ExpiresAt    int64           `json:"exp"`
	ID           string          `json:"jti"`
	Confirmation json.RawMessage `json:"cnf"`
}

// agingKeys is the issuer's key set, made anew every while: go-oidc keeps a key for ever, also one that was revoked.
type agingKeys struct {
	url    string
	maxAge time.Duration

	mu     sync.Mutex
	keys   oidc.KeySet
	madeAt time.Time
}

func (a *agingKeys) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	a.mu.Lock()
	if a.keys == nil || time.Since(a.madeAt) > a.maxAge {
		a.keys, a.madeAt = oidc.NewRemoteKeySet(context.Background(), a.url), time.Now()
	}
	keys := a.keys
	a.mu.Unlock()
	return keys.VerifySignature(ctx, token)
}

const (
	leeway      = 30 * time.Second
	maxLifetime = 24 * time.Hour
	maxHeader   = 16 << 10
)

// verify returns the claims of a token that is for us, or why it is refused.
func verify(ctx context.Context, verifier *oidc.IDTokenVerifier, raw string) (*claims, error) {
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	// The rest is not go-oidc's to check: it verifies ID tokens. The signature covers all of it by now.
	var header struct {
		Type string `json:"typ"`
	}
	segment, _, _ := strings.Cut(raw, ".")
	bytes, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil || json.Unmarshal(bytes, &header) != nil {
		return nil, errors.New("the header cannot be read")
	}
	// RFC 9068 section 4: an ID token of the same issuer must not pass for an access token.
	if kind := strings.ToLower(header.Type); kind != "at+jwt" && kind != "application/at+jwt" {
		return nil, errors.New("typ is not at+jwt")
	}
	var c claims
	if err := token.Claims(&c); err != nil {
		return nil, errors.New("the claims cannot be read")
	}
	switch {
	case len(token.Audience) != 1:
		return nil, errors.New("the token is for several audiences")
	case token.Subject == "" || c.ClientID == "" || c.ID == "" || c.IssuedAt == 0:
		return nil, errors.New("a claim of RFC 9068 is missing")
	case token.IssuedAt.After(time.Now().Add(leeway)):
		return nil, errors.New("the token was issued in the future")
	case token.Expiry.Sub(token.IssuedAt) > maxLifetime:
		return nil, errors.New("the token lives too long")
	// RFC 9449, RFC 8705: bound to a key that nobody has checked here.
	case c.Confirmation != nil:
		return nil, errors.New("the token is sender-constrained")
	}
	return &c, nil
}

func bearer(request *http.Request) string {
	scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

func refuse(response http.ResponseWriter, status int, challenge string) {
	response.Header().Set("WWW-Authenticate", challenge)
	response.WriteHeader(status)
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	issuer := setting("ISSUER", "http://127.0.0.1:8700")
	audience := setting("AUDIENCE", "https://orders.acme.example")

	provider, err := oidc.NewProvider(context.Background(), issuer)
	if err != nil {
		log.Fatal(err)
	}
	var metadata struct {
		KeysURL string `json:"jwks_uri"`
	}
	if err := provider.Claims(&metadata); err != nil {
		log.Fatal(err)
	}
	keysMaxAge, err := strconv.Atoi(setting("KEYS_MAX_AGE_SECONDS", "600"))
	if err != nil {
		log.Fatal(err)
	}
	keys := &agingKeys{url: metadata.KeysURL, maxAge: time.Duration(keysMaxAge) * time.Second}
	verifier := oidc.NewVerifier(issuer, keys, &oidc.Config{
		ClientID:             audience, // go-oidc's name for the audience
		SupportedSigningAlgs: []string{oidc.ES256},
		// exp has no leeway in go-oidc: the clock is set back by it.
		Now: func() time.Time { return time.Now().Add(-leeway) },
	})

	http.HandleFunc("GET /orders", func(response http.ResponseWriter, request *http.Request) {
		raw := bearer(request)
		if raw == "" {
			refuse(response, http.StatusUnauthorized, "Bearer")
			return
		}
		caller, err := verify(request.Context(), verifier, raw)
		if err != nil {
			// RFC 6750 section 3.1: one answer for every fault of a token.
			refuse(response, http.StatusUnauthorized, `Bearer error="invalid_token"`)
			return
		}
		if !slices.Contains(strings.Split(caller.Scope, " "), "orders:read") {
			refuse(response, http.StatusForbidden, `Bearer error="insufficient_scope", scope="orders:read"`)
			return
		}
		response.Header().Set("Content-Type", "application/json")
		json.NewEncoder(response).Encode(map[string]any{"orders": 3, "caller": caller.ClientID})
	})

	listener, err := net.Listen("tcp", "127.0.0.1:"+setting("PORT", "8710"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("orders API on http://%s, tokens of %s for %s\n", listener.Addr(), issuer, audience)
	server := &http.Server{MaxHeaderBytes: maxHeader, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}
