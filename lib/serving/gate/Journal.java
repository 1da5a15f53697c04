package lakehouse.gate;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HexFormat;
import org.apache.spark.sql.catalyst.CurrentUserContext;

/** One line on stderr for each refusal: time, user, kind, hash. Never a statement, a password or a value. */
final class Journal {
  private static volatile boolean quiet;

  private Journal() {}

  static void quiet(boolean value) {
    quiet = value;
  }

  static void refused(String kind, String statement) {
    String user = CurrentUserContext.CURRENT_USER().get();
    line("refused " + kind + " user=" + (user == null ? "-" : user) + " statement=" + hash(statement));
  }

  static void line(String text) {
    if (quiet) {
      return;
    }
    System.err.println(Instant.now().truncatedTo(ChronoUnit.SECONDS) + " " + text);
  }

  private static String hash(String statement) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(statement.getBytes(StandardCharsets.UTF_8));
      return "sha256:" + HexFormat.of().formatHex(digest);
    } catch (GeneralSecurityException missing) {
      throw new IllegalStateException(missing);
    }
  }
}
