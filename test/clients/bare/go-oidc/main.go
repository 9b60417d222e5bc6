// go-oidc with the least configuration that takes our tokens: says of each line of standard input whether it takes it.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
)

func main() {
	ctx := context.Background()
	provider, err := oidc.NewProvider(ctx, os.Getenv("ISSUER"))
	if err != nil {
		panic(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: os.Getenv("AUDIENCE")})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		_, err := verifier.Verify(ctx, lines.Text())
		fmt.Println(err == nil)
	}
}
