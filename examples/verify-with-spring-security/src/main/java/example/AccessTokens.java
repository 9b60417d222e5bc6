package example;

import static org.springframework.security.oauth2.core.OAuth2TokenValidatorResult.failure;
import static org.springframework.security.oauth2.core.OAuth2TokenValidatorResult.success;
import static org.springframework.security.oauth2.jose.jws.SignatureAlgorithm.ES256;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.oauth2.core.DelegatingOAuth2TokenValidator;
import org.springframework.security.oauth2.core.OAuth2Error;
import org.springframework.security.oauth2.core.OAuth2TokenValidator;
import org.springframework.security.oauth2.core.OAuth2TokenValidatorResult;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.JwtClaimValidator;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.jwt.JwtTimestampValidator;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.util.StringUtils;

/** Which access tokens are taken. Without this bean Spring Security refuses every one: its default wants {@code typ: JWT}. */
@Configuration
class AccessTokens {

  private static final Duration LEEWAY = Duration.ofSeconds(30);
  private static final Duration MAX_LIFETIME = Duration.ofDays(1);

  @Bean
  JwtDecoder jwtDecoder(@Value("${orders.issuer}") String issuer, @Value("${orders.audience}") String audience) {
    NimbusJwtDecoder decoder = NimbusJwtDecoder.withIssuerLocation(issuer)
        .jwsAlgorithm(ES256)
        .validateType(false) // by the validator below instead, which wants at+jwt (RFC 9068 section 4)
        .build();
    decoder.setJwtValidator(new DelegatingOAuth2TokenValidator<>(List.of(rfc9068(issuer, audience), beyond(audience))));
    return decoder;
  }

  /** Spring Security's own checks for access tokens: typ, issuer, audience, and the claims that RFC 9068 requires. */
  private static OAuth2TokenValidator<Jwt> rfc9068(String issuer, String audience) {
    JwtTimestampValidator times = new JwtTimestampValidator(LEEWAY);
    times.setAllowEmptyExpiryClaim(false);
    return JwtValidators.createAtJwtValidator()
        .issuer(issuer)
        .audience(audience)
        .validators(checks -> {
          checks.put("client_id", new JwtClaimValidator<String>("client_id", StringUtils::hasText));
          checks.put("exp", times); // the default leeway is 60 seconds
          checks.put("iat", times);
        })
        .build();
  }

  /** What Spring Security does not check. */
  private static OAuth2TokenValidator<Jwt> beyond(String audience) {
    return new DelegatingOAuth2TokenValidator<>(List.of(
        // A token for several audiences can be carried from one to the other.
        new JwtClaimValidator<List<String>>("aud", List.of(audience)::equals),
        // RFC 9449, RFC 8705: bound to a key that nobody has checked here.
        new JwtClaimValidator<>("cnf", Objects::isNull),
        AccessTokens::lifetime));
  }

  private static OAuth2TokenValidatorResult lifetime(Jwt token) {
    Instant issued = token.getIssuedAt();
    Instant expires = token.getExpiresAt();
    boolean sound = issued != null && expires != null
        && !issued.isAfter(Instant.now().plus(LEEWAY))
        && Duration.between(issued, expires).compareTo(MAX_LIFETIME) <= 0;
    return sound ? success() : failure(new OAuth2Error("invalid_token", "the times are not sound", null));
  }
}
