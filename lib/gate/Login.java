package lakehouse.gate;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;
import javax.security.sasl.AuthenticationException;
import org.apache.hive.service.auth.AuthenticationProviderFactory;
import org.apache.hive.service.auth.AuthenticationProviderFactory.AuthMethods;
import org.apache.hive.service.auth.PasswdAuthenticationProvider;

/** Checks name and password against {@link Accounts}: a salted PBKDF2 hash, or the company's LDAP server. */
public final class Login implements PasswdAuthenticationProvider {
  private static final String LDAP = "ldap";
  // Of a password that nobody has: an unknown name takes as long as a wrong password.
  private static final String NOBODY = "pbkdf2-sha512:210000:" + "00".repeat(16) + ":" + "00".repeat(32);
  // A slow hash is work for the server too; more than two at once would be a way to stop it.
  private static final Semaphore HASHING = new Semaphore(2);
  // Clients connect often. What was proved once is remembered under a key that this process alone has.
  private static final byte[] KEY = new byte[32];
  private static final Map<String, byte[]> PROVED = new ConcurrentHashMap<>();

  static {
    new SecureRandom().nextBytes(KEY);
  }

  @Override
  public void Authenticate(String name, String password) throws AuthenticationException {
    Accounts.Account account = Accounts.find(name);
    if (!proves(account, password == null ? "" : password)) {
      Journal.line("refused a login user=" + (account == null ? "unknown" : account.name()));
      throw new AuthenticationException("Name or password is wrong.");
    }
  }

  private static boolean proves(Accounts.Account account, String password) {
    try {
      if (account == null) {
        matches(NOBODY, password);
        return false;
      }
      if (password.isEmpty()) {
        return false;
      }
      if (account.secret().equals(LDAP)) {
        AuthenticationProviderFactory.getAuthenticationProvider(AuthMethods.LDAP)
            .Authenticate(account.name(), password);
        return true;
      }
      byte[] proof = proof(account, password);
      if (MessageDigest.isEqual(proof, PROVED.get(account.name()))) {
        return true;
      }
      boolean right = matches(account.secret(), password);
      if (right) {
        PROVED.put(account.name(), proof);
      }
      return right;
    } catch (GeneralSecurityException | AuthenticationException | RuntimeException unusable) {
      return false;
    }
  }

  private static byte[] proof(Accounts.Account account, String password) throws GeneralSecurityException {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(KEY, "HmacSHA256"));
    return mac.doFinal((account.name() + "\0" + account.secret() + "\0" + password).getBytes(StandardCharsets.UTF_8));
  }

  private static boolean matches(String secret, String password) throws GeneralSecurityException {
    String[] parts = secret.split(":"); // pbkdf2-sha512:iterations:salt:hash
    byte[] salt = HexFormat.of().parseHex(parts[2]);
    byte[] expected = HexFormat.of().parseHex(parts[3]);
    char[] letters = password.toCharArray();
    HASHING.acquireUninterruptibly();
    try {
      PBEKeySpec spec = new PBEKeySpec(letters, salt, Integer.parseInt(parts[1]), expected.length * 8);
      byte[] actual = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA512").generateSecret(spec).getEncoded();
      return parts[0].equals("pbkdf2-sha512") && MessageDigest.isEqual(actual, expected);
    } finally {
      HASHING.release();
      Arrays.fill(letters, ' ');
    }
  }
}
