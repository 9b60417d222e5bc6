package example;

import java.util.List;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.oauth2.jwt.JwtAudienceValidator;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.jwt.JwtIssuerValidator;
import org.springframework.security.oauth2.jwt.JwtTypeValidator;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;

/** Spring Security with the least configuration that takes our tokens. Takes the place of the example's class of this name. */
@Configuration
class AccessTokens {

  @Bean
  JwtDecoder jwtDecoder(
      @Value("${orders.issuer}") String issuer,
      @Value("${orders.audience}") String audience,
      @Value("${DEFAULT_TYPES:false}") boolean defaultTypes) {
    JwtTypeValidator type = defaultTypes ? JwtTypeValidator.jwt() : new JwtTypeValidator("at+jwt", "JWT");
    type.setAllowEmpty(true);
    NimbusJwtDecoder decoder = NimbusJwtDecoder.withIssuerLocation(issuer).validateType(false).build();
    decoder.setJwtValidator(JwtValidators.createDefaultWithValidators(
        List.of(type, new JwtIssuerValidator(issuer), new JwtAudienceValidator(audience))));
    return decoder;
  }
}
