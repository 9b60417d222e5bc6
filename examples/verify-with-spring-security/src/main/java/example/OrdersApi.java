package example;

import static org.springframework.http.HttpMethod.GET;
import static org.springframework.security.config.Customizer.withDefaults;
import static org.springframework.security.config.http.SessionCreationPolicy.STATELESS;

import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.web.server.context.WebServerInitializedEvent;
import org.springframework.context.annotation.Bean;
import org.springframework.context.event.EventListener;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** An API that verifies its callers' access tokens with Spring Security. The guide is docs/how-to/verify-with-spring-security.md. */
@SpringBootApplication
@RestController
public class OrdersApi {

  public static void main(String[] arguments) {
    SpringApplication.run(OrdersApi.class, arguments);
  }

  /** Which scope each route takes. What is not listed is refused. */
  @Bean
  SecurityFilterChain routes(HttpSecurity http) throws Exception {
    return http
        .authorizeHttpRequests(routes -> routes
            .requestMatchers(GET, "/orders").hasAuthority("SCOPE_orders:read")
            .anyRequest().denyAll())
        .oauth2ResourceServer(server -> server.jwt(withDefaults()))
        .sessionManagement(sessions -> sessions.sessionCreationPolicy(STATELESS))
        .build();
  }

  @GetMapping("/orders")
  Map<String, Object> orders(@AuthenticationPrincipal Jwt token) {
    return Map.of("orders", 3, "caller", token.getClaimAsString("client_id"));
  }

  @EventListener
  void listening(WebServerInitializedEvent event) {
    System.out.println("orders API on http://127.0.0.1:" + event.getWebServer().getPort());
  }
}
